//! The messages of PaddlePaddle: `paddle/fluid/framework/framework.proto`.

use crate::protobuf::{Fixed32, Fixed64, Message, Opaque, Sub, Text, Varint, many, one};

pub(super) static PROGRAM: Message = Message {
    name: "ProgramDesc",
    fields: &[
        many(1, "blocks", Sub(&BLOCK)),
        one(3, "op_compatible_map", Opaque),
        one(4, "version", Opaque),
        one(5, "op_version_map", Opaque),
    ],
    more: &[],
};

pub(super) static BLOCK: Message = Message {
    name: "BlockDesc",
    fields: &[
        one(1, "idx", Varint),
        one(2, "parent_idx", Varint),
        many(3, "vars", Sub(&VARIABLE)),
        many(4, "ops", Sub(&OPERATOR)),
        one(5, "forward_block_idx", Varint),
    ],
    more: &[],
};

pub(super) static VARIABLE: Message = Message {
    name: "VarDesc",
    fields: &[
        one(1, "name", Text),
        one(2, "type", Opaque),
        one(3, "persistable", Varint),
        one(4, "need_check_feed", Varint),
        one(5, "is_parameter", Varint),
        one(6, "stop_gradient", Varint),
        many(7, "attrs", Opaque),
    ],
    more: &[],
};

pub(super) static OPERATOR: Message = Message {
    name: "OpDesc",
    fields: &[
        many(1, "inputs", Opaque),
        many(2, "outputs", Opaque),
        one(3, "type", Text),
        many(4, "attrs", Sub(&ATTRIBUTE)),
        one(5, "is_target", Varint),
    ],
    more: &[],
};

pub(super) static ATTRIBUTE: Message = Message {
    name: "Attr",
    fields: &[
        one(1, "name", Text),
        one(2, "type", Varint),
        one(3, "i", Varint),
        one(4, "f", Fixed32),
        one(5, "s", Text),
        many(6, "ints", Varint),
        many(7, "floats", Fixed32),
        many(8, "strings", Text),
        one(10, "b", Varint),
        many(11, "bools", Varint),
        one(12, "block_idx", Varint),
        one(13, "l", Varint),
        many(14, "blocks_idx", Varint),
        many(15, "longs", Varint),
        many(16, "float64s", Fixed64),
        one(17, "var_name", Text),
        many(18, "vars_name", Text),
        one(19, "float64", Fixed64),
        one(20, "scalar", Opaque),
        many(21, "scalars", Opaque),
    ],
    more: &[],
};

pub(super) static TENSOR: Message = Message {
    name: "TensorDesc",
    fields: &[one(1, "data_type", Varint), many(2, "dims", Varint)],
    more: &[],
};
