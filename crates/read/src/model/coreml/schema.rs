//! The messages of Core ML that are walked: `mlmodel/format/{Model,NeuralNetwork,MIL,CustomModel,LinkedModel,
//! Parameters}.proto` of coremltools 9.0.

use crate::protobuf::{Bytes, Message, Opaque, Sub, Text, Varint, many, one};

pub(super) static MODEL: Message = Message {
    name: "Model",
    fields: &[
        one(1, "specificationVersion", Varint),
        one(2, "description", Sub(&DESCRIPTION)),
        one(10, "isUpdatable", Varint),
        one(200, "pipelineClassifier", Sub(&PIPELINE_HOLDER)),
        one(201, "pipelineRegressor", Sub(&PIPELINE_HOLDER)),
        one(202, "pipeline", Sub(&PIPELINE)),
        one(303, "neuralNetworkRegressor", Sub(&NETWORK)),
        one(403, "neuralNetworkClassifier", Sub(&NETWORK)),
        one(500, "neuralNetwork", Sub(&NETWORK)),
        one(502, "mlProgram", Sub(&PROGRAM)),
        one(555, "customModel", Sub(&CUSTOM)),
        one(556, "linkedModel", Sub(&LINKED)),
        one(3000, "serializedModel", Opaque),
    ],
    // Models that are tables of numbers: trees, vectors, dictionaries, and those that the system brings along.
    more: &[
        300, 301, 302, 304, 400, 401, 402, 404, 501, 560, 600, 601, 602, 603, 604, 606, 607, 609, 610, 900,
        2000, 2001, 2002, 2003, 2004, 2005, 2006,
    ],
};

/// Looked into only to tell a model from other messages.
pub(super) static DESCRIPTION: Message = Message {
    name: "ModelDescription",
    fields: &[
        many(1, "input", Sub(&FEATURE)),
        many(10, "output", Sub(&FEATURE)),
        one(11, "predictedFeatureName", Text),
        one(12, "predictedProbabilitiesName", Text),
        many(13, "state", Sub(&FEATURE)),
        many(20, "functions", Opaque),
        one(21, "defaultFunctionName", Text),
        many(50, "trainingInput", Sub(&FEATURE)),
        one(100, "metadata", Opaque),
    ],
    more: &[],
};

pub(super) static FEATURE: Message = Message {
    name: "FeatureDescription",
    fields: &[one(1, "name", Text), one(2, "shortDescription", Text), one(3, "type", Opaque)],
    more: &[],
};

pub(super) static PIPELINE_HOLDER: Message =
    Message { name: "PipelineClassifier", fields: &[one(1, "pipeline", Sub(&PIPELINE))], more: &[] };

pub(super) static PIPELINE: Message = Message {
    name: "Pipeline",
    fields: &[many(1, "models", Sub(&MODEL)), many(2, "names", Text)],
    more: &[],
};

/// A network, a classifier or a regressor: they differ in what nobody looks into.
pub(super) static NETWORK: Message = Message {
    name: "NeuralNetwork",
    fields: &[
        many(1, "layers", Sub(&LAYER)),
        many(2, "preprocessing", Opaque),
        one(5, "arrayInputShapeMapping", Varint),
        one(6, "imageInputShapeMapping", Varint),
        one(10, "updateParams", Opaque),
        one(100, "stringClassLabels", Opaque),
        one(101, "int64ClassLabels", Opaque),
        one(200, "labelProbabilityLayerName", Text),
    ],
    more: &[],
};

pub(super) static LAYER: Message = Message {
    name: "NeuralNetworkLayer",
    fields: &[
        one(1, "name", Text),
        many(2, "input", Text),
        many(3, "output", Text),
        many(4, "inputTensor", Opaque),
        many(5, "outputTensor", Opaque),
        one(10, "isUpdatable", Varint),
        one(500, "custom", Sub(&CUSTOM)),
        one(605, "branch", Sub(&BRANCH)),
        one(615, "loop", Sub(&LOOP)),
    ],
    more: &[
        100, 120, 130, 140, 150, 160, 165, 170, 175, 180, 190, 200, 210, 211, 212, 220, 230, 231, 240, 245,
        250, 260, 261, 270, 280, 290, 300, 301, 310, 320, 330, 340, 345, 350, 400, 410, 420, 430, 600, 620,
        625, 635, 640, 660, 665, 670, 680, 685, 700, 710, 715, 720, 730, 735, 740, 750, 755, 760, 770, 775,
        780, 790, 795, 815, 820, 825, 827, 830, 832, 840, 845, 850, 855, 865, 870, 875, 880, 885, 890, 895,
        900, 905, 920, 925, 930, 935, 940, 945, 950, 952, 954, 960, 965, 975, 980, 985, 995, 1000, 1005,
        1015, 1020, 1025, 1040, 1045, 1065, 1070, 1080, 1085, 1090, 1100, 1105, 1110, 1120, 1125, 1130, 1135,
        1140, 1145, 1150, 1155, 1170, 1175, 1180, 1190, 1195, 1200, 1210, 1215, 1220, 1230, 1250, 1255, 1260,
        1265, 1270, 1275, 1280, 1285, 1290, 1295, 1313, 1315, 1320, 1325, 1330, 1350, 1400, 1450, 1455, 1460,
        1461, 1465, 1466, 1470, 1471,
    ],
};

