"""The typed, frozen form of a spec: the one source of its field names, types, defaults and descriptions.

The JSON Schema, the checker and the editor help are all generated from these classes (schema.py). A field's
annotation holds its type and, in `Annotated`, what the schema needs besides (shapes.py). Everything here is data: no
TensorFlow, no file access.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from builders.spec.data_types import Dataset
from builders.spec.shapes import Doc, Key, Named, Text
from builders.spec.values import Choice, Duration, Stack
from common.registry import Range


@dataclass(frozen=True)
class Fuse:
    """How several taps become one code."""

    size: Annotated[
        int | tuple[int, int] | None,
        Doc("Height and width that taps are resized to. Unset: the largest tap's."),
        Range(minimum=1, maximum=8192),
    ] = None
    interpolation: Annotated[Literal["bilinear", "nearest", "bicubic", "area"], Doc("How taps are resized.")] = (
        "bilinear"
    )
    project: Annotated[
        int | None, Doc("Channels of a trainable 1×1 convolution on each tap, before resizing."), Range(minimum=1)
    ] = None
    mode: Annotated[
        Literal["concat", "sum", "mean"], Doc("What becomes of several taps. `sum` and `mean` need equal channels.")
    ] = "concat"
    last: Annotated[
        int | None, Doc("How many of the taps are fused, counted from the last. Unset: all."), Range(minimum=1)
    ] = None
    sample: Annotated[
        bool,
        Doc("Each image uses a random subset of the taps while training, which teaches a decoder to do with less."),
    ] = False


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects of an image: `scale` times its values from 0 to 1, plus `offset`."""

    scale: Annotated[float | tuple[float, float, float], Doc("Factor of values in [0, 1]; 255 for bytes.")] = 1.0
    offset: Annotated[
        float | tuple[float, float, float], Doc("Added after scaling: one number, or one for each channel.")
    ] = 0.0
    channels: Annotated[
        Literal["rgb", "bgr"], Doc("The order of colours that the network, `scale` and `offset` have.")
    ] = "rgb"


@dataclass(frozen=True)
class Features:
    """A network and its taps: one record wherever a spec needs activations."""

    backbone: Annotated[Choice | None, Named("backbone"), Doc("The pretrained network.")] = None
    weights: Annotated[
        str,
        Doc(
            "`pretrained` or `imagenet` (the network's published weights), `none`, a weights package, a file, or one "
            "of the Hub: hf://owner/name/file."
        ),
    ] = "pretrained"
    preprocessing: Annotated[
        Literal["torch", "caffe", "tf", "none"] | Preprocessing | None,
        Doc(
            "What the weights expect of an image: torch (ImageNet's mean and deviation), caffe (BGR in 0 to 255, less "
            "the mean), tf (-1 to 1), none (0 to 1), or numbers. Unset: what the network's published weights expect; "
            "of a network of your own none."
        ),
    ] = None
    taps: Annotated[Mapping[str, float], Doc("The layers to read, by name; in a loss also with a weight each.")] = (
        field(default_factory=dict)
    )  # a list in an encoder; every weight is then 1
    input_size: Annotated[
        int | tuple[int, int] | None,
        Doc("Images are resized to this inside the encoder, and it is exported with it."),
        Range(minimum=1, maximum=8192),
    ] = None
    fuse: Annotated[Fuse | None, Doc("How several taps are brought to one size.")] = None


@dataclass(frozen=True)
class HeldOut:
    """How latents are found for images that never trained."""

    steps: Annotated[int, Doc("Gradient steps on each image's latent."), Range(minimum=1)] = 300
    restarts: Annotated[int, Doc("Starting points for each image; the best is kept."), Range(minimum=1)] = 4
    optimizer: Annotated[Choice, Named("optimizer"), Doc("What moves the latents.")] = Choice(
        "RowwiseAdam", {"learning_rate": 5e-2}
    )
    every: Annotated[Duration, Doc("How often the cheap protocol runs while training."), Range(minimum=1)] = Duration(
        1, "epochs"
    )


