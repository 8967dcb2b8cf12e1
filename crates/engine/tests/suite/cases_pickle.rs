//! Pickles by themselves: rows 1 to 8, 10 to 12 and 34.

use super::build::{ATTACK, Stream, array, attack, call, old_checkpoint, plain, tensor, then_attack};
use super::{Case, dangerous, harmless, untrusted};

pub(crate) fn cases() -> Vec<Case> {
    [
        calls(),
        names_on_the_stack(),
        computed_names(),
        lexers(),
        extensions(),
        old_names(),
        dotted_names(),
        states(),
        nested(),
        several_streams(),
        budgets(),
        vanishing(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn system() -> Stream {
    Stream::protocol(2).global("posix", "system")
}

/// Row 1: every opcode that calls.
fn calls() -> Vec<Case> {
    vec![
        dangerous(1, "reduce", ATTACK, "model.pkl", attack),
        dangerous(1, "inst", ATTACK, "model.pkl", || Stream::old().raw(b"(S'id'\niposix\nsystem\n").stop()),
        dangerous(1, "obj", ATTACK, "model.pkl", || {
            Stream::protocol(2).mark().global("posix", "system").text("id").raw(b"o").stop()
        }),
        dangerous(1, "newobj", "subprocess.Popen.__new__(\"id\")", "model.pkl", || {
            Stream::protocol(2).global("subprocess", "Popen").text("id").tuple1().raw(b"\x81").stop()
        }),
        dangerous(1, "newobj-ex", "subprocess.Popen.__new__(\"id\", {})", "model.pkl", || {
            Stream::protocol(4).stack_global("subprocess", "Popen").text("id").tuple1().raw(b"}\x92").stop()
        }),
        dangerous(1, "protocol-0", ATTACK, "model.pkl", || {
            Stream::old().raw(b"cposix\nsystem\n(S'id'\ntR").stop()
        }),
        dangerous(1, "protocol-5-in-a-frame", ATTACK, "model.pkl", || {
            let frame = Stream::old().stack_global("posix", "system").text("id").tuple1().reduce().stop();
            let length = u64::try_from(frame.len()).unwrap();
            Stream::protocol(5).raw(b"\x95").raw(&length.to_le_bytes()).raw(&frame).0
        }),
        dangerous(1, "import-alone", "pty.spawn", "model.pkl", || {
            Stream::protocol(4).stack_global("pty", "spawn").stop()
        }),
        dangerous(1, "deep-in-a-dictionary", ATTACK, "model.pkl", || {
            let stream =
                Stream::protocol(2).raw(b"}").text("layers").raw(b"](").int(1).raw(b"}").text("weight");
            stream.global("posix", "system").text("id").tuple1().reduce().raw(b"sess").stop()
        }),
        untrusted(1, "third-party-class", "code of package `shop` runs", "model.pkl", || {
            call("shop.models", "Model", |stream| stream.int(1))
        }),
        untrusted(1, "import-of-a-third-party", "code of package `shop` runs", "model.pkl", || {
            Stream::protocol(4).stack_global("shop", "Model").stop()
        }),
        untrusted(1, "class-of-the-program", "of the program that loads the file", "model.pkl", || {
            Stream::protocol(4).stack_global("__main__", "Net").raw(b")\x81}b").stop()
        }),
        harmless(1, "ordered-dict", "model.pkl", || {
            call("collections", "OrderedDict", |stream| stream.raw(b"]"))
        }),
        harmless(1, "an-old-instance", "model.pkl", || {
            // `copy_reg._reconstructor`, as protocols 0 and 1 make every object.
            Stream::old()
                .raw(b"ccopy_reg\n_reconstructor\n(cargparse\nNamespace\nc__builtin__\nobject\nNtR(dS'a'\nI1\nsb")
                .stop()
        }),
        harmless(1, "a-new-object", "model.pkl", || {
            let made = Stream::protocol(2).global("types", "SimpleNamespace").raw(b")R}");
            made.text("rate").raw(b"G\x3f\xb9\x99\x99\x99\x99\x99\x9as").build().stop()
        }),
        harmless(1, "an-object-with-keywords", "model.pkl", || {
            let class = Stream::protocol(4).stack_global("argparse", "Namespace");
            class.raw(b")}\x92}").text("epochs").int(3).raw(b"s").build().stop()
        }),
        harmless(1, "text-that-names-a-call", "model.pkl", || {
            Stream::protocol(4).text("cposix\nsystem\n(S'id'\ntR.").stop()
        }),
    ]
}

/// Row 2: the stack and the memo are real.
fn names_on_the_stack() -> Vec<Case> {
    let parts = || Stream::protocol(4).text("posix").put(0).text("system").put(1);
    let call = |stream: Stream| stream.raw(b"\x93").text("id").tuple1().reduce().stop();
    vec![
        dangerous(2, "names-from-the-memo", ATTACK, "model.pkl", move || {
            call(parts().pop().pop().get(0).get(1))
        }),
        dangerous(2, "memo-written-twice", ATTACK, "model.pkl", move || {
            let twice = parts().text("print").put(1).pop().text("system").put(1).pop().pop().pop();
            call(twice.get(0).get(1))
        }),
        dangerous(2, "long-memo-indexes", ATTACK, "model.pkl", move || {
            let stored = Stream::protocol(4).text("posix").raw(b"r\xff\xff\0\0").text("system");
            call(stored.raw(b"r\x01\0\x01\0").pop().pop().raw(b"j\xff\xff\0\0j\x01\0\x01\0"))
        }),
        dangerous(2, "memoize-counts", ATTACK, "model.pkl", move || {
            let stored = Stream::protocol(4).text("posix").put(7).text("system").raw(b"\x94").pop().pop();
            call(stored.get(7).get(1))
        }),
        dangerous(2, "dup-and-pop", ATTACK, "model.pkl", move || {
            call(Stream::protocol(4).text("posix").text("system").raw(b"220").pop())
        }),
        dangerous(2, "pop-mark-between", ATTACK, "model.pkl", move || {
            let stream = Stream::protocol(4).text("posix").mark().none().none().raw(b"1");
            call(stream.text("system").mark().pop())
        }),
        dangerous(2, "names-from-a-tuple", ATTACK, "model.pkl", move || {
            // The tuple swallows two decoys that a look behind would take for the names.
            let stream = Stream::protocol(4).text("posix").text("system");
            call(stream.text("collections").text("OrderedDict").raw(b"\x86").pop())
        }),
        dangerous(2, "function-from-the-memo", ATTACK, "model.pkl", || {
            let kept = system().put(3).pop().text("weights").pop().get(3);
            kept.text("id").tuple1().reduce().stop()
        }),
        dangerous(2, "arguments-from-the-memo", ATTACK, "model.pkl", || {
            let kept = Stream::protocol(2).text("id").tuple1().put(9).pop().global("posix", "system").get(9);
            kept.reduce().stop()
        }),
        dangerous(2, "text-memo-opcodes", ATTACK, "model.pkl", || {
            Stream::old().raw(b"cposix\nsystem\np1\n0S'id'\np2\n0g1\n(g2\ntR").stop()
        }),
        harmless(2, "names-from-the-memo", "model.pkl", || {
            let parts = Stream::protocol(4).text("collections").put(0).text("OrderedDict").put(1).pop().pop();
            parts.get(0).get(1).raw(b"\x93)").reduce().stop()
        }),
        harmless(2, "shared-objects", "model.pkl", || {
            let list = Stream::protocol(4).raw(b"]\x94").mark().text("posix").raw(b"\x94").text("system");
            list.raw(b"\x94h\0h\x01h\x02e").stop()
        }),
        harmless(2, "a-list-in-itself", "model.pkl", || {
            Stream::protocol(2).raw(b"]").put(0).get(0).raw(b"a").stop()
        }),
    ]
}

/// Row 3: names that only the running stream knows.
fn computed_names() -> Vec<Case> {
    vec![
        dangerous(3, "joined", "import a computed name in `posix`", "model.pkl", || {
            let joined = Stream::protocol(4).text("posix").stack_global("builtins", "str.join").text("");
            let joined = joined.raw(b"](").text("sys").text("tem").raw(b"e\x86").reduce();
            joined.raw(b"\x93").text("id").tuple1().reduce().stop()
        }),
        dangerous(3, "replaced", "import a computed name in `posix`", "model.pkl", || {
            let name = Stream::protocol(4).text("posix").stack_global("builtins", "str.replace");
            let name = name.text("syXXtem").text("XX").text("s").raw(b"\x87").reduce();
            name.raw(b"\x93").text("id").tuple1().reduce().stop()
        }),
        dangerous(3, "module-from-a-call", "`system` in a computed module", "model.pkl", || {
            let module = Stream::protocol(4).stack_global("builtins", "str").text("posix").tuple1().reduce();
            module.text("system").raw(b"\x93").text("id").tuple1().reduce().stop()
        }),
        dangerous(3, "by-a-persistent-id", "a computed", "model.pkl", || {
            let module = Stream::protocol(4).text("x").raw(b"Q").text("system");
            module.raw(b"\x93").text("id").tuple1().reduce().stop()
        }),
        dangerous(3, "decoded", "import a computed name in `posix`", "model.pkl", || {
            let name = Stream::protocol(4).text("posix").stack_global("builtins", "bytes.decode");
            name.bytes(b"system").tuple1().reduce().raw(b"\x93").text("id").tuple1().reduce().stop()
        }),
        harmless(3, "a-long-text-is-a-text", "model.pkl", || {
            Stream::protocol(4).text(&"posix.system ".repeat(100)).stop()
        }),
        harmless(3, "str-of-bytes-as-data", "model.pkl", || {
            let bytes = Stream::protocol(2).global("_codecs", "encode").text("\u{80}abc").text("latin1");
            bytes.raw(b"\x86").reduce().stop()
        }),
    ]
}

/// Row 4: where lexers differ, and streams that break.
fn lexers() -> Vec<Case> {
    let by_python = |name, bytes: &'static [u8]| dangerous(4, name, ATTACK, "model.pkl", || bytes.to_vec());
    let broken = |name, end: &'static [u8]| {
        dangerous(4, name, ATTACK, "model.pkl", move || system().text("id").tuple1().reduce().raw(end).0)
    };
    vec![
        dangerous(4, "int-with-base-0", "posix._exit(31)", "model.pkl", || {
            Stream::old().raw(b"cposix\n_exit\n(I0x1f\ntR").stop()
        }),
        dangerous(4, "int-that-is-octal-in-c-alone", "posix._exit(8)", "model.pkl", || {
            Stream::old().raw(b"cposix\n_exit\n(I010\ntR").stop()
        }),
        dangerous(4, "int-that-is-true", "posix._exit(True)", "model.pkl", || {
            Stream::old().raw(b"cposix\n_exit\n(I01\ntR").stop()
        }),
        dangerous(4, "long-with-base-0", "posix._exit(31)", "model.pkl", || {
            Stream::old().raw(b"cposix\n_exit\n(L0x1fL\ntR").stop()
        }),
        dangerous(4, "escapes", ATTACK, "model.pkl", || {
            Stream::old().raw(b"cposix\nsystem\n(S'\\x69\\144'\ntR").stop()
        }),
        dangerous(4, "unicode-escapes-in-names", ATTACK, "model.pkl", || {
            Stream::protocol(4)
                .raw(b"V\\u0070osix\nVsyste\\U0000006d\n\x93")
                .text("id")
                .tuple1()
                .reduce()
                .stop()
        }),
        dangerous(4, "memo-index-with-spaces", ATTACK, "model.pkl", || {
            Stream::old().raw(b"cposix\nsystem\np 1_0 \n0(g10\nS'id'\nt0g10\n(S'id'\ntR").stop()
        }),
        dangerous(4, "text-in-eight-byte-length", ATTACK, "model.pkl", || {
            let name =
                Stream::protocol(4).raw(b"\x8d\x05\0\0\0\0\0\0\0posix\x8d\x06\0\0\0\0\0\0\0system\x93");
            name.text("id").tuple1().reduce().stop()
        }),
        dangerous(4, "names-as-strings", ATTACK, "model.pkl", || {
            let name = Stream::protocol(4).raw(b"U\x05posixT\x06\0\0\0system\x93");
            name.text("id").tuple1().reduce().stop()
        }),
        dangerous(4, "an-operand-that-a-frame-cuts", "posix.system", "model.pkl", || {
            let frame = Stream::protocol(4).raw(b"\x95\x03\0\0\0\0\0\0\0Nca").raw(b"posix\nsystem\n");
            frame.stop()
        }),
        dangerous(4, "a-protocol-in-the-middle", ATTACK, "model.pkl", || {
            then_attack(Stream::protocol(4).raw(b"}0\x80\x02"))
        }),
        dangerous(4, "a-frame-in-the-middle", ATTACK, "model.pkl", || {
            then_attack(Stream::protocol(4).raw(b"N0\x95\0\0\0\0\0\0\0\0"))
        }),
        broken("no-stop", b""),
        broken("an-unknown-opcode", b"\xff."),
        broken("an-empty-stack", b"00."),
        broken("a-missing-memo-entry", b"h\x07."),
        broken("a-text-that-is-no-utf-8", b"X\x01\0\0\0\xff."),
        broken("an-unhashable-key", b"}]Ns."),
        broken("a-protocol-of-the-future", b"\x80\x06."),
        broken("a-negative-length", b"\x8b\xff\xff\xff\xff."),
        broken("a-length-past-the-end", b"B\xff\xff\xff\x7fabc"),
        broken("a-number-that-is-none", b"Ione\n."),
        by_python("a-float-that-only-python-reads", b"\x80\x04F 1_0\n0cposix\nsystem\n(X\x02\0\0\0idtR."),
        by_python(
            "a-frame-longer-than-the-file",
            b"\x80\x04\x95\xff\0\0\0\0\0\0\0cposix\nsystem\n(X\x02\0\0\0idtR.",
        ),
        by_python("arguments-in-a-list", b"cposix\nsystem\n]X\x02\0\0\0idaR."),
        by_python("an-empty-state", b"K\x01)bcposix\nsystem\n(X\x02\0\0\0idtR."),
        harmless(4, "numbers-of-every-form", "model.pkl", || {
            Stream::protocol(4)
                .raw(b"(I-12\nI01\nL12345678901234567890L\n\x8a\x02\0\xffF1.50\nG\x3f\xf0\0\0\0\0\0\0l")
                .stop()
        }),
        harmless(4, "texts-of-every-form", "model.pkl", || {
            Stream::protocol(4).raw(b"(S'a\\n'\nVb\\u00e4\nU\x01cT\x01\0\0\0d\x8c\x01el").stop()
        }),
        harmless(4, "frames-of-protocol-4", "model.pkl", || {
            Stream::protocol(4).raw(b"\x95\x03\0\0\0\0\0\0\0](NN\x95\x02\0\0\0\0\0\0\0e.").0
        }),
    ]
}

/// Row 5: the extension registry.
fn extensions() -> Vec<Case> {
    let register = || {
        let name =
            Stream::protocol(2).global("copy_reg", "add_extension").mark().text("posix").text("system");
        name.int(9).tuple().reduce()
    };
    vec![
        dangerous(5, "registered-by-the-stream", ATTACK, "model.pkl", move || {
            register().raw(b"\x82\x09").text("id").tuple1().reduce().stop()
        }),
        dangerous(5, "in-two-bytes", ATTACK, "model.pkl", move || {
            register().raw(b"\x83\x09\0").text("id").tuple1().reduce().stop()
        }),
        dangerous(5, "in-four-bytes", ATTACK, "model.pkl", move || {
            register().raw(b"\x84\x09\0\0\0").text("id").tuple1().reduce().stop()
        }),
        dangerous(5, "registered-for-the-next-file", "copyreg.add_extension", "model.pkl", move || {
            register().raw(b"0}").stop()
        }),
        untrusted(5, "of-the-program", "import by extension code 9", "model.pkl", || {
            Stream::protocol(2).raw(b"\x82\x09)R").stop()
        }),
        harmless(5, "bytes-that-look-like-codes", "model.pkl", || {
            Stream::protocol(4).bytes(b"\x82\x09)R.").stop()
        }),
        harmless(5, "text-that-names-the-registry", "model.pkl", || {
            Stream::protocol(2).text("copyreg").text("add_extension").raw(b"\x86").stop()
        }),
    ]
}

/// Row 6: names of Python 2, which loaders rename up to protocol 2.
fn old_names() -> Vec<Case> {
    let old = |name, module: &'static str, global: &'static str, says: &str| {
        dangerous(6, name, says, "model.pkl", move || {
            Stream::protocol(2).global(module, global).text("1").tuple1().reduce().stop()
        })
    };
    let mapped = |name, module: &'static str, global: &'static str, says: &str| {
        dangerous(6, name, says, "model.pkl", move || {
            let call =
                Stream::protocol(2).global(module, global).global("posix", "system").raw(b"](").text("id");
            call.raw(b"e\x86").reduce().stop()
        })
    };
    vec![
        old("commands", "commands", "getoutput", "subprocess.getoutput(\"1\")"),
        old("builtin-eval", "__builtin__", "eval", "builtins.eval(\"1\")"),
        old("builtin-execfile", "__builtin__", "execfile", "builtins.execfile(\"1\")"),
        mapped("apply", "__builtin__", "apply", "builtins.apply(posix.system"),
        mapped("imap", "itertools", "imap", "builtins.map(posix.system"),
        mapped("ifilter", "itertools", "ifilter", "builtins.filter(posix.system"),
        mapped("reduce", "__builtin__", "reduce", "functools.reduce(posix.system"),
        old("urllib2", "urllib2", "urlopen", "urllib.request.urlopen(\"1\")"),
        dangerous(6, "copy-reg", "copyreg.add_extension(\"posix\", \"system\", 9)", "model.pkl", || {
            let call = Stream::protocol(2).global("copy_reg", "add_extension").text("posix").text("system");
            call.int(9).raw(b"\x87").reduce().stop()
        }),
        dangerous(6, "protocol-3-keeps-them", "commands.getoutput", "model.pkl", || {
            Stream::protocol(3).global("commands", "getoutput").text("x").tuple1().reduce().stop()
        }),
        harmless(6, "old-numbers-and-sets", "model.pkl", || {
            let set =
                Stream::protocol(2).global("__builtin__", "set").raw(b"](").int(1).int(2).raw(b"e\x85R");
            set.global("__builtin__", "xrange").int(0).int(5).int(1).raw(b"\x87R\x86").stop()
        }),
        harmless(6, "old-classes-of-collections", "model.pkl", || {
            let user = Stream::protocol(2).global("UserDict", "UserDict").raw(b")\x81}");
            user.text("data").raw(b"}s").build().stop()
        }),
    ]
}

/// Row 7: dotted names, which protocol 4 resolves step by step.
fn dotted_names() -> Vec<Case> {
    let through = |name, module: &'static str, dotted: &'static str| {
        dangerous(7, name, &format!("{module}.{dotted}("), "model.pkl", move || {
            call(module, dotted, |stream| stream.text("id"))
        })
    };
    vec![
        through("numpy-to-os", "numpy.lib._datasource", "os.system"),
        through("numpy-to-builtins", "numpy", "__builtins__.eval"),
        through("collections-to-sys", "collections", "_sys.modules.get"),
        through("random-to-os", "random", "_os.system"),
        through("dataclasses-to-sys", "dataclasses", "sys.exit"),
        through("torch-to-os", "torch._utils", "os.system"),
        through("function-to-globals", "collections", "namedtuple.__globals__.get"),
        through("function-to-builtins", "collections", "namedtuple.__builtins__.get"),
        through("argparse-to-os", "argparse", "_os.system"),
        dangerous(7, "by-getattr", "os.system(\"id\")", "model.pkl", || {
            let module = Stream::protocol(4).stack_global("builtins", "getattr");
            let system = module.stack_global("numpy.lib._datasource", "os").text("system").raw(b"\x86");
            system.reduce().text("id").tuple1().reduce().stop()
        }),
        dangerous(7, "class-to-subclasses", "builtins.object.__subclasses__()", "model.pkl", || {
            call("builtins", "object.__subclasses__", |stream| stream)
        }),
        dangerous(7, "hidden-attribute-of-a-class", "__subclasses__", "model.pkl", || {
            let class = Stream::protocol(4).stack_global("builtins", "getattr");
            let class = class.stack_global("collections", "OrderedDict").text("__subclasses__").raw(b"\x86");
            class.reduce().raw(b")R").stop()
        }),
        untrusted(7, "a-dotted-class-of-a-third-party", "code of package `shop` runs", "model.pkl", || {
            call("shop", "Cart.Item", |stream| stream.int(1))
        }),
        harmless(7, "a-method-as-a-value", "model.pkl", || {
            // As spaCy and scikit-learn keep a tokenizer.
            let get = Stream::protocol(4).stack_global("builtins", "getattr");
            get.stack_global("builtins", "str").text("split").raw(b"\x86").reduce().stop()
        }),
        harmless(7, "a-class-method-that-unpickles", "model.pkl", || {
            let zone = Stream::protocol(4).stack_global("builtins", "getattr");
            let zone = zone.stack_global("zoneinfo", "ZoneInfo").text("_unpickle").raw(b"\x86").reduce();
            zone.text("Europe/Berlin").int(1).raw(b"\x86").reduce().stop()
        }),
        harmless(7, "dots-in-texts", "model.pkl", || {
            Stream::protocol(4).text("numpy.lib._datasource").text("os.system").raw(b"\x86").stop()
        }),
    ]
}

/// Row 8: state on what is no instance, and methods planted on what is.
fn states() -> Vec<Case> {
    let state = |target: Stream, key: &str| target.raw(b"}").text(key);
    vec![
        dangerous(8, "on-a-function", "set state of numpy.size", "model.pkl", move || {
            state(Stream::protocol(2).global("numpy", "size"), "shape").none().raw(b"s").build().stop()
        }),
        dangerous(8, "on-a-class", "set state of collections.OrderedDict", "model.pkl", || {
            // A pair sets attributes one by one, which classes allow.
            let pair = Stream::protocol(2).global("collections", "OrderedDict").raw(b"N}").text("get");
            pair.global("builtins", "len").raw(b"s\x86").build().stop()
        }),
        dangerous(8, "builtins-on-a-function", "__builtins__", "model.pkl", move || {
            let builtins = Stream::protocol(4).stack_global("numpy", "size").raw(b"}").text("shape");
            builtins.stack_global("numpy", "__builtins__").raw(b"s").build().stop()
        }),
        dangerous(8, "a-planted-setstate", "__setstate__", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("argparse", "Namespace").raw(b")\x81}");
            let planted = made.text("__setstate__").stack_global("posix", "system").raw(b"s").build();
            planted.text("id").build().stop()
        }),
        dangerous(8, "a-planted-class", "__class__", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("argparse", "Namespace").raw(b")\x81}");
            made.text("__class__").stack_global("collections", "OrderedDict").raw(b"s").build().stop()
        }),
        dangerous(8, "a-planted-class-in-slots", "__class__", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("argparse", "Namespace").raw(b")\x81N}");
            let slots = made.text("__class__").stack_global("collections", "OrderedDict").raw(b"s\x86");
            slots.build().stop()
        }),
        dangerous(8, "a-planted-append", "plants a method `append`", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("argparse", "Namespace").raw(b")\x81}");
            let planted = made.text("append").stack_global("builtins", "len").raw(b"s").build();
            planted.text("id").raw(b"a").stop()
        }),
        dangerous(8, "items-of-the-environment", "set items of os.environ", "model.pkl", || {
            Stream::protocol(2).global("os", "environ").text("LD_PRELOAD").text("/tmp/x.so").raw(b"s").stop()
        }),
        dangerous(8, "appended-to-the-path", "append to sys.path", "model.pkl", || {
            Stream::protocol(2).global("sys", "path").text("/tmp/x").raw(b"a").stop()
        }),
        dangerous(8, "reduce-on-a-class-then-state", "__reduce__", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("types", "SimpleNamespace").raw(b")\x81}");
            made.text("__reduce__").stack_global("builtins", "len").raw(b"s").build().stop()
        }),
        untrusted(
            8,
            "a-state-that-a-call-computes",
            "set state of argparse.Namespace(…) to shop.state(…)",
            "model.pkl",
            || {
                let made = Stream::protocol(4).stack_global("argparse", "Namespace").raw(b")\x81");
                made.stack_global("shop", "state").raw(b")R").build().stop()
            },
        ),
        harmless(8, "slots-and-dictionary", "model.pkl", || {
            let made = Stream::protocol(2).global("argparse", "Namespace").raw(b")\x81}").text("a").int(1);
            made.raw(b"s}").text("b").int(2).raw(b"s\x86").build().stop()
        }),
        harmless(8, "an-attribute-called-append", "model.pkl", || {
            let made = Stream::protocol(2).global("argparse", "Namespace").raw(b")\x81}").text("append");
            made.raw(b"\x88s").build().stop()
        }),
        harmless(8, "items-of-a-dictionary-subclass", "model.pkl", || {
            let counter = Stream::protocol(2).global("collections", "Counter").raw(b"}").text("a").int(3);
            counter.raw(b"s\x85R").stop()
        }),
    ]
}

