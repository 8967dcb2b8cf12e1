use weighbridge_core::fact::{Effect, EffectKind, Global, Operator, Target, Value};
use weighbridge_core::report::Safety::{self, Dangerous, Harmless, Unread, Untrusted};

use super::*;

/// `module:name`.
fn global(text: &str) -> Global {
    let (module, name) = text.split_once(':').unwrap();
    Global { module: module.to_owned(), name: name.to_owned() }
}

fn named(text: &str) -> Value {
    Value::Global(global(text))
}

fn made(text: &str) -> Value {
    Value::ResultOf(global(text))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned(), u64::try_from(text.len()).unwrap())
}

fn state(items: &[(&str, Value)]) -> Value {
    let items: Vec<(Value, Value)> = items.iter().map(|(key, value)| (text(key), value.clone())).collect();
    let count = u64::try_from(items.len()).unwrap();
    Value::Dict(items, count)
}

fn bytes() -> Value {
    Value::Bytes(vec![0x80], 1)
}

fn tuple(values: Vec<Value>) -> Value {
    let count = u64::try_from(values.len()).unwrap();
    Value::Tuple(values, count)
}

fn check(kind: EffectKind, target: Target, arguments: Vec<Value>, expected: Safety) {
    let effect = Effect::new(kind, target, "REDUCE").with(arguments);
    let (safety, reason) = judge(&effect);
    assert_eq!(safety, expected, "{effect}: {reason}");
    assert_eq!(reason.is_empty(), safety == Harmless, "{effect}: {reason}");
}

#[test]
fn names_are_judged_by_exact_lists() {
    for (name, expected) in [
        ("collections:OrderedDict", Harmless),
        ("torch:FloatStorage", Harmless),
        ("numpy.core.multiarray:_reconstruct", Harmless),
        ("numpy._core.multiarray:_reconstruct", Harmless),
        ("sklearn.svm._classes:LinearSVC", Harmless),
        ("__builtin__:getattr", Harmless),
        ("sklearn.svm._classes:Unheard", Untrusted),
        ("shop.features:Scaler", Untrusted),
        ("__main__:Model", Untrusted),
        ("cloudpickle.cloudpickle:_make_function", Untrusted),
        ("collections:Unheard", Untrusted),
        ("os:system", Dangerous),
        ("posix:system", Dangerous),
        ("subprocess:Popen", Dangerous),
        ("builtins:eval", Dangerous),
        ("importlib.util:find_spec", Dangerous),
        ("asyncio.unix_events:_UnixSubprocessTransport._start", Dangerous),
        ("wave:open", Dangerous),
        ("numpy.testing._private.utils:runstring", Dangerous),
        ("torch.hub:load", Dangerous),
        ("numpy.lib._datasource:os.system", Dangerous),
        ("collections:OrderedDict.__init__.__globals__", Dangerous),
        ("shop:Scaler._hidden", Dangerous),
        ("numpy:__builtins__", Dangerous),
        ("shop:__loader__", Dangerous),
        ("shop:__private", Untrusted),
        ("types:FunctionType", Dangerous),
        ("collections:namedtuple", Dangerous),
    ] {
        check(EffectKind::Import, Target::Global(global(name)), vec![], expected);
    }
    check(EffectKind::Import, Target::Unknown("a computed name in `os`".to_owned()), vec![], Dangerous);
    check(EffectKind::Extension, Target::Unknown("extension code 5".to_owned()), vec![], Untrusted);
    check(EffectKind::Buffer, Target::Unknown("a buffer from outside".to_owned()), vec![], Unread);
}

