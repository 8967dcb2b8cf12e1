//! The messages of TensorFlow that are walked: `tensorflow/core/protobuf/{saved_model,meta_graph,saver,
//! saved_object_graph,tensor_bundle}.proto`, `tensorflow/core/framework/{graph,node_def,function,attr_value,tensor}.proto`
//! of version 2.21, and `keras/protobuf/saved_metadata.proto` of Keras 2.

use crate::protobuf::{Bytes, Fixed32, Fixed64, Message, Opaque, Sub, Text, Varint, many, one};

pub(super) static SAVED_MODEL: Message = Message {
    name: "SavedModel",
    more: &[],
    fields: &[one(1, "saved_model_schema_version", Varint), many(2, "meta_graphs", Sub(&META_GRAPH))],
};

pub(super) static META_GRAPH: Message = Message {
    name: "MetaGraphDef",
    more: &[],
    fields: &[
        one(1, "meta_info_def", Sub(&META_INFO)),
        one(2, "graph_def", Sub(&GRAPH)),
        one(3, "saver_def", Sub(&SAVER)),
        many(4, "collection_def", Opaque),
        many(5, "signature_def", Opaque),
        many(6, "asset_file_def", Sub(&ASSET)),
        one(7, "object_graph_def", Sub(&OBJECT_GRAPH)),
    ],
};

/// Looked into only to tell a graph from other messages.
pub(super) static META_INFO: Message = Message {
    name: "MetaInfoDef",
    more: &[],
    fields: &[
        one(1, "meta_graph_version", Text),
        one(2, "stripped_op_list", Opaque),
        one(3, "any_info", Opaque),
        many(4, "tags", Text),
        one(5, "tensorflow_version", Text),
        one(6, "tensorflow_git_version", Text),
        one(7, "stripped_default_attrs", Varint),
        many(8, "function_aliases", Opaque),
    ],
};

pub(super) static SAVER: Message = Message {
    name: "SaverDef",
    more: &[],
    fields: &[
        one(1, "filename_tensor_name", Text),
        one(2, "save_tensor_name", Text),
        one(3, "restore_op_name", Text),
        one(4, "max_to_keep", Varint),
        one(5, "sharded", Varint),
        one(6, "keep_checkpoint_every_n_hours", Fixed32),
        one(7, "version", Varint),
    ],
};

pub(super) static ASSET: Message = Message {
    name: "AssetFileDef",
    more: &[],
    fields: &[one(1, "tensor_info", Sub(&TENSOR_INFO)), one(2, "filename", Text)],
};

pub(super) static TENSOR_INFO: Message = Message {
    name: "TensorInfo",
    more: &[],
    fields: &[
        one(1, "name", Text),
        one(2, "dtype", Varint),
        one(3, "tensor_shape", Opaque),
        one(4, "coo_sparse", Opaque),
        one(5, "composite_tensor", Opaque),
    ],
};

pub(super) static OBJECT_GRAPH: Message = Message {
    name: "SavedObjectGraph",
    more: &[],
    fields: &[many(1, "nodes", Sub(&OBJECT)), many(2, "concrete_functions", Opaque)],
};

pub(super) static OBJECT: Message = Message {
    name: "SavedObject",
    more: &[],
    fields: &[
        many(1, "children", Opaque),
        many(3, "slot_variables", Opaque),
        one(4, "user_object", Sub(&USER_OBJECT)),
        one(5, "asset", Opaque),
        one(6, "function", Opaque),
        one(7, "variable", Opaque),
        one(8, "bare_concrete_function", Opaque),
        one(9, "constant", Opaque),
        one(10, "resource", Opaque),
        many(11, "saveable_objects", Opaque),
        one(12, "captured_tensor", Opaque),
        one(13, "registered_name", Text),
        one(14, "serialized_user_proto", Opaque),
        many(15, "dependencies", Opaque),
        one(16, "registered_saver", Text),
    ],
};

pub(super) static USER_OBJECT: Message = Message {
    name: "SavedUserObject",
    more: &[],
    fields: &[one(1, "identifier", Text), one(2, "version", Opaque), one(3, "metadata", Text)],
};

pub(super) static GRAPH: Message = Message {
    name: "GraphDef",
    more: &[],
    fields: &[
        many(1, "node", Sub(&NODE)),
        one(2, "library", Sub(&LIBRARY)),
        one(3, "version", Varint),
        one(4, "versions", Opaque),
        one(5, "debug_info", Opaque),
    ],
};

pub(super) static NODE: Message = Message {
    name: "NodeDef",
    more: &[],
    fields: &[
        one(1, "name", Text),
        one(2, "op", Text),
        many(3, "input", Text),
        one(4, "device", Text),
        many(5, "attr", Sub(&ATTRIBUTE)),
        one(6, "experimental_debug_info", Opaque),
        one(7, "experimental_type", Opaque),
    ],
};

pub(super) static ATTRIBUTE: Message =
    Message { name: "AttrEntry", more: &[], fields: &[one(1, "key", Text), one(2, "value", Sub(&VALUE))] };

