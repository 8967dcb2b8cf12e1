"""Writes `keras.tsv`: what the configuration of a Keras model may name.

    KERAS_BACKEND=jax python3 crates/check/data/operators/keras.py > crates/check/data/operators/keras.tsv

Needs `keras` and one of its backends (written with Keras 3.15 on JAX). From the library come the names of classes that
are made from a configuration (layers, initializers, losses, …) and of functions that only compute; what older versions
had, and what is not harmless, stands below and is reviewed by hand: what `from_config`, the constructor or a call does
with arguments from a stranger. A class or function in neither list stays unknown, and unknown is never harmless.

A domain is the first two steps of a module (`keras.layers`); the empty one is for configurations of Keras 1 and 2, which
name no module; `builtins` holds the functions that Keras finds by name alone; `tf` and what lies below it are symbols of
TensorFlow in a `TFOpLambda`; `saved_model` is the metadata of a SavedModel, where an unknown class is made of the graph.
"""

import importlib
import inspect
import pkgutil
import types

import keras
from keras.src.saving.keras_saveable import KerasSaveable

# Classes that do more than compute, wherever they are exported.
CLASSES = {
    "FlaxLayer": ("untrusted", "calls functions of a module that the loading program has to bring along"),
    "JaxLayer": ("untrusted", "calls functions that the loading program has to bring along"),
    "TFSMLayer": ("untrusted", "loads and runs a SavedModel that lies outside of this file"),
    "TorchModuleWrapper": ("untrusted", "unpickles a module of PyTorch when the model is loaded"),
}

# Functions of the library that no model needs, by domain.
DOES = {
    "fetches": ("dangerous", "fetches a file over the network, writes it where it is told and may unpack it"),
    "unlocks": ("dangerous", "switches off what keeps Keras from running code in the files that it loads"),
    "loads": ("dangerous", "loads another model, with whatever that runs"),
    "writes": ("dangerous", "writes a file"),
    "reads": ("dangerous", "reads files of the machine"),
    "makes": ("dangerous", "makes objects of whatever it is given, past the checks of the loader"),
    "resets": ("untrusted", "changes the state of the whole program"),
}
FUNCTIONS = {
    "keras.backend": {"resets": "clear_session set_floatx set_epsilon set_image_data_format"},
    "keras.config": {
        "unlocks": "enable_unsafe_deserialization",
        "resets": "set_backend set_dtype_policy set_epsilon set_floatx set_image_data_format set_max_epochs "
        "set_max_steps_per_epoch set_nnx_enabled disable_flash_attention enable_flash_attention "
        "disable_interactive_logging enable_interactive_logging disable_traceback_filtering enable_traceback_filtering",
    },
    "keras.models": {
        "loads": "load_model model_from_json model_from_yaml model_from_config",
        "writes": "save_model",
    },
    "keras.preprocessing": {
        "reads": "image_dataset_from_directory text_dataset_from_directory audio_dataset_from_directory load_img",
        "writes": "save_img",
    },
    "keras.saving": {
        "loads": "load_model load_weights load_weights_only",
        "writes": "save_model save_weights save_weights_only",
        "makes": "deserialize_keras_object register_keras_serializable",
        "resets": "custom_object_scope get_custom_objects",
    },
    "keras.utils": {
        "fetches": "get_file",
        "writes": "save_img plot_model",
        "reads": "audio_dataset_from_directory image_dataset_from_directory load_img text_dataset_from_directory",
        "makes": "deserialize_keras_object register_keras_serializable func_load",
        "resets": "clear_session custom_object_scope get_custom_objects set_random_seed disable_interactive_logging "
        "enable_interactive_logging",
    },
    "keras.visualization": {"writes": "plot_image_gallery plot_bounding_box_gallery plot_segmentation_mask"},
}

# Functions of Python that an older loader finds where Keras has none of the name.
PYTHON = {
    "runs the text that it is given as Python code": "eval exec compile",
    "opens a file": "open",
    "imports a module": "__import__",
    "reaches into objects by the names that it is given": "getattr setattr delattr vars globals locals dir",
    "stops or halts the program": "breakpoint exit quit input help",
    "makes classes": "type __build_class__",
}

# Operations of `keras.ops` that call what they are given.
CALLERS = set(
    "associative_scan cond custom_gradient fori_loop jvp map scan switch vectorize vectorized_map while_loop "
    "convert_to_numpy".split()
)