/// A layer or a whole model whose code is a class of the program that loads it.
pub(super) static CUSTOM: Message = Message {
    name: "CustomLayerParams",
    fields: &[
        one(10, "className", Text),
        many(20, "weights", Opaque),
        many(30, "parameters", Opaque),
        one(40, "description", Text),
    ],
    more: &[],
};

pub(super) static BRANCH: Message = Message {
    name: "BranchLayerParams",
    fields: &[one(1, "ifBranch", Sub(&NETWORK)), one(2, "elseBranch", Sub(&NETWORK))],
    more: &[],
};

pub(super) static LOOP: Message = Message {
    name: "LoopLayerParams",
    fields: &[
        one(1, "maxLoopIterations", Varint),
        one(2, "conditionVar", Text),
        one(3, "conditionNetwork", Sub(&NETWORK)),
        one(4, "bodyNetwork", Sub(&NETWORK)),
    ],
    more: &[],
};

pub(super) static LINKED: Message =
    Message { name: "LinkedModel", fields: &[one(1, "linkedModelFile", Sub(&LINKED_FILE))], more: &[] };

pub(super) static LINKED_FILE: Message = Message {
    name: "LinkedModelFile",
    fields: &[
        one(1, "linkedModelFileName", Sub(&PARAMETER)),
        one(2, "linkedModelSearchPath", Sub(&PARAMETER)),
    ],
    more: &[],
};

pub(super) static PARAMETER: Message =
    Message { name: "StringParameter", fields: &[one(1, "defaultValue", Text)], more: &[] };

pub(super) static PROGRAM: Message = Message {
    name: "Program",
    fields: &[
        one(1, "version", Varint),
        many(2, "functions", Sub(&FUNCTION_ENTRY)),
        one(3, "docString", Text),
        many(4, "attributes", Sub(&VALUE_ENTRY)),
    ],
    more: &[],
};

pub(super) static FUNCTION_ENTRY: Message = Message {
    name: "FunctionsEntry",
    fields: &[one(1, "key", Text), one(2, "value", Sub(&FUNCTION))],
    more: &[],
};

pub(super) static FUNCTION: Message = Message {
    name: "Function",
    fields: &[
        many(1, "inputs", Opaque),
        one(2, "opset", Text),
        many(3, "block_specializations", Sub(&BLOCK_ENTRY)),
        many(4, "attributes", Sub(&VALUE_ENTRY)),
    ],
    more: &[],
};

pub(super) static BLOCK_ENTRY: Message = Message {
    name: "BlockSpecializationsEntry",
    fields: &[one(1, "key", Text), one(2, "value", Sub(&BLOCK))],
    more: &[],
};

pub(super) static BLOCK: Message = Message {
    name: "Block",
    fields: &[
        many(1, "inputs", Opaque),
        many(2, "outputs", Text),
        many(3, "operations", Sub(&OPERATION)),
        many(4, "attributes", Sub(&VALUE_ENTRY)),
    ],
    more: &[],
};

pub(super) static OPERATION: Message = Message {
    name: "Operation",
    fields: &[
        one(1, "type", Text),
        many(2, "inputs", Sub(&INPUT_ENTRY)),
        many(3, "outputs", Opaque),
        many(4, "blocks", Sub(&BLOCK)),
        many(5, "attributes", Sub(&VALUE_ENTRY)),
    ],
    more: &[],
};

pub(super) static INPUT_ENTRY: Message = Message {
    name: "InputsEntry",
    fields: &[one(1, "key", Text), one(2, "value", Sub(&ARGUMENT))],
    more: &[],
};

pub(super) static ARGUMENT: Message =
    Message { name: "Argument", fields: &[many(1, "arguments", Sub(&BINDING))], more: &[] };

pub(super) static BINDING: Message =
    Message { name: "Binding", fields: &[one(1, "name", Text), one(2, "value", Sub(&VALUE))], more: &[] };

pub(super) static VALUE_ENTRY: Message = Message {
    name: "AttributesEntry",
    fields: &[one(1, "key", Text), one(2, "value", Sub(&VALUE))],
    more: &[],
};

pub(super) static VALUE: Message = Message {
    name: "Value",
    fields: &[
        one(1, "docString", Text),
        one(2, "type", Opaque),
        one(3, "immediateValue", Sub(&IMMEDIATE)),
        one(5, "blobFileValue", Sub(&BLOB)),
    ],
    more: &[],
};

pub(super) static IMMEDIATE: Message = Message {
    name: "ImmediateValue",
    fields: &[
        one(1, "tensor", Bytes),
        one(2, "tuple", Sub(&VALUES)),
        one(3, "list", Sub(&VALUES)),
        one(4, "dictionary", Sub(&DICTIONARY)),
    ],
    more: &[],
};

pub(super) static VALUES: Message =
    Message { name: "ListValue", fields: &[many(1, "values", Sub(&VALUE))], more: &[] };

pub(super) static DICTIONARY: Message =
    Message { name: "DictionaryValue", fields: &[many(1, "values", Sub(&PAIR))], more: &[] };

pub(super) static PAIR: Message = Message {
    name: "KeyValuePair",
    fields: &[one(1, "key", Sub(&VALUE)), one(2, "value", Sub(&VALUE))],
    more: &[],
};

pub(super) static BLOB: Message = Message {
    name: "BlobFileValue",
    fields: &[one(1, "fileName", Text), one(2, "offset", Varint)],
    more: &[],
};