#[test]
fn calls_are_judged_by_their_shape() {
    let none = || Value::None;
    for (name, arguments, expected) in [
        ("builtins:getattr", vec![named("zoneinfo:ZoneInfo"), text("_unpickle")], Harmless),
        ("builtins:getattr", vec![named("builtins:str"), text("split")], Harmless),
        (
            "builtins:getattr",
            vec![named("scipy.stats._stats_py:LinregressResult"), text("__new__")],
            Harmless,
        ),
        ("builtins:getattr", vec![named("builtins:str"), text("__subclasses__")], Dangerous),
        ("builtins:getattr", vec![named("shop:Scaler"), text("fit")], Dangerous),
        ("builtins:getattr", vec![named("pathlib:Path"), text("unlink")], Dangerous),
        ("builtins:getattr", vec![named("builtins:str"), Value::Text(String::new(), 5)], Dangerous),
        ("builtins:getattr", vec![made("builtins:getattr"), text("system")], Dangerous),
        ("builtins:getattr", vec![made("nltk.stem.snowball:EnglishStemmer"), text("stem")], Harmless),
        ("builtins:getattr", vec![made("re:_compile"), text("finditer")], Harmless),
        ("builtins:getattr", vec![made("re:_compile"), text("__class__")], Dangerous),
        ("builtins:getattr", vec![made("pathlib:Path"), text("unlink")], Dangerous),
        ("builtins:getattr", vec![made("shop:Scaler"), text("fit")], Dangerous),
        ("zoneinfo:ZoneInfo._unpickle", vec![text("Europe/Berlin"), Value::Int("1".to_owned())], Harmless),
        ("builtins:str.format_map", vec![text("{x}")], Untrusted),
        ("_codecs:encode", vec![text("x"), text("latin1")], Harmless),
        ("_codecs:encode", vec![Value::Text(String::new(), 9), text("latin1")], Harmless),
        ("_codecs:encode", vec![text("x"), text("rot13")], Untrusted),
        (
            "copyreg:_reconstructor",
            vec![named("argparse:Namespace"), named("builtins:object"), none()],
            Harmless,
        ),
        ("copyreg:_reconstructor", vec![named("shop:Scaler"), named("builtins:object"), none()], Untrusted),
        ("functools:partial", vec![named("numpy:mean")], Harmless),
        ("functools:partial", vec![named("os:system"), text("id")], Dangerous),
        ("functools:partial", vec![named("builtins:getattr")], Dangerous),
        ("functools:partial", vec![named("shop:scale")], Untrusted),
        ("functools:partial", vec![Value::Unknown], Dangerous),
        ("collections:defaultdict", vec![named("builtins:int")], Harmless),
        ("collections:defaultdict", vec![named("os:getcwd")], Untrusted),
        ("torch.storage:_load_from_bytes", vec![bytes()], Harmless),
        ("torch.storage:_load_from_bytes", vec![made("shop:read")], Untrusted),
        ("pickle:loads", vec![bytes()], Harmless),
        (
            "torch._tensor:_rebuild_from_type_v2",
            vec![named("torch._utils:_rebuild_tensor_v2"), none()],
            Harmless,
        ),
        ("torch._tensor:_rebuild_from_type_v2", vec![named("os:system"), none()], Dangerous),
        (
            "torch._tensor:_rebuild_from_type_v2",
            vec![named("torch._utils:_rebuild_tensor_v2"), state(&[("__setstate__", named("pickle:loads"))])],
            Dangerous,
        ),
        ("torch._utils:_rebuild_parameter_with_state", vec![none(), state(&[("a", none())])], Harmless),
        (
            "torch._utils:_rebuild_parameter_with_state",
            vec![none(), state(&[("__class__", none())])],
            Untrusted,
        ),
        ("builtins:type", vec![none()], Harmless),
        ("builtins:type", vec![text("A"), tuple(vec![]), state(&[])], Untrusted),
        ("gensim.models.word2vec:Word2Vec", vec![text("/etc/passwd")], Untrusted),
        ("numpy:mean", vec![none()], Untrusted),
        ("os:system", vec![text("id")], Dangerous),
        ("shop:make", vec![], Untrusted),
    ] {
        check(EffectKind::Call, Target::Global(global(name)), arguments, expected);
    }
    check(EffectKind::New, Target::Global(global("gensim.models.word2vec:Word2Vec")), vec![], Harmless);
    // A tool that was handed over may be called with anything.
    check(EffectKind::Call, Target::Global(global("pickle:loads")), vec![Value::Unknown], Untrusted);
    check(EffectKind::Call, Target::Global(global("builtins:getattr")), vec![Value::Unknown], Dangerous);
    check(EffectKind::Call, Target::ResultOf(global("functools:partial")), vec![], Dangerous);
    check(EffectKind::Call, Target::ResultOf(global("collections:deque")), vec![], Untrusted);
}

