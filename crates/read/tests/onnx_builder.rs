//! Builds ONNX models: the few fields that tests need.

use super::protobuf::{bytes, message, number};

/// A model with this graph, as the common writers begin it.
pub(crate) fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    model_with(graph, &[])
}

/// A model with this graph and further fields.
pub(crate) fn model_with(graph: &[Vec<u8>], more: &[Vec<u8>]) -> Vec<u8> {
    let start = [number(1, 8), bytes(2, "pytorch"), bytes(3, "2.1"), message(7, graph)].concat();
    let operators = message(8, &[bytes(1, ""), number(2, 17)]);
    [start, operators, more.concat()].concat()
}

/// A node of a graph.
pub(crate) fn node(domain: &str, operator: &str) -> Vec<u8> {
    node_with(domain, operator, &[])
}

/// A node with attributes.
pub(crate) fn node_with(domain: &str, operator: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    message(1, &node_fields(domain, operator, attributes))
}

/// The fields of a node.
pub(crate) fn node_fields(domain: &str, operator: &str, attributes: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let attributes = attributes.iter().map(|attribute| bytes(5, attribute));
    let start = [bytes(1, "x"), bytes(2, "y"), bytes(4, operator)];
    start.into_iter().chain(attributes).chain([bytes(7, domain)]).collect()
}

/// The fields of an attribute: its value is one more field.
pub(crate) fn attribute(name: &str, value: Vec<u8>) -> Vec<u8> {
    [bytes(1, name), value].concat()
}

/// An attribute that holds a graph.
pub(crate) fn subgraph(name: &str, graph: &[Vec<u8>]) -> Vec<u8> {
    attribute(name, message(6, graph))
}

/// The fields of a tensor of floats with these dimensions.
pub(crate) fn tensor(name: &str, dims: &[u64], more: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let dims = dims.iter().map(|dim| number(1, *dim));
    dims.chain([number(2, 1), bytes(8, name)]).chain(more.iter().cloned()).collect()
}

/// Two floats inside the model.
pub(crate) fn plain_tensor() -> Vec<Vec<u8>> {
    tensor("w", &[2], &[bytes(9, [0; 8])])
}

/// Two floats in another file.
pub(crate) fn external(location: &str, more: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let entry = |(key, value): &(&str, &str)| message(13, &[bytes(1, key), bytes(2, value)]);
    let entries: Vec<Vec<u8>> = [("location", location)].iter().chain(more).map(entry).collect();
    tensor("w", &[2], &[entries.concat(), number(14, 1)])
}

/// A function of the model.
pub(crate) fn function(domain: &str, name: &str, node: &[Vec<u8>]) -> Vec<u8> {
    message(25, &[bytes(1, name), message(7, node), bytes(10, domain)])
}
