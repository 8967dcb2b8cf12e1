//! Which rules speak of a model file: those of programs, of Keras and TensorFlow, or of formats that promise no code.

/// Kinds of model file, by what goes wrong with them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    /// Pickles and whatever else is a program or names one: WB-P001 and WB-P002.
    Program,
    /// Keras and TensorFlow: WB-K001 and WB-K002.
    Keras,
    /// Graphs, weights and templates that promise to hold no code: WB-G001 and WB-G002.
    Graph,
}

/// The family of a format.
pub(super) fn family(format: &str) -> Family {
    match format {
        "hdf5" | "keras" | "keras-config" | "keras-h5" | "keras-metadata" | "keras-weights"
        | "tensor-data" | "tensorflow" | "tensorflow-index" | "tflite" => Family::Keras,
        "coreml" | "executorch" | "ggml" | "gguf" | "jinja" | "llamafile" | "onnx" | "openvino" | "mxnet"
        | "paddle" | "paddle-json" | "paddle-parameters" | "cntk" => Family::Graph,
        _ => Family::Program,
    }
}