/// Row 10: loaders that streams call.
fn nested() -> Vec<Case> {
    let loads = |module: &'static str, name: &'static str, inner: fn() -> Vec<u8>| {
        move || call(module, name, |stream| stream.bytes(&inner()))
    };
    vec![
        dangerous(10, "pickle-loads", "loads@", "model.pkl", loads("pickle", "loads", attack)),
        dangerous(10, "c-pickle-loads", ATTACK, "model.pkl", loads("_pickle", "loads", attack)),
        dangerous(10, "dill-loads", ATTACK, "model.pkl", loads("dill", "loads", attack)),
        dangerous(10, "cloudpickle-loads", ATTACK, "model.pkl", loads("cloudpickle", "loads", attack)),
        dangerous(
            10,
            "load-from-bytes",
            ATTACK,
            "model.pt",
            loads("torch.storage", "_load_from_bytes", attack),
        ),
        dangerous(10, "four-deep", ATTACK, "model.pkl", || {
            (0..4).fold(attack(), |inner, _| call("pickle", "loads", |stream| stream.bytes(&inner)))
        }),
        dangerous(10, "encoded-as-latin-1", ATTACK, "model.pt", || {
            let text: String = attack().into_iter().map(char::from).collect();
            let load =
                Stream::protocol(2).global("torch.storage", "_load_from_bytes").global("_codecs", "encode");
            load.text(&text).text("latin1").raw(b"\x86").reduce().tuple1().reduce().stop()
        }),
        dangerous(10, "through-a-file-in-memory", ATTACK, "model.pkl", || {
            let load = Stream::protocol(3).global("torch", "load").global("_io", "BytesIO").bytes(&attack());
            load.tuple1().reduce().tuple1().reduce().stop()
        }),
        dangerous(10, "the-loader-as-an-argument", "pickle.loads", "model.pkl", || {
            let list = Stream::protocol(4).stack_global("builtins", "list").stack_global("builtins", "map");
            let map = list.stack_global("pickle", "loads").raw(b"](").bytes(&attack()).raw(b"e\x86").reduce();
            map.tuple1().reduce().stop()
        }),
        dangerous(10, "marshalled-code", "marshal.loads", "model.pkl", || {
            call("marshal", "loads", |stream| stream.bytes(b"\xe3\0\0\0\0"))
        }),
        dangerous(10, "a-function-from-code", "types.FunctionType", "model.pkl", || {
            let code =
                Stream::protocol(4).stack_global("types", "FunctionType").stack_global("marshal", "loads");
            code.bytes(b"\xe3\0\0\0\0").tuple1().reduce().raw(b"}\x86").reduce().stop()
        }),
        untrusted(10, "computed-bytes", "pickle.loads(base64.b64decode(…))", "model.pkl", || {
            let bytes =
                Stream::protocol(4).stack_global("pickle", "loads").stack_global("base64", "b64decode");
            bytes.text("Y3Bvc2l4CnN5c3RlbQo=").tuple1().reduce().tuple1().reduce().stop()
        }),
        dangerous(10, "joblib-load", "joblib.load(", "model.pkl", || {
            call("joblib", "load", |stream| stream.text("other.joblib"))
        }),
        dangerous(10, "numpy-load", "numpy.load(", "model.pkl", || {
            call("numpy", "load", |stream| stream.text("other.npy").none().raw(b"\x88"))
        }),
        untrusted(10, "code-by-value", "carries code by value", "model.pkl", || {
            let code = Stream::protocol(4).stack_global("cloudpickle.cloudpickle", "_make_function");
            code.mark().none().none().tuple().reduce().stop()
        }),
        harmless(10, "a-good-pickle-inside", "model.pkl", loads("pickle", "loads", plain)),
        harmless(10, "a-storage-from-bytes", "model.pkl", || {
            let inner = old_checkpoint(
                &tensor(Stream::protocol(2), "FloatStorage", "0", 2).stop(),
                &["0"],
                &[(2, b"cposix\ns")],
            );
            call("torch.storage", "_load_from_bytes", |stream| stream.bytes(&inner))
        }),
        harmless(10, "a-pickle-as-data", "model.pkl", || Stream::protocol(4).bytes(&attack()).stop()),
        harmless(10, "a-file-in-memory", "model.pkl", || {
            call("_io", "BytesIO", |stream| stream.bytes(&attack()))
        }),
    ]
}

