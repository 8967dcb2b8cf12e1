//! Builds models of Core ML, CNTK and PaddlePaddle: the few fields that tests need.

use super::protobuf::{bytes, message, number};

/// A Core ML model whose last field says what it is.
pub(crate) fn coreml(kind: Vec<u8>) -> Vec<u8> {
    let feature =
        |field| message(field, &[bytes(1, "x"), bytes(2, "a number"), message(3, &[message(2, &[])])]);
    [number(1, 4), message(2, &[feature(1), feature(10)]), kind].concat()
}

/// A network with these layers.
pub(crate) fn network(layers: &[Vec<u8>]) -> Vec<u8> {
    message(500, layers)
}

/// A layer of a network: one more field says which.
pub(crate) fn layer(name: &str, kind: Vec<u8>) -> Vec<u8> {
    message(1, &[bytes(1, name), bytes(2, "x"), bytes(3, "y"), kind])
}

/// A program with these operations in one block.
pub(crate) fn program(operations: &[Vec<u8>]) -> Vec<u8> {
    let block = message(2, operations);
    let function = message(2, &[message(3, &[bytes(1, "CoreML6"), block])]);
    message(502, &[number(1, 1), message(2, &[bytes(1, "main"), function])])
}

/// An operation, with one more field.
pub(crate) fn operation(name: &str, more: Vec<u8>) -> Vec<u8> {
    message(3, &[bytes(1, name), more])
}

/// An attribute of an operation that lies in a file of weights.
pub(crate) fn weights(file: &str, offset: u64) -> Vec<u8> {
    let blob = message(5, &[bytes(1, file), number(2, offset)]);
    message(5, &[bytes(1, "val"), message(2, &[blob])])
}

/// A dictionary of CNTK: keys with the field of each value.
pub(crate) fn dictionary(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let item = |(key, value): &(&str, Vec<u8>)| {
        message(2, &[bytes(1, key), message(2, &[number(1, 1), number(2, 6), value.clone()])])
    };
    let items: Vec<u8> = items.iter().flat_map(item).collect();
    [number(1, 1), items].concat()
}

/// A text in a dictionary.
pub(crate) fn text(text: &str) -> Vec<u8> {
    bytes(8, text)
}

/// A model of CNTK that consists of this one function.
pub(crate) fn cntk(function: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let functions = message(11, &[message(1, &[number(1, 1), bytes(12, dictionary(function))])]);
    dictionary(&[
        ("uid", text("Composite1")),
        ("primitive_functions", functions),
        ("root_uid", text("Plus1")),
    ])
}

/// A function of a user with this state.
pub(crate) fn user_function(native: bool, state: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let state = bytes(12, dictionary(state));
    cntk(&[
        ("type", text("UserDefinedFunction")),
        ("native", number(3, native.into())),
        ("user_defined_state", state),
    ])
}

/// A program of PaddlePaddle with these operators in one block.
pub(crate) fn paddle(operators: &[Vec<u8>]) -> Vec<u8> {
    let variable = message(3, &[bytes(1, "x"), message(2, &[number(1, 7)]), number(3, 0)]);
    let operators: Vec<u8> = operators.iter().flat_map(|operator| bytes(4, operator)).collect();
    [message(1, &[number(1, 0), number(2, u64::MAX), variable, operators]), message(4, &[number(1, 0)])]
        .concat()
}

/// An operator, with attributes that are texts.
pub(crate) fn paddle_operator(name: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
    let attribute =
        |(name, value): &(&str, &str)| message(4, &[bytes(1, name), number(2, 2), bytes(5, value)]);
    let attributes: Vec<u8> = attributes.iter().flat_map(attribute).collect();
    [message(2, &[bytes(1, "Out"), bytes(2, "x")]), bytes(3, name), attributes].concat()
}

/// A bare tensor of floats, with these dimensions and bytes.
pub(crate) fn parameters(dims: &[u64], data: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(2, *dim)).collect();
    let description = [number(1, 5), dims].concat();
    let size = (description.len() as u32).to_le_bytes();
    [&[0; 16][..], &size, &description, data].concat()
}