@dataclass(frozen=True)
class Latents:
    """A learned vector for every training image, in place of an encoder."""

    dimensions: Annotated[int, Doc("Numbers in a latent vector."), Range(minimum=1)] = 2
    initializer: Annotated[Literal["zeros", "normal", "pca"], Doc("Where latents start.")] = "normal"
    constraint: Annotated[
        Literal["none", "ball", "sphere"], Doc("Keep latents inside the unit ball, on the unit sphere, or anywhere.")
    ] = "none"
    regularizer: Annotated[
        Mapping[str, float] | None, Doc("`{l2: 1e-4}`: a penalty on latents, added to the loss.")
    ] = None
    optimizer: Annotated[Choice, Named("optimizer"), Doc("What moves the latents of a batch.")] = Choice(
        "RowwiseAdam", {"learning_rate": 1e-2}
    )
    held_out: Annotated[HeldOut, Doc("How latents of new images are found.")] = HeldOut()


@dataclass(frozen=True)
class Embeddings:
    """A stored vector, map or token sequence for every image, in place of an encoder."""

    path: Annotated[str, Doc("A .npy, .npz, .parquet or .csv file with a row for each image.")]
    key: Annotated[
        str | None,
        Doc("Name of the array in a .npz file, or of the column in a table; of columns e0, e1, … it is `e`."),
    ] = None
    match: Annotated[
        Literal["order", "name"] | None,
        Doc("order: row i is image i of the source. name: by file name. Unset: name where the file has names."),
    ] = None


@dataclass(frozen=True)
class Residual:
    """A trainable branch from the image, fused with the taps: what the frozen code lacks."""

    layers: Annotated[Stack, Doc("From the image to a map or a vector, which is fused as one tap more.")] = ()


@dataclass(frozen=True)
class Encoder(Features):
    """Image → code: exactly one of `backbone`, `layers`, `latents` and `embeddings`."""

    residual: Annotated[Residual | None, Doc("A trainable branch beside the frozen network.")] = None
    layers: Annotated[Stack, Doc("A trainable stack of layers.")] = ()
    latents: Annotated[Latents | None, Doc("No encoder: a learned vector for each image.")] = None
    embeddings: Annotated[Embeddings | None, Doc("No encoder: a stored embedding of each image.")] = None

    @property
    def kind(self) -> Literal["backbone", "layers", "latents", "embeddings"]:
        """Which of the four this encoder is."""
        if self.backbone is not None:
            return "backbone"
        if self.embeddings is not None:
            return "embeddings"
        return "latents" if self.latents is not None else "layers"


@dataclass(frozen=True)
class Code:
    """Layers between encoder and decoder; features are cached before them."""

    layers: Annotated[Stack, Doc("Normalisation, noise, quantisation, an entropy model.")] = ()
    optimizer: Annotated[Choice | None, Named("optimizer"), Doc("Its own optimizer. Unset: training's.")] = None


@dataclass(frozen=True)
class Decoder:
    """Code → image: exactly one of `layers` and `architecture`."""

    layers: Annotated[Stack, Doc("A stack of layers, written out.")] = ()
    architecture: Annotated[
        Choice | None, Named("architecture"), Doc("A ready-made stack, sized from the code's shape to the image's.")
    ] = None


@dataclass(frozen=True)
class Discriminator(Features):
    """A network that learns to distinguish reconstructions from originals."""

    layers: Annotated[Stack, Doc("A stack of layers that ends in logits: one, or one for each patch.")] = ()
    architecture: Annotated[Choice | None, Named("discriminator"), Doc("A ready-made discriminator.")] = None
    loss: Annotated[Literal["hinge", "non_saturating", "least_squares"], Doc("What the discriminator minimises.")] = (
        "hinge"
    )
    start: Annotated[Duration, Doc("When it begins to train.")] = Duration(0)
    optimizer: Annotated[Choice | None, Named("optimizer"), Doc("Its own optimizer. Unset: training's.")] = None


@dataclass(frozen=True)
class LossTerm:
    """One term of the loss. In a spec the kind's own arguments are beside these fields."""

    loss: Annotated[Choice, Named("loss"), Doc("The kind of loss. Unset: the term's own name.")]
    weight: Annotated[float, Doc("Factor of the term in the total.")] = 1.0
    start: Annotated[Duration, Doc("When the term begins to count.")] = Duration(0)
    output: Annotated[str, Doc("Which of the decoder's images it compares.")] = "image"


