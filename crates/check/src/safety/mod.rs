//! What loading a model file would mean: harmless, untrusted, dangerous.
//!
//! The default is to deny. Only what stands on the exact allow-list (`data/globals.tsv`), used as its rule says, is
//! harmless. What nobody here can vouch for is untrusted. The list of known attacks, and the standard library as a
//! whole, only raise untrusted to dangerous and say why. Formats with operators or layers of their own are judged by the
//! table of their set (`data/operators/`).

mod archives;
mod artifacts;
mod checkpoints;
mod named;
mod operators;
mod program;
mod shape;
mod table;
mod version;

pub use artifacts::{find_owners, judge_artifacts};
pub use version::version;

use weighbridge_core::fact::{Effect, EffectKind, Global, Operator, Target, Value};
use weighbridge_core::report::Safety;
use weighbridge_core::show::Shown;

use self::table::{Kind, Rule};

/// A verdict, and why in one line; nothing to say for a harmless effect.
type Judgement = (Safety, String);

const HARMLESS: Judgement = (Safety::Harmless, String::new());

fn untrusted(why: impl Into<String>) -> Judgement {
    (Safety::Untrusted, why.into())
}

fn dangerous(why: impl Into<String>) -> Judgement {
    (Safety::Dangerous, why.into())
}

/// What one effect means, and why in one line (empty for a harmless one).
pub fn judge(effect: &Effect) -> (Safety, String) {
    match (effect.kind, &effect.target) {
        (EffectKind::Import | EffectKind::Call, Target::Global(global)) if named::is_named(effect) => {
            named::judge(effect, global)
        }
        (EffectKind::Import, Target::Global(global)) => judge_import(global),
        (EffectKind::Import, Target::Unknown(_) | Target::ResultOf(_)) => {
            dangerous("the stream computes what it imports, which only serves to hide it")
        }
        (EffectKind::Extension, _) => untrusted("only the loading program knows what stands under this code"),
        (EffectKind::Buffer, _) => (Safety::Unread, "a part of the data is not in this file".to_owned()),
        (EffectKind::Persistent, _) => judge_persistent(&effect.arguments),
        (EffectKind::Call | EffectKind::New, Target::Global(global)) => judge_call(effect, global),
        (EffectKind::Call | EffectKind::New, Target::ResultOf(origin)) => judge_call_of_result(origin),
        (EffectKind::State, Target::ResultOf(origin)) => judge_state(origin, &effect.arguments),
        (
            EffectKind::State | EffectKind::SetItem | EffectKind::Append | EffectKind::Add,
            Target::Global(global),
        ) => dangerous(format!("it changes `{global}` itself for the whole program")),
        (EffectKind::SetItem | EffectKind::Append | EffectKind::Add, Target::ResultOf(origin)) => {
            judge_import(origin)
        }
        (_, Target::Operator(operator)) => judge_operator(operator),
        (_, Target::Code { language, .. }) => judge_code(effect.opcode, language),
        (kind, Target::Path(path)) => judge_path(kind, path).max(judge_opening(effect.opcode)),
        (EffectKind::Corrupt, _) => dangerous("loaders that do not check this use memory that is not theirs"),
        (EffectKind::Overrun, _) => {
            untrusted("the file was cut short, or is made so that a loader reads past its end")
        }
        (EffectKind::Read, Target::Unknown(_)) if effect.opcode == checkpoints::CONSTRUCT => {
            untrusted("`torch.load` loads these bytes for themselves, and so nobody here has read them")
        }
        (_, Target::Unknown(_)) => untrusted("only running the stream could tell what this object is"),
        // No reader makes these; whatever they would mean, it is nothing that is understood.
        (
            EffectKind::Operate | EffectKind::Run | EffectKind::Read | EffectKind::Write | EffectKind::Fetch,
            Target::Global(global) | Target::ResultOf(global),
        ) => judge_import(global).max(untrusted(format!("what is done with `{global}` is not known"))),
    }
}

/// An operator, layer or filter, by the table of its set.
fn judge_operator(operator: &Operator) -> Judgement {
    match operators::known(operator) {
        Some(known) if known.safety == Safety::Harmless => HARMLESS,
        Some(known) => (known.safety, format!("`{operator}` {}", known.reason)),
        None => untrusted(format!("`{operator}` is not known, so whoever loads the file needs code for it")),
    }
}

