//! The messages of ONNX: `onnx/onnx-ml.proto`, version 14 of the intermediate representation.

use crate::protobuf::{Bytes, Fixed32, Fixed64, Message, Opaque, Sub, Text, Varint, many, one};

pub(super) static MODEL: Message = Message {
    name: "ModelProto",
    more: &[],
    fields: &[
        one(1, "ir_version", Varint),
        one(2, "producer_name", Text),
        one(3, "producer_version", Text),
        one(4, "domain", Text),
        one(5, "model_version", Varint),
        one(6, "doc_string", Text),
        one(7, "graph", Sub(&GRAPH)),
        many(8, "opset_import", Sub(&OPERATOR_SET)),
        many(14, "metadata_props", Sub(&ENTRY)),
        many(20, "training_info", Sub(&TRAINING)),
        many(25, "functions", Sub(&FUNCTION)),
        many(26, "configuration", Opaque),
    ],
};

pub(super) static GRAPH: Message = Message {
    name: "GraphProto",
    more: &[],
    fields: &[
        many(1, "node", Sub(&NODE)),
        one(2, "name", Text),
        many(5, "initializer", Sub(&TENSOR)),
        one(10, "doc_string", Text),
        many(11, "input", Opaque),
        many(12, "output", Opaque),
        many(13, "value_info", Opaque),
        many(14, "quantization_annotation", Opaque),
        many(15, "sparse_initializer", Sub(&SPARSE)),
        many(16, "metadata_props", Opaque),
    ],
};

pub(super) static NODE: Message = Message {
    name: "NodeProto",
    more: &[],
    fields: &[
        many(1, "input", Text),
        many(2, "output", Text),
        one(3, "name", Text),
        one(4, "op_type", Text),
        many(5, "attribute", Sub(&ATTRIBUTE)),
        one(6, "doc_string", Text),
        one(7, "domain", Text),
        one(8, "overload", Text),
        many(9, "metadata_props", Opaque),
        many(10, "device_configurations", Opaque),
    ],
};

pub(super) static ATTRIBUTE: Message = Message {
    name: "AttributeProto",
    more: &[],
    fields: &[
        one(1, "name", Text),
        one(2, "f", Fixed32),
        one(3, "i", Varint),
        one(4, "s", Bytes),
        one(5, "t", Sub(&TENSOR)),
        one(6, "g", Sub(&GRAPH)),
        many(7, "floats", Fixed32),
        many(8, "ints", Varint),
        many(9, "strings", Bytes),
        many(10, "tensors", Sub(&TENSOR)),
        many(11, "graphs", Sub(&GRAPH)),
        one(13, "doc_string", Text),
        one(14, "tp", Opaque),
        many(15, "type_protos", Opaque),
        one(20, "type", Varint),
        one(21, "ref_attr_name", Text),
        one(22, "sparse_tensor", Sub(&SPARSE)),
        many(23, "sparse_tensors", Sub(&SPARSE)),
    ],
};

pub(super) static TENSOR: Message = Message {
    name: "TensorProto",
    more: &[],
    fields: &[
        many(1, "dims", Varint),
        one(2, "data_type", Varint),
        one(3, "segment", Opaque),
        many(4, "float_data", Fixed32),
        many(5, "int32_data", Varint),
        many(6, "string_data", Bytes),
        many(7, "int64_data", Varint),
        one(8, "name", Text),
        one(9, "raw_data", Bytes),
        many(10, "double_data", Fixed64),
        many(11, "uint64_data", Varint),
        one(12, "doc_string", Text),
        many(13, "external_data", Sub(&ENTRY)),
        one(14, "data_location", Varint),
        many(16, "metadata_props", Opaque),
    ],
};

pub(super) static SPARSE: Message = Message {
    name: "SparseTensorProto",
    more: &[],
    fields: &[one(1, "values", Sub(&TENSOR)), one(2, "indices", Sub(&TENSOR)), many(3, "dims", Varint)],
};

pub(super) static ENTRY: Message = Message {
    name: "StringStringEntryProto",
    more: &[],
    fields: &[one(1, "key", Text), one(2, "value", Text)],
};

pub(super) static OPERATOR_SET: Message = Message {
    name: "OperatorSetIdProto",
    more: &[],
    fields: &[one(1, "domain", Text), one(2, "version", Varint)],
};

pub(super) static TRAINING: Message = Message {
    name: "TrainingInfoProto",
    more: &[],
    fields: &[
        one(1, "initialization", Sub(&GRAPH)),
        one(2, "algorithm", Sub(&GRAPH)),
        many(3, "initialization_binding", Opaque),
        many(4, "update_binding", Opaque),
    ],
};

pub(super) static FUNCTION: Message = Message {
    name: "FunctionProto",
    more: &[],
    fields: &[
        one(1, "name", Text),
        one(2, "since_version", Varint),
        one(3, "status", Varint),
        many(4, "input", Text),
        many(5, "output", Text),
        many(6, "attribute", Text),
        many(7, "node", Sub(&NODE)),
        one(8, "doc_string", Text),
        many(9, "opset_import", Sub(&OPERATOR_SET)),
        one(10, "domain", Text),
        many(11, "attribute_proto", Sub(&ATTRIBUTE)),
        many(12, "value_info", Opaque),
        one(13, "overload", Text),
        many(14, "metadata_props", Opaque),
    ],
};
