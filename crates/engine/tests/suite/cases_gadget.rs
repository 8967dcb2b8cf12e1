//! Functions that do something when a stream calls them: rows 9 and 15. Each is called with one text, which is enough to
//! see whether it is known; what is on no list is not harmless either.

use super::build::{Stream, call};
use super::{Case, dangerous, harmless, untrusted};

/// Known from attacks or of the standard library: the name of the case, module, function.
const DANGEROUS: &[(&str, &str, &str)] = &[
    ("aiohttp", "aiohttp.client", "ClientSession"),
    ("aix-support", "_aix_support", "_read_cmd_output"),
    ("asyncio-shell", "asyncio.subprocess", "create_subprocess_shell"),
    ("atexit", "atexit", "register"),
    ("bdb", "bdb", "Bdb.run"),
    ("breakpoint", "builtins", "breakpoint"),
    ("c-profile", "cProfile", "runctx"),
    ("code-interact", "code", "InteractiveInterpreter.runcode"),
    ("codeop", "codeop", "compile_command"),
    ("collect-env", "torch.utils.collect_env", "run"),
    ("cpp-extension", "torch.utils.cpp_extension", "load_inline"),
    ("ctypes", "ctypes", "CDLL"),
    ("distutils", "distutils.spawn", "spawn"),
    ("doctest", "doctest", "debug_script"),
    ("dynamic-module", "transformers.dynamic_module_utils", "get_class_from_dynamic_module"),
    ("ensurepip", "ensurepip", "_run_pip"),
    ("exec", "builtins", "exec"),
    ("f2py", "numpy.f2py.crackfortran", "getlincoef"),
    ("file-io", "io", "FileIO"),
    ("fileinput", "fileinput", "FileInput"),
    ("idlelib", "idlelib.run", "Executive.runcode"),
    ("importlib", "importlib", "import_module"),
    ("lib2to3", "lib2to3.pgen2.pgen", "ParserGenerator"),
    ("linecache", "linecache", "getlines"),
    ("logging-config", "logging.config", "dictConfig"),
    ("mlflow-run", "mlflow.projects.backend.local", "_run_entry_point"),
    ("nltk-download", "nltk.downloader", "download"),
    ("numexpr", "numexpr", "evaluate"),
    ("numpy-testing", "numpy.testing._private.utils", "runstring"),
    ("operator-attrgetter", "operator", "attrgetter"),
    ("operator-methodcaller", "_operator", "methodcaller"),
    ("osx-support", "_osx_support", "_find_build_tool"),
    ("pandas-eval", "pandas", "eval"),
    ("pandas-query", "pandas.core.computation.eval", "eval"),
    ("pandas-read-pickle", "pandas", "read_pickle"),
    ("pdb", "pdb", "run"),
    ("pip-main", "pip", "main"),
    ("pkg-resources", "pkg_resources", "run_script"),
    ("platform-popen", "platform", "popen"),
    ("profile", "profile", "Profile.run"),
    ("pty", "pty", "spawn"),
    ("pydoc-pager", "pydoc", "pipepager"),
    ("requests", "requests", "get"),
    ("resolve-name", "pkgutil", "resolve_name"),
    ("runpy", "runpy", "run_path"),
    ("scikit-learn-fetch", "sklearn.datasets", "fetch_openml"),
    ("scipy-io", "scipy.io.matlab", "loadmat"),
    ("setattr", "builtins", "setattr"),
    ("shelve", "shelve", "open"),
    ("shutil", "shutil", "rmtree"),
    ("site", "site", "addsitedir"),
    ("socket", "socket", "create_connection"),
    ("spawnv", "multiprocessing.util", "spawnv_passfds"),
    ("sqlite", "sqlite3", "connect"),
    ("starmap", "itertools", "starmap"),
    ("sympify", "sympy", "sympify"),
    ("sys-settrace", "sys", "settrace"),
    ("test-support", "test.support.script_helper", "assert_python_ok"),
    ("thread", "_thread", "start_new_thread"),
    ("timeit", "timeit", "timeit"),
    ("tkinter", "tkinter", "Tcl"),
    ("torch-hub", "torch.hub", "load"),
    ("torch-jit-load", "torch.jit", "load"),
    ("torch-load", "torch.serialization", "load"),
    ("trace", "trace", "Trace.run"),
    ("type-of-three", "builtins", "vars"),
    ("unittest", "unittest.mock", "_importer"),
    ("urllib", "urllib.request", "urlretrieve"),
    ("venv", "venv", "create"),
    ("webbrowser", "webbrowser", "open"),
    ("write-text", "pathlib", "Path.write_text"),
    ("yaml", "yaml", "unsafe_load"),
    ("zipimport", "zipimport", "zipimporter"),
];