# Classes of Keras 1 and 2, of `tf.keras` and of parts of Keras that went away. Each makes tensors of tensors.
OLDER = (
    "AUC Accuracy ActivityRegularizer AtrousConv1D AtrousConv2D AtrousConvolution1D AtrousConvolution2D AutoCastVariable "
    "AbstractRNNCell BatchNormalizationBase BatchNormalizationV1 BatchNormalizationV2 CategoryCrossing CompileMetrics "
    "CompileLoss Constant ConvLSTM2DCell ConvRecurrent2D CosineDecay CosineDecayRestarts CosineProximity CuDNNGRU "
    "CuDNNLSTM Conv3DTranspose Deconvolution2D Deconvolution3D Deconv2D Deconv3D DenseFeatures DepthwiseConv2D "
    "DynamicLossScale EinsumDense ExponentialDecay FixedLossScale FloatDTypePolicy Ftrl Functional FunctionalMLP GRUV1 "
    "GRUV2 GRUCellV2 GlorotNormal GlorotUniform Graph HeNormal HeUniform Highway InputSpec InverseTimeDecay "
    "KerasTensor L1 L1L2 L2 LSTMV1 LSTMV2 LSTMCellV2 LinearModel LecunNormal LecunUniform LocallyConnected1D "
    "LocallyConnected2D LogCosh LossScaleOptimizer LossScaleOptimizerV1 LossScaleOptimizerV3 LossesContainer "
    "LinearOperator MaskedMetric MaxNorm MaxoutDense MeanMetricWrapper MeanSquaredLogarithmicError Merge MetricsContainer "
    "MetricsList MinMaxNorm Model ModelInputsLayer Nadam NonNeg NormalizationV1 OrthogonalRegularizer Ones Orthogonal "
    "ParametricSoftplus PeepholeLSTMCell PiecewiseConstantDecay Policy PolicyV1 PolynomialDecay RandomFourierFeatures "
    "RandomHeight RandomNormal RandomUniform RandomWidth RadialConstraint SGDW SReLU SeedGenerator SequenceFeatures Sequential "
    "SeparableConv2D SoftmaxV1 SparseTensorSpec StackedRNNCells SyncBatchNormalization SumOverBatchSize "
    "SumOverBatchSizeMetricWrapper TFOpLambda SlicingOpLambda TensorFlowOpLayer ClassMethod ThresholdedLinear "
    "ThresholdedReLU TimeDistributedDense TimeDistributedMerge TruncatedNormal UnitNorm VarianceScaling "
    "WideDeepModel Zeros LossFunctionWrapper MetricFunctionWrapper Wrapper InputLayer Lambda "
    "SingleOutputModel Container LearningRateSchedule"
).split()

# What stands for a value and makes no object of a class.
LITERALS = (
    "CompositeTensor TensorShape TypeSpec __bytes__ __ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__ "
    "__tuple__ __wrapped__ dict float int list ndarray set slice str tuple"
).split()

# Domains of Keras 2 whose classes all stand above.
OLDER_DOMAINS = {
    "keras": "Functional Model Sequential",
    "keras.engine": "Functional InputLayer InputSpec Model Sequential TensorFlowOpLayer",
    "keras.feature_column": "DenseFeatures SequenceFeatures",
    "keras.layers": "BatchNormalizationV1 BatchNormalizationV2 ClassMethod CuDNNGRU CuDNNLSTM DenseFeatures GRUV1 GRUV2 "
    "LSTMV1 LSTMV2 LocallyConnected1D LocallyConnected2D RandomFourierFeatures RandomHeight RandomWidth SlicingOpLambda "
    "SyncBatchNormalization TFOpLambda TensorFlowOpLayer ThresholdedReLU",
    "keras.metrics": "MeanMetricWrapper MeanRelativeError MeanTensor SumOverBatchSize SumOverBatchSizeMetricWrapper "
    "SensitivitySpecificityBase",
    "keras.mixed_precision": "LossScaleOptimizer LossScaleOptimizerV3 Policy PolicyV1 DynamicLossScale FixedLossScale",
    "keras.models": "Functional Model Sequential",
    "keras.random": "SeedGenerator",
    "keras.premade_models": "LinearModel WideDeepModel",
    "keras.trainers": "CompileLoss CompileMetrics MetricsList",
    "keras.utils": "Cross Feature FeatureSpace",
    "tensorflow": "IndexedSlicesSpec NoneTensorSpec OptionalSpec RaggedTensorSpec SparseTensorSpec TensorArraySpec TensorSpec "
    "VariableSpec",
}