/// Code that the file carries: good files do so too, so it is no attack by itself, and never harmless.
fn judge_code(construct: &str, language: &str) -> Judgement {
    match (construct, language) {
        ("_attn_implementation_internal", _) => dangerous(
            "transformers before 5.3 fetches these kernels and runs them without being asked (CVE-2026-4372)",
        ),
        ("auto_map" | "custom_pipelines" | "_class_name", _) => {
            untrusted(format!("`trust_remote_code=True` runs {language}, which nobody here has read"))
        }
        ("handler" | "modelFile" | "code" | "model_code_path" | "_attn_implementation", _) => {
            untrusted(format!("loading runs {language}, which nobody here has read"))
        }
        (_, "R promise") => {
            dangerous("a promise runs its code when the object is first touched, and no saved data needs one")
        }
        _ => untrusted(format!("the file brings {language} along, which nobody here has read")),
    }
}

/// A file that loading opens: beside the model that is how large models are stored, anywhere else it is an attack.
fn judge_path(kind: EffectKind, path: &str) -> Judgement {
    let url = path.contains("://");
    if kind == EffectKind::Fetch || url {
        return untrusted("whoever answers under this address decides what is loaded");
    }
    if leads_out(path) {
        return dangerous(match kind {
            EffectKind::Write => "it writes a file outside of the folder of the model",
            _ => "it opens a file outside of the folder of the model",
        });
    }
    match kind {
        EffectKind::Read => HARMLESS,
        _ => untrusted("loading a model writes no files"),
    }
}

/// What opening another file means for formats that need none: Keras keeps all weights and vocabularies in its own files.
fn judge_opening(construct: &str) -> Judgement {
    match construct {
        "Keras external link" | "Keras external storage" | "Keras virtual dataset" => untrusted(
            "Keras keeps all weights in one file: this one makes it show what stands in another (CVE-2026-1669)",
        ),
        "Keras vocabulary" => untrusted(
            "Keras packs vocabularies into the model: this one makes it read a file of the machine (CVE-2025-12058)",
        ),
        "Keras filepath" => untrusted("what is loaded depends on a file that is no part of the model"),
        _ => HARMLESS,
    }
}

/// Whether a path, as POSIX or as Windows reads it, can lead out of the folder against which it is resolved.
fn leads_out(path: &str) -> bool {
    let mut characters = path.chars();
    let first = characters.next();
    let drive = characters.next() == Some(':') && first.is_some_and(|letter| letter.is_ascii_alphabetic());
    drive
        || matches!(first, Some('/' | '\\' | '~'))
        || path.contains('\0')
        || path.split(['/', '\\']).any(|step| step == "..")
}

/// What naming a global means: its module is imported, and it becomes a value.
fn judge_import(global: &Global) -> Judgement {
    if table::allowed(global).is_some() {
        return HARMLESS;
    }
    judge_unknown(global)
}

/// What a global that is not on the allow-list is.
fn judge_unknown(global: &Global) -> Judgement {
    if let Some(attack) = table::dangerous(global) {
        return dangerous(format!("`{global}` {}", attack.reason));
    }
    if let Some(hidden) = hidden_segment(&global.name) {
        return dangerous(format!("`{hidden}` reaches behind what `{}` offers", Shown(&global.module)));
    }
    match table::standard(global) {
        Some(false) => dangerous(format!(
            "`{global}` is of a part of the standard library that does more than hold data"
        )),
        Some(true) => untrusted(format!("`{global}` is not known to be harmless")),
        None => judge_foreign(global),
    }
}

/// The package of a global whose code nobody here can vouch for, by the name of the module that is imported first; none
/// if that is the standard library, the loading program, or nothing that Python could import.
pub fn foreign_package(global: &Global) -> Option<&str> {
    let package = global.module.split('.').next().filter(|package| !package.is_empty())?;
    let of_program = matches!(package, "__main__" | "__mp_main__" | "__torch__");
    (!of_program && table::allowed(global).is_none() && table::standard(global).is_none()).then_some(package)
}

/// What a global of no known library is.
fn judge_foreign(global: &Global) -> Judgement {
    let package = global.module.split('.').next().unwrap_or_default();
    match package {
        "__main__" | "__mp_main__" => {
            untrusted(format!("`{global}` is of the program that loads the file, whichever that is"))
        }
        // Names of TorchScript's own types; no Python module can be called so. Those that the archive defines itself are
        // harmless, which only whoever sees all of it can tell.
        "__torch__" => match archives::class(global) {
            Some(class) => judge_operator(&class),
            None => {
                untrusted(format!("`{global}` is a type of TorchScript that the archive does not define"))
            }
        },
        "cloudpickle" | "dill" => untrusted(format!("the file carries code by value (`{global}`)")),
        _ => untrusted(format!("code of package `{}` runs, for which nobody here can vouch", Shown(package))),
    }
}