/// Row 11: what stands behind the first stream.
fn several_streams() -> Vec<Case> {
    let behind = |name, between: &'static [u8]| {
        dangerous(11, name, ATTACK, "model.pkl", move || [plain(), between.to_vec(), attack()].concat())
    };
    let magic = |module: &'static str, name: &'static str| {
        move || {
            let number = call(module, name, |stream| stream.text("0x1950a86a20f9469cfc6c"));
            [number, plain()].concat()
        }
    };
    vec![
        behind("second-stream", b""),
        behind("behind-zeros", &[0; 100]),
        behind("behind-lines", b"\r\n\n"),
        behind("behind-text", b"-- end of the model --"),
        behind("behind-random-bytes", b"\x80\xff\x12\x80\x04\x99\x01.\x83\xfe"),
        dangerous(11, "hundredth-stream", ATTACK, "model.pkl", || [plain().repeat(99), attack()].concat()),
        dangerous(11, "protocol-0-behind-protocol-4", ATTACK, "model.pkl", || {
            [Stream::protocol(4).raw(b"N").stop(), b"cposix\nsystem\n(S'id'\ntR.".to_vec()].concat()
        }),
        dangerous(11, "old-checkpoint-object", ATTACK, "model.pt", || old_checkpoint(&attack(), &[], &[])),
        dangerous(11, "behind-the-storages-of-an-old-checkpoint", ATTACK, "model.pt", || {
            let object = tensor(Stream::protocol(2), "FloatStorage", "0", 1).stop();
            [old_checkpoint(&object, &["0"], &[(1, b"abcd")]), attack()].concat()
        }),
        dangerous(11, "in-the-place-of-the-system", ATTACK, "model.pt", || {
            let number = Stream::protocol(2).raw(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19").stop();
            [number, Stream::protocol(2).raw(b"M\xe9\x03").stop(), attack()].concat()
        }),
        dangerous(11, "magic-number-by-eval", "builtins.eval", "model.pt", magic("builtins", "eval")),
        untrusted(11, "magic-number-by-a-third-party", "shop", "model.pt", magic("shop", "number")),
        harmless(11, "two-good-streams", "model.pkl", || [plain(), plain()].concat()),
        harmless(11, "a-good-stream-and-zeros", "model.pkl", || [plain(), vec![0; 64]].concat()),
        harmless(11, "an-old-checkpoint", "model.pt", || {
            // The bytes of the storages look like a program; nobody runs them.
            let object =
                tensor(tensor(Stream::protocol(2).mark(), "FloatStorage", "5", 2), "LongStorage", "10", 1);
            old_checkpoint(
                &object.raw(b"l").stop(),
                &["10", "5"],
                &[(1, b"cposix\ns"), (2, b"\x80\x02cos\nx\n")],
            )
        }),
    ]
}