pub(super) static VALUE: Message = Message {
    name: "AttrValue",
    more: &[],
    fields: &[
        one(1, "list", Sub(&LIST)),
        one(2, "s", Bytes),
        one(3, "i", Varint),
        one(4, "f", Fixed32),
        one(5, "b", Varint),
        one(6, "type", Varint),
        one(7, "shape", Opaque),
        one(8, "tensor", Sub(&TENSOR)),
        one(9, "placeholder", Text),
        one(10, "func", Sub(&FUNC)),
    ],
};

pub(super) static LIST: Message = Message {
    name: "ListValue",
    more: &[],
    fields: &[
        many(2, "s", Bytes),
        many(3, "i", Varint),
        many(4, "f", Fixed32),
        many(5, "b", Varint),
        many(6, "type", Varint),
        many(7, "shape", Opaque),
        many(8, "tensor", Sub(&TENSOR)),
        many(9, "func", Sub(&FUNC)),
    ],
};

pub(super) static FUNC: Message = Message {
    name: "NameAttrList",
    more: &[],
    fields: &[one(1, "name", Text), many(2, "attr", Sub(&ATTRIBUTE))],
};

pub(super) static TENSOR: Message = Message {
    name: "TensorProto",
    more: &[],
    fields: &[
        one(1, "dtype", Varint),
        one(2, "tensor_shape", Sub(&SHAPE)),
        one(3, "version_number", Varint),
        one(4, "tensor_content", Bytes),
        many(5, "float_val", Fixed32),
        many(6, "double_val", Fixed64),
        many(7, "int_val", Varint),
        many(8, "string_val", Bytes),
        many(9, "scomplex_val", Fixed32),
        many(10, "int64_val", Varint),
        many(11, "bool_val", Varint),
        many(12, "dcomplex_val", Fixed64),
        many(13, "half_val", Varint),
        many(14, "resource_handle_val", Opaque),
        many(15, "variant_val", Opaque),
        many(16, "uint32_val", Varint),
        many(17, "uint64_val", Varint),
        one(18, "float8_val", Bytes),
    ],
};

pub(super) static SHAPE: Message = Message {
    name: "TensorShapeProto",
    more: &[],
    fields: &[many(2, "dim", Sub(&DIM)), one(3, "unknown_rank", Varint)],
};

pub(super) static DIM: Message =
    Message { name: "Dim", more: &[], fields: &[one(1, "size", Varint), one(2, "name", Text)] };

pub(super) static LIBRARY: Message = Message {
    name: "FunctionDefLibrary",
    more: &[],
    fields: &[
        many(1, "function", Sub(&FUNCTION)),
        many(2, "gradient", Sub(&GRADIENT)),
        many(3, "registered_gradients", Opaque),
    ],
};

pub(super) static GRADIENT: Message = Message {
    name: "GradientDef",
    more: &[],
    fields: &[one(1, "function_name", Text), one(2, "gradient_func", Text)],
};

pub(super) static FUNCTION: Message = Message {
    name: "FunctionDef",
    more: &[],
    fields: &[
        one(1, "signature", Sub(&SIGNATURE)),
        many(3, "node_def", Sub(&NODE)),
        many(4, "ret", Opaque),
        many(5, "attr", Opaque),
        many(6, "control_ret", Opaque),
        many(7, "arg_attr", Opaque),
        many(8, "resource_arg_unique_id", Opaque),
    ],
};

pub(super) static SIGNATURE: Message = Message {
    name: "OpDef",
    more: &[],
    fields: &[
        one(1, "name", Text),
        many(2, "input_arg", Opaque),
        many(3, "output_arg", Opaque),
        many(4, "attr", Opaque),
        one(5, "summary", Text),
        one(6, "description", Text),
        one(8, "deprecation", Opaque),
        one(16, "is_aggregate", Varint),
        one(17, "is_stateful", Varint),
        one(18, "is_commutative", Varint),
        one(19, "allows_uninitialized_input", Varint),
        many(20, "control_output", Text),
        one(21, "is_distributed_communication", Varint),
    ],
};

pub(super) static BUNDLE_HEADER: Message = Message {
    name: "BundleHeaderProto",
    more: &[],
    fields: &[one(1, "num_shards", Varint), one(2, "endianness", Varint), one(3, "version", Opaque)],
};

pub(super) static BUNDLE_ENTRY: Message = Message {
    name: "BundleEntryProto",
    more: &[],
    fields: &[
        one(1, "dtype", Varint),
        one(2, "shape", Sub(&SHAPE)),
        one(3, "shard_id", Varint),
        one(4, "offset", Varint),
        one(5, "size", Varint),
        one(6, "crc32c", Fixed32),
        many(7, "slices", Opaque),
    ],
};

pub(super) static KERAS_METADATA: Message =
    Message { name: "SavedMetadata", more: &[], fields: &[many(1, "nodes", Sub(&KERAS_OBJECT))] };

pub(super) static KERAS_OBJECT: Message = Message {
    name: "SavedObject",
    more: &[],
    fields: &[
        one(2, "node_id", Varint),
        one(3, "node_path", Text),
        one(4, "identifier", Text),
        one(5, "metadata", Text),
        one(6, "version", Opaque),
    ],
};