# Functions that Keras 1 and 2 knew by name alone.
OLDER_FUNCTIONS = (
    "acc ACC accuracy bce BCE binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy "
    "categorical_crossentropy categorical_hinge cosine cosine_proximity cosine_similarity crossentropy elu exponential "
    "gelu hard_sigmoid hard_tanh hinge huber huber_loss kld KLD kl_divergence kullback_leibler_divergence leaky_relu "
    "linear log_cosh log_softmax logcosh mae MAE mape MAPE mean_absolute_error mean_absolute_percentage_error "
    "mean_squared_error mean_squared_logarithmic_error mish mse MSE msle MSLE poisson relu relu6 selu sigmoid silu "
    "softmax softplus softsign sparse_categorical_accuracy sparse_categorical_crossentropy "
    "sparse_top_k_categorical_accuracy squared_hinge swish tanh top_k_categorical_accuracy l1 l2 l1_l2 glorot_normal "
    "glorot_uniform he_normal he_uniform lecun_normal lecun_uniform ones zeros constant identity orthogonal "
    "random_normal random_uniform truncated_normal variance_scaling max_norm maxnorm min_max_norm non_neg nonneg "
    "unit_norm unitnorm abs all any len max min round sorted sum"
).split()

# TensorFlow: modules that only compute, and the functions of its root that do.
COMPUTING = (
    "tf.RaggedTensor tf.SparseTensor tf.__operators__ tf.bitwise tf.image tf.keras.activations tf.keras.backend tf.linalg "
    "tf.math tf.nn tf.nn.experimental tf.quantization tf.ragged tf.random tf.sets tf.signal tf.sparse "
    "tf.keras.losses tf.keras.metrics tf.dtypes tf.dtypes.complex tf.compat.v1.math tf.compat.v1.nn tf.compat.v1.image "
    "tf.math.special"
).split()
ROOT = (
    "abs acos acosh add add_n argmax argmin argsort as_string asin asinh atan atan2 atanh batch_to_space bitcast "
    "boolean_mask broadcast_dynamic_shape broadcast_to cast ceil clip_by_norm clip_by_value complex concat constant "
    "convert_to_tensor cos cosh cumsum divide dynamic_partition dynamic_stitch edit_distance eig eigvals einsum "
    "ensure_shape equal exp expand_dims eye fill fingerprint floor floordiv floormod gather gather_nd greater "
    "greater_equal histogram_fixed_width identity identity_n is_tensor less less_equal linspace log logical_and "
    "logical_not logical_or matmul matrix_square_root maximum meshgrid minimum mod multiply negative no_op norm "
    "not_equal one_hot ones ones_like pad pow range rank realdiv reduce_all reduce_any reduce_logsumexp reduce_max "
    "reduce_mean reduce_min reduce_prod reduce_sum repeat reshape reverse reverse_sequence roll round rsqrt "
    "saturate_cast scalar_mul scatter_nd searchsorted sequence_mask shape shape_n sigmoid sign sin sinh size slice sort "
    "space_to_batch space_to_batch_nd split sqrt square squared_difference squeeze stack stop_gradient strided_slice "
    "subtract tan tanh tensor_scatter_nd_add tensor_scatter_nd_max tensor_scatter_nd_min tensor_scatter_nd_sub "
    "tensor_scatter_nd_update tensordot tile timestamp transpose truediv truncatediv truncatemod unique "
    "unique_with_counts unravel_index unstack where zeros zeros_like"
).split()
TENSORFLOW = {
    ("tf", "load_library"): ("dangerous", "loads native code"),
    ("tf", "load_op_library"): ("dangerous", "loads native code"),
    ("tf", "numpy_function"): ("dangerous", "calls a function of Python"),
    ("tf", "py_function"): ("dangerous", "calls a function of Python"),
    ("tf", "print"): ("untrusted", "prints, and may append to a file"),
    ("tf.compat.v1", "py_func"): ("dangerous", "calls a function of Python"),
    ("tf.data", "*"): ("untrusted", "makes a data set, perhaps of files"),
    ("tf.io", "*"): ("untrusted", "is a function for input and output"),
    ("tf.io", "matching_files"): ("dangerous", "lists files of the machine"),
    ("tf.io", "read_file"): ("dangerous", "reads a file of the machine"),
    ("tf.io", "write_file"): ("dangerous", "writes a file"),
    ("tf.io.gfile", "*"): ("dangerous", "works on the file system"),
    ("tf.raw_ops", "MatchingFiles"): ("dangerous", "lists files of the machine"),
    ("tf.raw_ops", "ReadFile"): ("dangerous", "reads a file of the machine"),
    ("tf.raw_ops", "WriteFile"): ("dangerous", "writes a file"),
    ("tf.saved_model", "load"): ("dangerous", "loads another model, with whatever that runs"),
    ("tf.strings", "*"): ("harmless", ""),
    ("tf.train", "*"): ("untrusted", "may read and write checkpoints"),
}
for name in ("decode_base64 decode_bmp decode_compressed decode_csv decode_gif decode_image decode_jpeg decode_json_example "
             "decode_png decode_raw encode_base64 encode_jpeg encode_png parse_example parse_single_example parse_tensor "
             "serialize_tensor").split():
    TENSORFLOW["tf.io", name] = ("harmless", "")