@dataclass(frozen=True)
class EarlyStopping:
    """When to stop before the last epoch."""

    patience: Annotated[Duration, Doc("How long the monitored figure may fail to improve.")] = Duration(10, "epochs")
    minimum_improvement: Annotated[float, Doc("Smaller changes do not count."), Range(minimum=0)] = 0.0


@dataclass(frozen=True)
class Plateau:
    """When learning rates are reduced: those of `training.optimizer` and of codes' and latents' own optimizers."""

    factor: Annotated[float, Doc("What rates are multiplied by each time."), Range(above=0, below=1)] = 0.1
    patience: Annotated[
        Duration, Doc("How long the monitored figure may fail to improve, since it did or since the last reduction.")
    ] = Duration(10, "epochs")
    minimum_improvement: Annotated[float, Doc("Smaller changes do not count."), Range(minimum=0)] = 0.0
    minimum_rate: Annotated[float, Doc("No rate is reduced below this."), Range(minimum=0)] = 0.0


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints that a run keeps."""

    every: Annotated[Duration, Doc("How often a checkpoint is written."), Range(minimum=1)] = Duration(1, "epochs")
    keep_best: Annotated[int, Doc("How many of the best by `monitor` stay."), Range(minimum=1)] = 1
    keep_last: Annotated[int, Doc("How many of the newest stay."), Range(minimum=1)] = 2


@dataclass(frozen=True)
class Training:
    """How the model is trained."""

    optimizer: Annotated[
        Choice, Named("optimizer"), Doc("The default optimizer: a Keras class with its arguments.")
    ] = Choice("Adam", {"learning_rate": 1e-3})
    epochs: Annotated[int, Doc("Passes over the training split."), Range(minimum=1)] = 10
    precision: Annotated[
        Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"],
        Doc("auto: bfloat16 where the processor or GPU computes in it, else float32."),
    ] = "auto"
    feature_cache: Annotated[
        Literal["auto", "memory", "disk", "off"], Doc("Where a frozen encoder's features are kept between epochs.")
    ] = "auto"
    strategy: Annotated[
        Literal["auto", "single", "mirrored", "multi_worker"],
        Doc("auto and single: one GPU, or the processors of this machine."),
    ] = "auto"
    jit_compile: Annotated[
        bool | Literal["auto"],
        Doc("true: compile steps with XLA; results are then no longer equal bit for bit. auto: off."),
    ] = "auto"
    monitor: Annotated[
        str, Doc("The history column that decides best checkpoint, plateaus, early stopping and sweeps.")
    ] = "val_loss"
    early_stopping: Annotated[EarlyStopping | None, Doc("Stop when the monitored figure no longer improves.")] = None
    reduce_on_plateau: Annotated[
        Plateau | None, Doc("Reduce learning rates when the monitored figure no longer improves.")
    ] = None
    checkpoints: Annotated[Checkpoints, Doc("Which checkpoints stay.")] = Checkpoints()
    initial_weights: Annotated[
        str | None, Doc("Start from this run's weights, or a weights file, here or hf://owner/name/file.")
    ] = None
    on_nan: Annotated[
        Literal["stop", "skip"], Doc("A loss that is not finite: stop with the last good checkpoint, or skip the step.")
    ] = "stop"


@dataclass(frozen=True)
class Every:
    """How often something is logged."""

    every: Annotated[Duration, Doc("`N epochs`, or a number of steps."), Range(minimum=1)] = Duration(1, "epochs")


@dataclass(frozen=True)
class Logging:
    """What is logged of a training besides scalars, and where."""

    trackers: Annotated[
        tuple[Annotated[Choice, Named("tracker")], ...], Doc("Where a training is logged; `[]` is nowhere.")
    ] = (Choice("tensorboard"),)
    samples: Annotated[Every | None, Doc("Grids of originals and reconstructions.")] = Every()
    histograms: Annotated[Every | None, Doc("Histograms of weights.")] = None
    gradient_norms: Annotated[Every | None, Doc("The norm of each variable's gradient.")] = None
    latent_space: Annotated[Every | None, Doc("Pictures of the latent space.")] = None


@dataclass(frozen=True)
class SweepParameter:
    """The values one path of the spec may take: exactly one of the four."""

    values: Annotated[tuple[Any, ...] | None, Doc("These values.")] = None
    log: Annotated[tuple[float, float] | None, Doc("Between two numbers, on a logarithmic scale.")] = None
    linear: Annotated[tuple[float, float] | None, Doc("Between two numbers, on a linear scale.")] = None
    integer: Annotated[tuple[int, int] | None, Key("int"), Doc("Whole numbers between two, both included.")] = None
    steps: Annotated[int | None, Doc("Points of a grid."), Range(minimum=1, maximum=1000)] = None
    when: Annotated[
        Mapping[str, Any] | None,
        Doc("Only where other parameters have these values: `{training.optimizer: Adam}`; a list means any of them."),
    ] = None


@dataclass(frozen=True)
class Sweep:
    """A search over values of this spec."""

    parameters: Annotated[Mapping[str, SweepParameter], Doc("Path of the spec → the values it may take.")]
    objective: Annotated[str | None, Doc("The history column to optimise. Unset: `training.monitor`.")] = None
    sampler: Annotated[Literal["grid", "random", "tpe"], Doc("How trials are chosen.")] = "grid"
    trials: Annotated[int | None, Doc("How many trials to run. Unset: the whole grid, or 20."), Range(minimum=1)] = None
    executions_per_trial: Annotated[
        int, Doc("Runs of each trial with seeds of their own, averaged."), Range(minimum=1)
    ] = 1
    pruner: Annotated[Literal["none", "median", "hyperband"], Doc("How hopeless trials are stopped early.")] = "none"


@dataclass(frozen=True)
class Expected:
    """Results measured with this spec; `validate` prints them beside its own."""

    minutes: Annotated[float | None, Doc("Minutes of training."), Range(minimum=0)] = None
    psnr: Annotated[float | None, Doc("Mean PSNR in dB on the test split.")] = None
    ssim: Annotated[float | None, Doc("Mean SSIM on the test split.")] = None
    machine: Annotated[str | None, Doc("What it was measured on.")] = None


@dataclass(frozen=True)
class Spec:
    """One experiment: what is encoded, how it is decoded, what counts as close, and the images."""

    dataset: Annotated[Dataset, Doc("The images.")]
    encoder: Annotated[Encoder, Doc("Image → code.")]
    decoder: Annotated[Decoder, Doc("Code → image.")]
    loss: Annotated[Mapping[str, LossTerm], Doc("The terms of the loss, by name.")]
    name: Annotated[
        str,
        Doc("Names the run's folder. Unset: the file's stem."),
        Text(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", "letters, digits, '_', '-' and '.', beginning with a letter or digit"),
    ] = ""
    version: Annotated[Literal[1], Doc("Version of the spec language.")] = 1
    description: Annotated[str, Doc("What this spec is for.")] = ""
    seed: Annotated[
        int, Doc("Decides splits, order, augmentation and initial weights."), Range(minimum=0, maximum=2**32 - 1)
    ] = 42
    code: Annotated[Code | None, Doc("Code → code: what happens before the decoder.")] = None
    discriminator: Annotated[Discriminator | None, Doc("Trained against the decoder.")] = None
    metrics: Annotated[
        tuple[Annotated[Choice, Named("metric")], ...],
        Doc("What training measures besides the loss. `validate` always adds mse, psnr, ssim and normalized_error."),
    ] = (
        Choice("mse"),
        Choice("psnr"),
        Choice("ssim"),
    )
    training: Annotated[Training, Doc("How the model is trained.")] = Training()
    logging: Annotated[Logging, Doc("What is logged besides scalars.")] = Logging()
    sweep: Annotated[Sweep | None, Doc("A search over values of this spec.")] = None
    expected: Annotated[Expected | None, Doc("What this spec was measured to reach.")] = None
