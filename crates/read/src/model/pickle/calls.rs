//! Functions whose result the machine knows without calling them.

use weighbridge_core::fact::Global;

/// What the machine knows about a global.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// `getattr`: of a global and a name, again a global.
    GetAttribute,
    /// `_codecs.encode`: with Latin-1, the way in which old protocols write bytes.
    Encode,
    /// `copyreg._reconstructor`, `copyreg.__newobj__`: an instance of its first argument.
    Reconstruct,
    /// `copyreg.add_extension`: fills the registry that EXT looks in.
    AddExtension,
    /// Loads the pickle in the argument at this position.
    Load(u8),
    /// Makes a file of bytes.
    BytesFile,
    /// A class of dictionaries, whose instances can be the state of an object; made with more than this many
    /// arguments they have items that the machine does not know.
    Dictionary(u32),
    /// `joblib.numpy_pickle.NumpyArrayWrapper`: the bytes of an array follow.
    ArrayWrapper,
    /// Calls its first argument.
    Caller,
    /// `marshal.loads`: makes code of bytes.
    Unmarshal,
    /// Makes code of its parts.
    MakeCode,
    /// Gives the built-in type whose name is its argument; with `CodeType` it makes code.
    TypeByName,
    /// Lays a tensor over a storage.
    Tensor,
    /// `torch._tensor._rebuild_from_type_v2`: calls its first argument with its third.
    WrappedTensor,
    /// Anything else.
    Other,
}

impl Known {
    /// Whether good files only ever call it themselves, so that it is worth a word when it is handed to others.
    pub(super) fn is_tool(self) -> bool {
        match self {
            Self::GetAttribute | Self::Reconstruct | Self::AddExtension | Self::Load(_) | Self::Caller => {
                true
            }
            Self::WrappedTensor => true,
            Self::Unmarshal
            | Self::Tensor
            | Self::MakeCode
            | Self::TypeByName
            | Self::Encode
            | Self::BytesFile
            | Self::Dictionary(_)
            | Self::ArrayWrapper
            | Self::Other => false,
        }
    }
}

/// What is known of `global`.
pub(super) fn known(global: &Global) -> Known {
    match (global.module.as_str(), global.name.as_str()) {
        ("builtins" | "__builtin__", "getattr") => Known::GetAttribute,
        ("_codecs" | "codecs", "encode") => Known::Encode,
        ("copyreg" | "copy_reg", "_reconstructor" | "__newobj__" | "__newobj_ex__") => Known::Reconstruct,
        ("copyreg" | "copy_reg", "add_extension") => Known::AddExtension,
        (
            "pickle"
            | "_pickle"
            | "cPickle"
            | "dill"
            | "dill._dill"
            | "cloudpickle"
            | "cloudpickle.cloudpickle",
            "loads" | "load" | "_loads" | "_load",
        )
        | ("torch.storage", "_load_from_bytes")
        | ("torch" | "torch.serialization", "load")
        | ("joblib" | "joblib.numpy_pickle", "load")
        | ("numpy" | "numpy.lib.npyio" | "numpy.lib._npyio_impl", "load")
        | ("pandas" | "pandas.io.pickle", "read_pickle") => Known::Load(0),
        ("spacy.vocab", "unpickle_vocab") => Known::Load(4),
        ("marshal", "loads") => Known::Unmarshal,
        ("types", "CodeType") | ("dill" | "dill.dill" | "dill._dill", "_create_code") => Known::MakeCode,
        ("cloudpickle" | "cloudpickle.cloudpickle", "_builtin_type")
        | ("dill" | "dill.dill" | "dill._dill", "_load_type") => Known::TypeByName,
        ("io" | "_io", "BytesIO") => Known::BytesFile,
        ("builtins" | "__builtin__", "dict") | ("collections", "OrderedDict" | "Counter") => {
            Known::Dictionary(0)
        }
        ("collections", "defaultdict") => Known::Dictionary(1),
        ("functools", "partial" | "reduce")
        | ("jax._src.array", "_reconstruct_array")
        | ("pandas.core.index" | "pandas.core.indexes.base" | "pandas.indexes.base", "_new_Index") => {
            Known::Caller
        }
        (
            "torch._utils",
            "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3" | "_rebuild_qtensor",
        ) => Known::Tensor,
        ("torch._tensor", "_rebuild_from_type_v2") => Known::WrappedTensor,
        ("joblib.numpy_pickle", "NumpyArrayWrapper") => Known::ArrayWrapper,
        _ => Known::Other,
    }
}

/// Whether Python knows this name for Latin-1.
pub(super) fn is_latin1(encoding: &str) -> bool {
    let name = encoding.to_ascii_lowercase().replace(['-', ' '], "_");
    matches!(
        name.as_str(),
        "latin1" | "latin_1" | "iso_8859_1" | "iso8859_1" | "8859" | "cp819" | "latin" | "l1"
    )
}