# Other lines.
LINES = {
    ("Lambda", "*"): ("untrusted", "calls a function that is not given in a way that is known here"),
    ("saved_model", "*"): ("harmless", ""),
}

# Parts of the library with what models are made of.
PARTS = (
    "activations applications constraints dtype_policies initializers layers losses metrics models ops optimizers quantizers random "
    "regularizers trainers distillation"
).split()
# Those whose functions Keras finds by their names alone (`BUILTIN_MODULES`).
BUILTIN = "activations constraints initializers losses metrics optimizers regularizers".split()
# Functions of every part that are about objects and not about tensors.
ABOUT = {"deserialize", "get", "serialize", "Input"}

BASES = (
    KerasSaveable,
    keras.Initializer,
    keras.Loss,
    keras.Metric,
    keras.Operation,
    keras.Quantizer,
    keras.Regularizer,
    keras.constraints.Constraint,
    keras.dtype_policies.DTypePolicy,
    keras.dtype_policies.DTypePolicyMap,
    keras.optimizers.schedules.LearningRateSchedule,
    keras.layers.InputSpec,
    keras.quantizers.QuantizationConfig,
    keras.quantizers.GPTQConfig,
    keras.quantizers.AWQConfig,
    keras.random.SeedGenerator,
)


def exported(module):
    """Modules below a public one, as the library exports them."""
    yield module
    for value in vars(module).values():
        if isinstance(value, types.ModuleType) and value.__name__.startswith(module.__name__ + "."):
            yield from exported(value)


def found():
    """Domain, name and whether it is a class, of everything that a configuration may name."""
    for name, value in vars(keras).items():
        if inspect.isclass(value) and issubclass(value, BASES):
            yield "keras", name, True
    for part in PARTS:
        public = getattr(keras, part, None)
        for module in exported(public) if public else ():
            for name, value in vars(module).items():
                if inspect.isclass(value) and issubclass(value, BASES):
                    yield f"keras.{part}", name, True
                elif inspect.isfunction(value) and not name.startswith("_") and name not in ABOUT | CALLERS:
                    if part in ("activations", "losses", "metrics", "ops", "constraints", "initializers", "regularizers"):
                        yield f"keras.{part}", name, False
    # Classes are also named by where they are defined.
    for info in pkgutil.walk_packages(importlib.import_module("keras.src").__path__, "keras.src."):
        part = info.name.split(".")[2]
        if part not in PARTS or info.name.endswith("_test"):
            continue
        try:
            module = importlib.import_module(info.name)
        except Exception:
            continue
        for name, value in vars(module).items():
            if inspect.isclass(value) and issubclass(value, BASES) and value.__module__ == info.name:
                yield f"keras.{part}", name, True


def rows():
    harmless = ("harmless", "")
    rows = {}
    for domain, name, is_class in found():
        row = CLASSES.get(name, harmless) if is_class else harmless
        rows[domain, name] = row
        part = domain.removeprefix("keras.")
        if is_class:
            rows["", name] = row
        if not is_class and part in BUILTIN:
            rows["builtins", name] = row
    for name in OLDER + LITERALS:
        rows.setdefault(("", name), harmless)
    for name in OLDER_FUNCTIONS:
        rows.setdefault(("builtins", name), harmless)
    for domain, names in OLDER_DOMAINS.items():
        for name in names.split():
            rows.setdefault((domain, name), harmless)
    for name, row in CLASSES.items():
        rows["", name] = rows["keras.layers", name] = rows["keras.utils", name] = row
    for domain, kinds in FUNCTIONS.items():
        for kind, names in kinds.items():
            for name in names.split():
                rows[domain, name] = DOES[kind]
    for reason, names in PYTHON.items():
        for name in names.split():
            rows["builtins", name] = ("dangerous", reason)
    for domain in COMPUTING:
        rows[domain, "*"] = harmless
    for name in ROOT:
        rows["tf", name] = harmless
    rows.update(TENSORFLOW)
    rows.update(LINES)
    return rows


def main():
    print("# domain\tname\tverdict\treason; written by keras.py, sorted")
    for (domain, name), (verdict, reason) in sorted(rows().items()):
        print("\t".join([domain, name, verdict] + ([reason] if reason else [])))


if __name__ == "__main__":
    main()