#[test]
fn state_may_be_data_and_nothing_special() {
    let class = || Target::ResultOf(global("sklearn.svm._classes:LinearSVC"));
    for (value, expected) in [
        (state(&[("C", Value::Float("1.0".to_owned())), ("metric", named("numpy:mean"))]), Harmless),
        (Value::None, Harmless),
        (tuple(vec![Value::None, state(&[("slot", Value::None)])]), Harmless),
        (state(&[("__setstate__", named("builtins:getattr"))]), Dangerous),
        (state(&[("__class__", Value::None)]), Dangerous),
        (state(&[("__model", bytes())]), Harmless),
        (state(&[("__networkx_cache__", Value::None)]), Harmless),
        (state(&[("__doc__", text("about"))]), Harmless),
        (state(&[("extend", made("functools:partial"))]), Dangerous),
        (tuple(vec![Value::None, state(&[("__dict__", Value::None)])]), Dangerous),
        (Value::Dict(vec![(Value::Unknown, Value::None)], 1), Untrusted),
        (Value::Unknown, Untrusted),
        (made("builtins:getattr"), Untrusted),
        (made("nltk.probability:FreqDist"), Untrusted),
        (made("collections:OrderedDict"), Harmless),
    ] {
        check(EffectKind::State, class(), vec![value], expected);
    }
    let partial = |function| tuple(vec![named(function), tuple(vec![]), state(&[]), Value::None]);
    let made_partial = || Target::ResultOf(global("functools:partial"));
    check(EffectKind::State, made_partial(), vec![partial("numpy:mean")], Harmless);
    check(EffectKind::State, made_partial(), vec![partial("os:system")], Dangerous);
    check(EffectKind::State, made_partial(), vec![partial("shop:scale")], Untrusted);
    check(EffectKind::State, Target::Global(global("numpy:size")), vec![state(&[])], Dangerous);
    check(EffectKind::State, Target::ResultOf(global("shop:Scaler")), vec![state(&[])], Untrusted);
    check(EffectKind::SetItem, Target::ResultOf(global("collections:OrderedDict")), vec![], Harmless);
    check(EffectKind::SetItem, Target::Global(global("collections:OrderedDict")), vec![], Dangerous);
}

#[test]
fn ids_of_storages_are_harmless_and_others_unknown() {
    let target = || Target::Unknown("persistent_load".to_owned());
    let storage = tuple(vec![text("storage"), named("torch:FloatStorage"), text("0"), text("cpu")]);
    check(EffectKind::Persistent, target(), vec![storage], Harmless);
    check(EffectKind::Persistent, target(), vec![text("1")], Unread);
}

#[test]
fn operators_are_judged_by_the_table_of_their_set() {
    let operator = |set, domain: &str, name: &str| {
        Target::Operator(Operator { set, domain: domain.to_owned(), name: name.to_owned() })
    };
    for (target, expected) in [
        (operator("onnx", "", "Conv"), Harmless),
        (operator("onnx", "com.evil", "Conv"), Untrusted),
        (operator("no such set", "", "Conv"), Untrusted),
    ] {
        check(EffectKind::Operate, target, vec![], expected);
    }
}

#[test]
fn what_a_model_opens_must_lie_beside_it() {
    let path = |path: &str| Target::Path(path.to_owned());
    for (kind, target, expected) in [
        (EffectKind::Read, path("model.data"), Harmless),
        (EffectKind::Read, path("weights/part-1..bin"), Harmless),
        (EffectKind::Read, path("../../etc/passwd"), Dangerous),
        (EffectKind::Read, path("a/../../b"), Dangerous),
        (EffectKind::Read, path("..\\b"), Dangerous),
        (EffectKind::Read, path("/etc/passwd"), Dangerous),
        (EffectKind::Read, path("C:\\b"), Dangerous),
        (EffectKind::Read, path("~/b"), Dangerous),
        (EffectKind::Read, path("data\0/../b"), Dangerous),
        (EffectKind::Read, path("https://example.org/a"), Untrusted),
        (EffectKind::Fetch, path("https://example.org/a"), Untrusted),
        (EffectKind::Write, path("beside.txt"), Untrusted),
        (EffectKind::Write, path("/tmp/out"), Dangerous),
        (EffectKind::Run, Target::Code { language: "Python bytecode", beginning: String::new() }, Untrusted),
        (EffectKind::Corrupt, Target::Unknown("a count that wraps".to_owned()), Dangerous),
        (EffectKind::Overrun, Target::Unknown("4 bytes behind the end".to_owned()), Untrusted),
    ] {
        check(kind, target, vec![], expected);
    }
}

/// Python imports `encodings.NAME` for any name that it does not know.
#[test]
fn an_encoding_must_be_a_usual_one() {
    let call = |name: &str, arguments: Vec<Value>, expected| {
        check(EffectKind::Call, Target::Global(global(name)), arguments, expected);
    };
    for name in ["builtins:bytes", "builtins:bytearray"] {
        call(name, vec![text("x"), text("latin-1")], Harmless);
        call(name, vec![text("x"), text("UTF-8"), text("strict")], Harmless);
        call(name, vec![text("x"), text("format")], Untrusted);
        call(name, vec![text("x"), Value::Unknown], Untrusted);
        call(name, vec![Value::Int("4".to_owned())], Harmless);
        call(name, vec![], Harmless);
    }
    call("builtins:str", vec![bytes(), text("mro")], Untrusted);
    call("builtins:str", vec![bytes(), state(&[("encoding", text("mro"))])], Untrusted);
    call("builtins:str", vec![state(&[("encoding", text("mro"))])], Untrusted);
}