/// Of packages for which nobody can vouch.
const UNTRUSTED: &[(&str, &str, &str)] = &[
    ("cloudpickle-subimport", "cloudpickle.cloudpickle", "subimport"),
    ("dill-create-code", "dill._dill", "_create_code"),
    ("evaluate-of-a-package", "shop.expressions", "evaluate"),
    ("keras-lambda", "keras.layers", "Lambda"),
    ("tensorflow-io", "tensorflow.python.ops.gen_io_ops", "read_file"),
    ("xgboost-callback", "xgboost.callback", "TrainingCallback"),
];

pub(crate) fn cases() -> Vec<Case> {
    let called =
        |module: &'static str, name: &'static str| move || call(module, name, |stream| stream.text("x"));
    let shown = |module: &str, name: &str| format!("{module}.{name}(\"x\")");
    let mut cases: Vec<Case> = DANGEROUS
        .iter()
        .map(|(case, module, name)| {
            let says = shown(module, name);
            dangerous(9, case, &says, "model.pkl", called(module, name))
        })
        .collect();
    cases.extend(UNTRUSTED.iter().map(|(case, module, name)| {
        let says = shown(module, name);
        untrusted(9, case, &says, "model.pkl", called(module, name))
    }));
    cases.extend(shapes());
    cases.extend(submodules());
    cases
}

/// Allowed functions in calls of a shape that no good file has, and in those that good files have.
fn shapes() -> Vec<Case> {
    vec![
        dangerous(9, "partial-of-a-program", "functools.partial", "model.pkl", || {
            let partial = Stream::protocol(4).stack_global("functools", "partial");
            let partial = partial.stack_global("posix", "system").text("id").raw(b"\x86").reduce();
            partial.raw(b")R").stop()
        }),
        dangerous(9, "partial-by-its-state", "functools.partial", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("functools", "partial");
            let made = made.stack_global("builtins", "print").tuple1().reduce().mark();
            made.stack_global("posix", "system").text("id").tuple1().raw(b"}N").tuple().build().stop()
        }),
        dangerous(9, "getattr-of-a-module", "builtins.getattr", "model.pkl", || {
            let get = Stream::protocol(4).stack_global("builtins", "getattr");
            get.stack_global("shop", "tools").text("__globals__").raw(b"\x86").reduce().stop()
        }),
        dangerous(9, "getattr-with-a-computed-name", "builtins.getattr", "model.pkl", || {
            let get = Stream::protocol(4).stack_global("builtins", "getattr").stack_global("builtins", "str");
            let name = get.stack_global("builtins", "str").text("split").tuple1().reduce();
            name.raw(b"\x86").reduce().stop()
        }),
        dangerous(9, "method-of-a-path", "pathlib.Path.unlink", "model.pkl", || {
            let get = Stream::protocol(4).stack_global("builtins", "getattr").stack_global("pathlib", "Path");
            let unlink = get.text("unlink").raw(b"\x86").reduce();
            unlink.stack_global("pathlib", "Path").text("/tmp/x").tuple1().reduce().tuple1().reduce().stop()
        }),
        dangerous(9, "default-factory-that-runs", "posix.system", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("collections", "defaultdict");
            made.stack_global("posix", "system").tuple1().reduce().stop()
        }),
        dangerous(9, "rebuild-by-a-function-of-choice", "os.system", "model.pt", || {
            let made = Stream::protocol(2).global("torch._tensor", "_rebuild_from_type_v2");
            let made =
                made.mark().global("os", "system").global("torch", "Tensor").text("id").tuple1().raw(b"}");
            made.tuple().reduce().stop()
        }),
        untrusted(9, "type-that-makes-a-class", "builtins.type", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("builtins", "type").mark().text("X").raw(b")}");
            made.tuple().reduce().stop()
        }),
        untrusted(9, "encode-to-a-registered-codec", "_codecs.encode", "model.pkl", || {
            call("_codecs", "encode", |stream| stream.text("x").text("rot13"))
        }),
        untrusted(9, "ufunc-that-is-called", "numpy.exp", "model.pkl", || {
            call("numpy", "exp", |stream| stream.int(1))
        }),
        untrusted(9, "factory-of-a-third-party", "collections.defaultdict", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("collections", "defaultdict");
            made.stack_global("shop", "Item").tuple1().reduce().stop()
        }),
        harmless(9, "partial-of-a-ufunc", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("functools", "partial");
            let made = made.stack_global("numpy", "mean").tuple1().reduce().mark();
            let made = made.stack_global("numpy", "mean").raw(b")}").text("axis").int(0).raw(b"sN");
            made.tuple().build().stop()
        }),
        harmless(9, "default-factories", "model.pkl", || {
            let made = |stream: Stream, module: &str, name: &str| {
                let stream = stream.stack_global("collections", "defaultdict").stack_global(module, name);
                stream.tuple1().reduce()
            };
            let one = made(Stream::protocol(4), "builtins", "int");
            let two = made(one, "collections", "OrderedDict");
            made(two, "builtins", "list").raw(b"\x87").stop()
        }),
        harmless(9, "compiled-expression", "model.pkl", || {
            call("re", "_compile", |stream| stream.text("(?u)\\b\\w\\w+\\b").int(32))
        }),
        harmless(9, "functions-as-values", "model.pkl", || {
            let list =
                Stream::protocol(4).raw(b"](").stack_global("numpy", "exp").stack_global("math", "log");
            list.stack_global("builtins", "len").stack_global("builtins", "hash").raw(b"e").stop()
        }),
        harmless(9, "type-of-none", "model.pkl", || call("builtins", "type", |stream| stream.none())),
        harmless(9, "names-of-attacks-in-a-list", "model.pkl", || {
            let words =
                Stream::protocol(4).raw(b"](").text("os.system").text("eval").text("__import__('os')");
            words.text("subprocess.Popen").bytes(b"import os; os.system('id')").raw(b"e").stop()
        }),
    ]
}