/// Row 12: long streams, with the call at the end.
fn budgets() -> Vec<Case> {
    vec![
        dangerous(12, "two-million-opcodes-before", ATTACK, "model.pkl", || {
            then_attack(Stream::protocol(2).raw(&b"N0".repeat(1_100_000)))
        }),
        dangerous(12, "twelve-megabytes-before", ATTACK, "model.pkl", || {
            then_attack(Stream::protocol(4).bytes(&vec![b'x'; 12 << 20]).pop())
        }),
        dangerous(12, "a-hundred-thousand-memo-entries-before", ATTACK, "model.pkl", || {
            then_attack(Stream::protocol(4).raw(&b"N\x94".repeat(100_000)).raw(b"(1").none())
        }),
        dangerous(12, "behind-a-thousand-good-calls", ATTACK, "model.pkl", || {
            let good =
                Stream::protocol(2).global("collections", "OrderedDict").raw(b")R0").0[2..].repeat(1000);
            then_attack(Stream::protocol(2).raw(&good))
        }),
        harmless(12, "a-million-numbers", "model.pkl", || {
            Stream::protocol(2).raw(b"](").raw(&b"K\x01".repeat(1_000_000)).raw(b"e").stop()
        }),
        harmless(12, "a-large-vocabulary", "vocabulary.pkl", || {
            let words = (0..50_000u32).fold(Stream::protocol(4).raw(b"}("), |stream, number| {
                stream.text(&format!("os.system{number}")).raw(b"J").raw(&number.to_le_bytes())
            });
            words.raw(b"u").stop()
        }),
        harmless(12, "many-arrays", "model.pkl", || {
            (0..500)
                .fold(Stream::protocol(3).raw(b"]("), |stream, _| {
                    array(stream, "numpy.core.multiarray", "f8", 2, b"cposix\nsystem\n(t")
                })
                .raw(b"e")
                .stop()
        }),
    ]
}

