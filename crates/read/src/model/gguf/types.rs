//! Types of tensors: `enum ggml_type` and the blocks of `type_traits` in ggml.

/// A type of tensors: so many elements share a block of so many bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct Type {
    pub(in super::super) name: &'static str,
    /// Elements in a block.
    pub(in super::super) block: u64,
    /// Bytes of a block.
    pub(in super::super) bytes: u64,
}

/// What is known of a type by its number.
pub(in super::super) enum Known {
    /// It is in use.
    Type(Type),
    /// It was, and no loader knows its blocks any more.
    Removed(&'static str),
    /// No loader known here has it.
    Unknown,
}

/// The type with this number.
pub(in super::super) fn tensor_type(number: u32) -> Known {
    let (name, block, bytes) = match number {
        0 => ("F32", 1, 4),
        1 => ("F16", 1, 2),
        2 => ("Q4_0", 32, 18),
        3 => ("Q4_1", 32, 20),
        4 => return Known::Removed("Q4_2"),
        5 => return Known::Removed("Q4_3"),
        6 => ("Q5_0", 32, 22),
        7 => ("Q5_1", 32, 24),
        8 => ("Q8_0", 32, 34),
        9 => ("Q8_1", 32, 40),
        10 => ("Q2_K", 256, 84),
        11 => ("Q3_K", 256, 110),
        12 => ("Q4_K", 256, 144),
        13 => ("Q5_K", 256, 176),
        14 => ("Q6_K", 256, 210),
        15 => ("Q8_K", 256, 292),
        16 => ("IQ2_XXS", 256, 66),
        17 => ("IQ2_XS", 256, 74),
        18 => ("IQ3_XXS", 256, 98),
        19 => ("IQ1_S", 256, 50),
        20 => ("IQ4_NL", 32, 18),
        21 => ("IQ3_S", 256, 110),
        22 => ("IQ2_S", 256, 82),
        23 => ("IQ4_XS", 256, 136),
        24 => ("I8", 1, 1),
        25 => ("I16", 1, 2),
        26 => ("I32", 1, 4),
        27 => ("I64", 1, 8),
        28 => ("F64", 1, 8),
        29 => ("IQ1_M", 256, 56),
        30 => ("BF16", 1, 2),
        31 => return Known::Removed("Q4_0_4_4"),
        32 => return Known::Removed("Q4_0_4_8"),
        33 => return Known::Removed("Q4_0_8_8"),
        34 => ("TQ1_0", 256, 54),
        35 => ("TQ2_0", 256, 66),
        36 => return Known::Removed("IQ4_NL_4_4"),
        37 => return Known::Removed("IQ4_NL_4_8"),
        38 => return Known::Removed("IQ4_NL_8_8"),
        39 => ("MXFP4", 32, 17),
        40 => ("NVFP4", 64, 36),
        41 => ("Q1_0", 128, 18),
        _ => return Known::Unknown,
    };
    Known::Type(Type { name, block, bytes })
}