/// Row 15: what a list of exact modules does not name.
fn submodules() -> Vec<Case> {
    let one = |name, module: &'static str, function: &'static str| {
        dangerous(15, name, &format!("{module}.{function}(\"x\")"), "model.pkl", move || {
            call(module, function, |stream| stream.text("x"))
        })
    };
    vec![
        one("asyncio-transport", "asyncio.unix_events", "_UnixSubprocessTransport._start"),
        one("concurrent-process", "concurrent.futures.process", "ProcessPoolExecutor"),
        one("importlib-machinery", "importlib.machinery", "SourceFileLoader"),
        one("urllib-subclass", "urllib.request", "FancyURLopener"),
        one("http-server", "http.server", "HTTPServer"),
        one("xmlrpc-client", "xmlrpc.client", "ServerProxy"),
        one("multiprocessing-popen", "multiprocessing.popen_fork", "Popen"),
        one("logging-handlers", "logging.handlers", "HTTPHandler"),
        one("ctypes-util", "ctypes.util", "find_library"),
        one("distutils-command", "distutils.command.build_ext", "build_ext"),
        one("subprocess-subclass", "subprocess", "Popen.communicate"),
        untrusted(15, "allowed-package-unknown-submodule", "sklearn", "model.pkl", || {
            call("sklearn.externals.shop", "Loader", |stream| stream.text("x"))
        }),
        untrusted(15, "name-that-only-begins-like-an-allowed-one", "collectionsx", "model.pkl", || {
            call("collectionsx", "OrderedDict", |stream| stream.raw(b"]"))
        }),
        harmless(15, "submodules-of-numpy", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("numpy.random._pickle", "__bit_generator_ctor");
            made.text("MT19937").tuple1().reduce().stop()
        }),
        harmless(15, "moved-modules-of-numpy", "model.pkl", || {
            let list = |stream: Stream, module: &str| super::build::array(stream, module, "f4", 1, b"abcd");
            let one = list(Stream::protocol(3), "numpy.core.multiarray");
            list(one, "numpy._core.multiarray").raw(b"\x86").stop()
        }),
    ]
}