/// The first segment of a dotted name that no class offers openly, or what every module has for the interpreter's use
/// (`__builtins__`, `__loader__`).
fn hidden_segment(name: &str) -> Option<String> {
    if name.starts_with("__") && name.ends_with("__") {
        return Some(Shown(name).to_string());
    }
    let (_, rest) = name.split_once('.')?;
    let modules =
        ["os", "sys", "subprocess", "builtins", "posix", "importlib", "shutil", "socket", "ctypes", "pickle"];
    let mut segments = name.split('.').take(1).chain(rest.split('.'));
    segments
        .find(|segment| segment.starts_with('_') || modules.contains(segment))
        .map(|hidden| Shown(hidden).to_string())
}

fn judge_call(effect: &Effect, global: &Global) -> Judgement {
    let Some(entry) = table::allowed(global) else { return judge_method(global) };
    match shape::fits(entry, effect) {
        Ok(()) => HARMLESS,
        Err(why) => match entry.rule {
            Rule::Partial => judge_partial(global, effect.arguments.first(), why),
            // A call that the rule does not know of is what these are used for in attacks.
            Rule::Getattr | Rule::Proxy => dangerous(format!("`{global}`: {why}")),
            _ => untrusted(format!("`{global}`: {why}")),
        },
    }
}

/// A partial function is only a value; whoever calls it in the stream is judged there. It is as bad as the function that
/// it holds, if that is code for which merely nobody can vouch, and an attack if it is anything else.
fn judge_partial(partial: &Global, function: Option<&Value>, why: &str) -> Judgement {
    match function {
        Some(Value::Global(function)) if table::allowed(function).is_none() => {
            judge_method(function).max(untrusted(format!("`{partial}`: {why}")))
        }
        _ => dangerous(format!("`{partial}`: {why}")),
    }
}

/// A call of what is not on the list by itself: perhaps a method of a class that is.
fn judge_method(global: &Global) -> Judgement {
    if let Some((class, method)) = global.name.rsplit_once('.') {
        let class = Global { module: global.module.clone(), name: class.to_owned() };
        if let Some(entry) = table::allowed(&class)
            && entry.kind == Kind::Class
        {
            return match method {
                "__new__" if matches!(entry.rule, Rule::Data | Rule::Object) => HARMLESS,
                _ if method.starts_with('_') => {
                    dangerous(format!("`{global}` reaches behind what the class offers"))
                }
                _ => match table::dangerous(global) {
                    Some(attack) => dangerous(format!("`{global}` {}", attack.reason)),
                    None => untrusted(format!("the method `{global}` is not known to be harmless")),
                },
            };
        }
    }
    judge_unknown(global)
}

fn judge_call_of_result(origin: &Global) -> Judgement {
    match table::allowed(origin) {
        Some(entry) if matches!(entry.rule, Rule::Partial | Rule::Getattr) => {
            dangerous(format!("it calls what `{origin}` has put together"))
        }
        Some(_) => untrusted(format!("it calls what `{origin}` has returned")),
        None => judge_unknown(origin),
    }
}

/// Names of methods that later opcodes look up on an object, and so would call what state has planted there.
const LOOKED_UP: [&str; 4] = ["append", "extend", "add", "find_class"];

fn judge_state(origin: &Global, arguments: &[Value]) -> Judgement {
    let Some(entry) = table::allowed(origin) else { return judge_unknown(origin) };
    let [state] = arguments else { return untrusted("its state is not known") };
    if entry.rule == Rule::Partial {
        let function = match state {
            Value::Tuple(parts, _) => parts.first(),
            _ => None,
        };
        return shape::partial_state(state)
            .map_or_else(|why| judge_partial(origin, function, why), |()| HARMLESS);
    }
    if matches!(entry.rule, Rule::Getattr | Rule::Proxy | Rule::Nested(_) | Rule::TypeOf) {
        return untrusted(format!(
            "it sets the state of what `{origin}` has returned, which can be anything"
        ));
    }
    judge_state_value(state).max(program::judge(origin, state))
}

fn judge_state_value(state: &Value) -> Judgement {
    match state {
        Value::Dict(items, _) => items.iter().map(judge_item).max().unwrap_or(HARMLESS),
        Value::Tuple(parts, 2) => {
            let parts = parts.iter().map(|part| match part {
                Value::Dict(..) | Value::Unknown | Value::ResultOf(_) => judge_state_value(part),
                _ => HARMLESS,
            });
            parts.max().unwrap_or(HARMLESS)
        }
        Value::Unknown => untrusted("the state that it sets is not known"),
        // It may be a dictionary, with attributes that nobody sees here.
        Value::ResultOf(origin) if may_be_dictionary(origin) => {
            untrusted(format!("the state that it sets is computed by `{origin}`"))
        }
        Value::Global(global) => untrusted(format!("the state that it sets is `{global}`")),
        _ => HARMLESS,
    }
}

