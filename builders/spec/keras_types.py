"""What Keras' arguments may be. Keras annotates none of them, so this table does.

Keys are argument names, or `Class.argument` where a class differs. Values are annotations as types.py uses them.
Whatever is not listed here takes the type of its default value.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from builders.spec.shapes import Named, Text
from builders.spec.values import Choice, Duration
from common.registry import Range

Activation = Literal[
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]
Initializer = Annotated[Choice, Named("initializer")]
Regularizer = Annotated[Choice | None, Named("regularizer")]
Constraint = Annotated[Choice | None, Named("constraint")]
Layer = Annotated[Choice, Named("layer")]
LearningRate = Annotated[float, Range(minimum=0)] | Annotated[Choice, Named("schedule")]

Name = Annotated[
    str | None,
    Text(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "letters, digits, '_', '-' and '.', beginning with a letter or digit"),
]
Precision = Literal["float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"] | None
Positive = Annotated[int, Range(minimum=1)]
Count = Annotated[int, Range(minimum=0)]
Share = Annotated[float, Range(minimum=0, maximum=1)]
Momentum = Annotated[float, Range(minimum=0, below=1)]
NotNegative = Annotated[float, Range(minimum=0)]
AboveZero = Annotated[float, Range(above=0)]
Factor = float | tuple[float, float]
Fill = Literal["constant", "nearest", "wrap", "reflect"]
Resampling = Literal["nearest", "bilinear"]
Padding = Literal["valid", "same"]


def sizes(rank: int, number: Any = Positive) -> Any:
    """One number for all axes, or one for each of `rank` axes."""
    each: Any = tuple.__class_getitem__((number,) * rank)
    return number | each


def borders(rank: int) -> Any:
    """What to add or cut on each side: a number, one for each axis, or (before, after) for each axis."""
    if rank == 1:
        return Count | tuple[Count, Count]
    each: Any = tuple.__class_getitem__((Count,) * rank)
    both: Any = tuple.__class_getitem__((tuple[Count, Count],) * rank)
    return Count | each | both


# Arguments of every layer, whether or not its signature spells them out.
BASE_LAYER_ARGUMENTS: Mapping[str, tuple[Any, Any, str]] = {
    "name": (Name, None, "The layer's name, in summaries and checkpoints."),
    "trainable": (bool, True, "Whether training changes the layer's weights."),
    "dtype": (Precision, None, "What the layer computes in. Unset: the precision of the training."),
}

# Arguments that hold what a spec cannot: arrays, functions, settings of Keras' own tooling.
NOT_IN_SPECS = frozenset(
    {"quantization_config", "gptq_unpacked_column_size", "weights", "synchronized", "use_cudnn", "backward_layer"}
)

# Arguments whose type depends on the number of axes of the class: Conv2D → 2.
BY_RANK: Mapping[str, Any] = {
    "kernel_size": sizes,
    "strides": sizes,
    "dilation_rate": sizes,
    "pool_size": sizes,
    "size": sizes,
    "output_padding": lambda rank: sizes(rank, Count) | None,
    "output_size": lambda rank: sizes(rank),
    "cropping": borders,
}

ARGUMENTS: Mapping[str, Any] = {
    # Layers
    "filters": Positive,
    "units": Positive,
    "groups": Positive,
    "depth_multiplier": Positive,
    "padding": Padding,
    "Conv1D.padding": Literal["valid", "same", "causal"],
    "SeparableConv1D.padding": Literal["valid", "same", "causal"],
    "DepthwiseConv1D.padding": Literal["valid", "same"],
    "ZeroPadding1D.padding": borders(1),
    "ZeroPadding2D.padding": borders(2),
    "ZeroPadding3D.padding": borders(3),
    "AveragePooling1D.strides": sizes(1) | None,
    "AveragePooling2D.strides": sizes(2) | None,
    "AveragePooling3D.strides": sizes(3) | None,
    "MaxPooling1D.strides": sizes(1) | None,
    "MaxPooling2D.strides": sizes(2) | None,
    "MaxPooling3D.strides": sizes(3) | None,
    "data_format": Literal["channels_last", "channels_first"] | None,
    "activation": Activation | None,
    "Activation.activation": Activation,
    "recurrent_activation": Activation | None,
    "use_bias": bool,
    "kernel_initializer": Initializer,
    "bias_initializer": Initializer,
    "depthwise_initializer": Initializer,
    "pointwise_initializer": Initializer,
    "recurrent_initializer": Initializer,
    "embeddings_initializer": Initializer,
    "beta_initializer": Initializer,
    "gamma_initializer": Initializer,
    "moving_mean_initializer": Initializer,
    "moving_variance_initializer": Initializer,
    "alpha_initializer": Initializer,
    "kernel_regularizer": Regularizer,
    "bias_regularizer": Regularizer,
    "activity_regularizer": Regularizer,
    "depthwise_regularizer": Regularizer,
    "pointwise_regularizer": Regularizer,
    "recurrent_regularizer": Regularizer,
    "embeddings_regularizer": Regularizer,
    "beta_regularizer": Regularizer,
    "gamma_regularizer": Regularizer,
    "alpha_regularizer": Regularizer,
    "kernel_constraint": Constraint,
    "bias_constraint": Constraint,
    "depthwise_constraint": Constraint,
    "pointwise_constraint": Constraint,
    "recurrent_constraint": Constraint,
    "embeddings_constraint": Constraint,
    "beta_constraint": Constraint,
    "gamma_constraint": Constraint,
    "alpha_constraint": Constraint,
    "name": Name,
    "trainable": bool,
    "dtype": Precision,
    "axis": int | list[int],
    "GroupNormalization.axis": int,
    "UnitNormalization.axis": int | list[int],
    "shared_axes": list[Positive] | Positive | None,
    "momentum": Momentum,
    "epsilon": AboveZero,
    "center": bool,
    "scale": float,
    "BatchNormalization.scale": bool,
    "LayerNormalization.scale": bool,
    "GroupNormalization.scale": bool,
    "renorm": bool,
    "renorm_clipping": Mapping[str, float] | None,
    "renorm_momentum": Momentum,
    "GroupNormalization.groups": Annotated[int, Range(minimum=-1)],
    "rate": Momentum,
    "dropout": Momentum,
    "recurrent_dropout": Momentum,
    "stddev": NotNegative,
    "seed": int | None,
    "noise_shape": list[int | None] | None,
    "negative_slope": NotNegative,
    "max_value": NotNegative | None,
    "ReLU.threshold": float,
    "alpha": NotNegative,
    "l1": NotNegative,
    "l2": NotNegative,
    "target_shape": list[Annotated[int, Range(minimum=-1)]],
    "dims": list[Positive],
    "n": Positive,
    "interpolation": Resampling,
    "UpSampling2D.interpolation": Literal["bicubic", "bilinear", "lanczos3", "lanczos5", "nearest"],
    "Resizing.interpolation": Literal["bicubic", "bilinear", "lanczos3", "lanczos5", "nearest"],
    "height": Positive,
    "width": Positive,
    "crop_to_aspect_ratio": bool,
    "pad_to_aspect_ratio": bool,
    "antialias": bool,
    "fill_mode": Fill,
    "fill_value": float | None,
    "value_range": tuple[float, float],
    "Rescaling.scale": float | list[float],
    "Rescaling.offset": float | list[float],
    "keepdims": bool,
    "layer": Layer,
    "power_iterations": Positive,
    "merge_mode": Literal["sum", "mul", "concat", "ave"] | None,
    "equation": str,
    "output_shape": list[int | None] | int | None,
    "bias_axes": str | None,
    "lora_rank": Positive | None,
    "lora_alpha": NotNegative | None,
    "input_dim": Positive,
    "output_dim": Positive,
    "mask_zero": bool,
    "reverse_dtype": Precision,
    "logit_soft_cap": AboveZero | None,
    "mask_value": float | None,
    # Random changes to images
    "factor": Factor,
    "height_factor": Factor,
    "width_factor": Factor | None,
    "brightness_factor": Factor | None,
    "contrast_factor": Factor | None,
    "saturation_factor": Factor | None,
    "hue_factor": Factor | None,
    "x_factor": Factor,
    "y_factor": Factor,
    "sigma": Factor,
    "addition_factor": Factor,
    "threshold_factor": Factor,
    "RandomFlip.mode": Literal["horizontal", "vertical", "horizontal_and_vertical"],
    "RandomElasticTransform.scale": Factor,
    "RandomErasing.scale": tuple[float, float],
    "RandomPerspective.scale": float,
    "RandomGaussianBlur.kernel_size": int | tuple[int, int],
    "tile_grid_size": tuple[Positive, Positive],
    # Spectrograms
    "STFTSpectrogram.mode": Literal["log", "magnitude", "psd", "real", "imag", "angle", "stft"],
    "scaling": Literal["density", "spectrum"] | None,
    "window": Literal["hann", "hamming"] | None,
    "frame_step": Positive | None,
    "fft_length": Positive | None,
    "sequence_length": Positive | None,
    "max_freq": AboveZero | None,
    # Optimizers
    "learning_rate": LearningRate,
    "beta_1": Momentum,
    "beta_2": Momentum,
    "rho": Share,
    "weight_decay": NotNegative | None,
    "clipnorm": AboveZero | None,
    "clipvalue": AboveZero | None,
    "global_clipnorm": AboveZero | None,
    "use_ema": bool,
    "ema_momentum": Share,
    "ema_overwrite_frequency": Positive | None,
    "loss_scale_factor": AboveZero | None,
    "gradient_accumulation_steps": Annotated[int, Range(minimum=2)] | None,
    "exclude_layers": list[str] | None,
    "RMSprop.momentum": Share,
    "SGD.momentum": Share,
    "AdamW.weight_decay": NotNegative,
    "Lion.beta_1": Annotated[float, Range(above=0, maximum=1)],
    "initial_accumulator_value": NotNegative,
    "learning_rate_power": Annotated[float, Range(maximum=0)],
    "l1_regularization_strength": NotNegative,
    "l2_regularization_strength": NotNegative,
    "l2_shrinkage_regularization_strength": NotNegative,
    # Schedules
    "initial_learning_rate": NotNegative,
    "decay_steps": Duration,
    "first_decay_steps": Duration,
    "warmup_steps": Duration,
    "ScheduleFreeAdamW.warmup_steps": Count,
    "warmup_target": NotNegative | None,
    "boundaries": list[Duration],
    "values": list[NotNegative],
    "decay_rate": float,
    "end_learning_rate": NotNegative,
    # Initializers, regularizers, constraints
    "VarianceScaling.mode": Literal["fan_in", "fan_out", "fan_avg"],
    "VarianceScaling.scale": AboveZero,
    "distribution": Literal["normal", "truncated_normal", "untruncated_normal", "uniform"],
    "input_axes": list[int] | None,
    "output_axes": list[int] | None,
    "OrthogonalRegularizer.mode": Literal["rows", "columns"],
    "side": Literal["real", "imag"],
    "MaxNorm.max_value": NotNegative,
    "MinMaxNorm.rate": Share,
}


def stated_type(owner: str, argument: str) -> Any:
    """The annotation this table states for an argument of a Keras class; None where it states none."""
    if f"{owner}.{argument}" in ARGUMENTS:
        return ARGUMENTS[f"{owner}.{argument}"]
    rank = next((int(digit) for digit in "123" if f"{digit}D" in owner), None)
    if argument in BY_RANK and rank is not None:
        return BY_RANK[argument](rank)
    return ARGUMENTS.get(argument)