/// Row 34: calls that a decompiler drops, because nobody uses what they return.
fn vanishing() -> Vec<Case> {
    let system = || Stream::protocol(2).global("posix", "system").text("id").tuple1().reduce();
    vec![
        dangerous(34, "popped-reduce", ATTACK, "model.pkl", move || system().pop().none().stop()),
        dangerous(34, "popped-obj", ATTACK, "model.pkl", || {
            let call = Stream::protocol(2).mark().global("posix", "system").text("id").raw(b"o");
            call.pop().raw(b"}").stop()
        }),
        dangerous(34, "popped-with-a-mark", ATTACK, "model.pkl", || {
            let call = Stream::protocol(2).mark().global("posix", "system").text("id").tuple1().reduce();
            call.raw(b"1}").stop()
        }),
        dangerous(34, "overwritten-in-the-memo", ATTACK, "model.pkl", move || {
            system().put(0).pop().raw(b"}").put(0).stop()
        }),
        dangerous(34, "left-below-the-result", ATTACK, "model.pkl", move || system().raw(b"}").stop()),
        dangerous(34, "a-state-on-the-result", ATTACK, "model.pkl", move || {
            system().raw(b"}").build().stop()
        }),
        dangerous(34, "the-same-import-twice", ATTACK, "model.pkl", || {
            // The first import is data as far as anybody sees; a check that looks at each name once stops there.
            let first = Stream::protocol(2).global("posix", "system").pop().raw(b"}").pop();
            first.global("posix", "system").text("id").tuple1().reduce().stop()
        }),
        dangerous(34, "a-key-of-a-dictionary", ATTACK, "model.pkl", || {
            let call = Stream::protocol(2).raw(b"}").global("posix", "system").text("id").tuple1().reduce();
            call.int(1).raw(b"s").stop()
        }),
        harmless(34, "popped-good-call", "model.pkl", || {
            Stream::protocol(2).global("collections", "OrderedDict").raw(b")R0}").stop()
        }),
        harmless(34, "imported-and-not-used", "model.pkl", || {
            Stream::protocol(2).global("collections", "OrderedDict").raw(b"0}").stop()
        }),
    ]
}