/// Whether the result of a call, used as state, could hold attributes that are not shown. The dictionaries of the
/// standard library are shown with their items, or as unknown.
fn may_be_dictionary(origin: &Global) -> bool {
    match table::allowed(origin) {
        Some(entry) if matches!(entry.rule, Rule::Data | Rule::Object | Rule::Factory) => {
            // Subclasses of `dict`; and a function that older versions of numpy let give back any object.
            entry.module.starts_with("nltk.") || matches!(entry.name, "scalar" | "Bunch" | "OptimizeResult")
        }
        _ => true,
    }
}

fn judge_item((key, value): &(Value, Value)) -> Judgement {
    match key {
        Value::Text(name, _) if DATA_ATTRIBUTES.contains(&name.as_str()) => HARMLESS,
        // Python looks up names with two underscores on both sides; `__model` is a name like others.
        Value::Text(name, length)
            if name.starts_with("__")
                && (name.ends_with("__") || u64::try_from(name.len()) != Ok(*length)) =>
        {
            dangerous(format!("it plants `{}` on the object", Shown(name)))
        }
        Value::Text(name, _) if LOOKED_UP.contains(&name.as_str()) && is_code(value) => {
            dangerous(format!("it plants a method `{name}` on the object, which the loader would call"))
        }
        Value::Unknown => untrusted("the state that it sets has attributes that are not known"),
        Value::ResultOf(origin) => untrusted(format!("an attribute's name is computed by `{origin}`")),
        _ => HARMLESS,
    }
}

/// Special attributes that hold data and that good files set.
const DATA_ATTRIBUTES: [&str; 7] = [
    "__doc__",
    "__module__",
    "__name__",
    "__networkx_cache__",
    "__pydantic_fields_set__",
    "__qualname__",
    "__version__",
];

fn is_code(value: &Value) -> bool {
    matches!(value, Value::Global(_) | Value::ResultOf(_) | Value::Unknown)
}

/// PyTorch asks for storages by `('storage', type, key, location, count)`, and once asked for the source of modules.
fn judge_persistent(arguments: &[Value]) -> Judgement {
    match arguments {
        [Value::Tuple(parts, _)] => match parts.first() {
            Some(Value::Text(kind, _)) if kind == "storage" || kind == "module" => HARMLESS,
            // `torch.package` calls the function that the id names.
            Some(Value::Text(kind, _)) if kind == "reduce_package" => match parts.get(2) {
                Some(Value::Global(global)) => judge_import(global)
                    .max(untrusted(format!("`{global}` is called with what the package holds"))),
                _ => untrusted("a function is called with what the package holds"),
            },
            _ => (Safety::Unread, "only the loading program knows what this id stands for".to_owned()),
        },
        _ => (Safety::Unread, "only the loading program knows what this id stands for".to_owned()),
    }
}

/// What an effect that is not harmless does, as the end of a sentence that begins with the file: `runs a program`.
pub fn phrase(effect: &Effect) -> String {
    let target = &effect.target;
    let attack = match target {
        Target::Global(global) | Target::ResultOf(global) => {
            table::dangerous(global).map(|attack| attack.does)
        }
        _ => None,
    };
    match (effect.kind, attack) {
        (EffectKind::Call | EffectKind::New, Some("program")) => "runs a program".to_owned(),
        (EffectKind::Call | EffectKind::New, Some("code")) => "evaluates code".to_owned(),
        (EffectKind::Call | EffectKind::New, Some("network")) => "opens a connection".to_owned(),
        (EffectKind::Call | EffectKind::New, Some("import")) => "imports any module".to_owned(),
        (EffectKind::Call | EffectKind::New, _) => format!("calls `{target}`"),
        (EffectKind::Import, _) => format!("imports `{target}`"),
        (EffectKind::State | EffectKind::SetItem | EffectKind::Append | EffectKind::Add, _) => {
            format!("changes `{target}`")
        }
        (EffectKind::Extension, _) => format!("imports something by {target}"),
        (EffectKind::Persistent | EffectKind::Buffer, _) => format!("asks for {target}"),
        (EffectKind::Operate, _) => format!("uses `{target}`"),
        (EffectKind::Run, _) => format!("runs {target}"),
        (EffectKind::Read, _) => format!("opens `{target}`"),
        (EffectKind::Write, _) => format!("writes `{target}`"),
        (EffectKind::Fetch, _) => format!("fetches `{target}`"),
        (EffectKind::Corrupt, _) => "misleads its loader about sizes".to_owned(),
        (EffectKind::Overrun, _) => "claims data that it does not hold".to_owned(),
    }
}

#[cfg(test)]
mod tests;
