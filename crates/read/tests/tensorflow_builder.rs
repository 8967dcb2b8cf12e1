//! Builds graphs of TensorFlow: the few fields that tests need.

use super::protobuf::{bytes, message, number};

/// The fields of a node.
pub(crate) fn node(name: &str, operator: &str, inputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs = inputs.iter().map(|input| bytes(3, input));
    let attributes = attributes.iter().cloned();
    [bytes(1, name), bytes(2, operator)]
        .into_iter()
        .chain(inputs)
        .chain(attributes)
        .collect::<Vec<_>>()
        .concat()
}

/// An attribute of a node: its value is one field.
pub(crate) fn attribute(name: &str, value: Vec<u8>) -> Vec<u8> {
    message(5, &[bytes(1, name), bytes(2, value)])
}

/// A constant that holds a text.
pub(crate) fn constant(name: &str, text: &str) -> Vec<u8> {
    let tensor = message(8, &[number(1, 7), bytes(2, ""), bytes(8, text)]);
    node(name, "Const", &[], &[attribute("dtype", number(6, 7)), attribute("value", tensor)])
}

/// A node that calls a function.
pub(crate) fn call(name: &str, function: &str) -> Vec<u8> {
    node(name, "StatefulPartitionedCall", &[], &[attribute("f", message(10, &[bytes(1, function)]))])
}

/// A function with these nodes.
pub(crate) fn function(name: &str, nodes: &[Vec<u8>]) -> Vec<u8> {
    let nodes = nodes.iter().map(|node| bytes(3, node));
    [message(1, &[bytes(1, name)])].into_iter().chain(nodes).collect::<Vec<_>>().concat()
}

/// A graph with these nodes.
pub(crate) fn graph(nodes: &[Vec<u8>]) -> Vec<u8> {
    graph_with(nodes, &[])
}

/// A graph with these nodes and functions.
pub(crate) fn graph_with(nodes: &[Vec<u8>], functions: &[Vec<u8>]) -> Vec<u8> {
    let functions: Vec<Vec<u8>> = functions.iter().map(|function| bytes(1, function)).collect();
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| bytes(1, node)).collect();
    [nodes, message(2, &functions), message(4, &[number(1, 1882)])].concat()
}

/// A saved model with this graph, as the common writers begin it, and further fields of its meta graph.
pub(crate) fn saved_model(graph: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    let info = message(1, &[bytes(4, "serve"), bytes(5, "2.21.0")]);
    [number(1, 1), message(2, &[info, bytes(2, graph), more.concat()])].concat()
}

/// The saver of a meta graph: the nodes by which it saves and restores.
pub(crate) fn saver(save: &str, restore: &str) -> Vec<u8> {
    message(3, &[bytes(1, "saver_filename:0"), bytes(2, save), bytes(3, restore)])
}

/// The index of a checkpoint with one shard: names of tensors, each with the fields of its entry.
pub(crate) fn index(tensors: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let header = [number(1, 1), message(3, &[number(1, 1)])].concat();
    let mut entries: Vec<(&str, Vec<u8>)> = vec![("", header)];
    entries.extend(tensors.iter().cloned());
    let data = block(&entries);
    let mut bytes = data.clone();
    bytes.extend([0; 5]);
    // No filters: an empty block, then the index with one entry that leads to the data.
    let handle = |at: usize, size: usize| [varint(at), varint(size)].concat();
    let filters = (bytes.len(), block(&[]).len());
    bytes.extend(block(&[]));
    bytes.extend([0; 5]);
    let list = block(&[("~", handle(0, data.len()))]);
    let place = (bytes.len(), list.len());
    bytes.extend(list);
    bytes.extend([0; 5]);
    let mut footer = [handle(filters.0, filters.1), handle(place.0, place.1)].concat();
    footer.resize(40, 0);
    footer.extend(0xdb47_7524_8b80_fb57_u64.to_le_bytes());
    bytes.extend(footer);
    bytes
}

/// The fields of an entry: a tensor of floats of this size at this place.
pub(crate) fn entry(elements: u64, offset: u64, size: u64) -> Vec<u8> {
    [number(1, 1), message(2, &[message(2, &[number(1, elements)])]), number(4, offset), number(5, size)]
        .concat()
}

fn block(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entry = |(key, value): &(&str, Vec<u8>)| {
        [varint(0), varint(key.len()), varint(value.len()), key.as_bytes().to_vec(), value.clone()].concat()
    };
    let mut bytes: Vec<u8> = entries.iter().flat_map(entry).collect();
    bytes.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    bytes
}

fn varint(number: usize) -> Vec<u8> {
    super::protobuf::varint(number as u64)
}
