"""Runs that the tests of exports share: one of each kind, trained for a moment."""

import subprocess
import sys

import numpy as np
import pytest

from run_directory.run import Run
from tests.specs import LATENTS, write_spec
from workflows.console import new_console
from workflows.export import proof
from workflows.export.export import export
from workflows.export.formats import format_called
from workflows.export.target import choose_target
from workflows.training.train import train

# Two taps, two outputs.
INVERTER = """
version: 1
seed: 7
dataset:
  source: {photos: {crops: 6, held_out_crops: 4}}
  image: {size: 32}
  batch_size: 8
encoder: {backbone: vgg16, weights: none, taps: [block1_pool, block2_pool]}
decoder:
  defaults: {Conv2D: {kernel_size: 3, padding: same, activation: relu}}
  layers:
    - Conv2D: {filters: 8}
    - Dropout: {rate: 0.1}
    - Output: {name: half, layers: [Conv2D: {filters: 3, activation: sigmoid}]}
    - UpSampling2D
    - Conv2D: {filters: 3, activation: sigmoid}
loss: {l1: 0.8, ssim: 0.2, half_mse: {loss: mse, output: half}}
training: {epochs: 1, feature_cache: "off"}
"""

# A code stack, batch statistics, averaged weights, half precision, a margin, and a discriminator that stays behind.
AUTOENCODER = """
version: 1
seed: 7
dataset:
  source: digits
  image: {size: 28, channels: 1, margin: 0.125}
  split: {train: 64, validation: 16, test: 16}
  batch_size: 16
encoder:
  layers: [Flatten, Dense: {units: 16, name: bottleneck}, BatchNormalization]
code:
  layers: [Dropout: {rate: 0.1}, Dense: {units: 12}]
decoder:
  layers: [Dense: {units: 784, activation: sigmoid}, Reshape: {target_shape: [28, 28, 1]}]
discriminator:
  layers: [Conv2D: {filters: 1, kernel_size: 4, strides: 4}]
loss: {mse: 1, adversarial: 0.1}
training:
  epochs: 1
  precision: mixed_bfloat16
  optimizer: {Adam: {learning_rate: 0.01, use_ema: true, ema_momentum: 0.5}}
"""

KINDS = {"inverter": INVERTER, "autoencoder": AUTOENCODER, "latents": LATENTS}


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Latencies need not be exact here."""
    monkeypatch.setattr(proof, "SECONDS", 0.01)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Kind → its run, trained when first asked for."""
    folder, found = tmp_path_factory.mktemp("trained"), {}

    def run_of(kind: str) -> Run:
        if kind not in found:
            found[kind] = train(write_spec(folder, KINDS[kind], kind), runs_dir=folder / "runs", verbose=0)
        return found[kind]

    return run_of


@pytest.fixture(scope="session")
def exported(trained):
    """(kind, format, part) → the run with that in its export, exported when first asked for."""

    def run_of(kind: str, form: str = "savedmodel", part: str = "all") -> Run:
        run = trained(kind)
        parts = ("encoder", "decoder", "full") if part == "all" else (part,)
        lacking = [
            name for name in parts if not (run.export_dir / format_called(form).location(name, "float32")).exists()
        ]
        if lacking:
            export(choose_target(run, part, form, checkpoint="last", force=True), new_console())
        return run

    return run_of


@pytest.fixture(params=KINDS, scope="module")
def kind(request):
    """Each kind in turn."""
    return request.param


_SOMEBODY_ELSES = """
import sys
class Nowhere:
    def __init__(self, finder): self.finder = finder
    def find_spec(self, name, *rest):
        own = ("keras", "tf_keras", "architectures", "builders", "workflows", "runs")
        return None if name.split(".")[0] in own else self.finder.find_spec(name, *rest)
    def __getattr__(self, name): return getattr(self.finder, name)
sys.meta_path[:] = [Nowhere(finder) for finder in sys.meta_path]
import numpy as np
form, export, folder, *options = sys.argv[1:]
options = {name: np.int32(value) for name, value in (option.split("=") for option in options)}
def opened(part, signature):
    if form in ("savedmodel", "tfserving"):
        import tensorflow as tf
        model = tf.saved_model.load(f"{export}/{part}" if form == "savedmodel" else f"{export}/tfserving/{part}/1")
        function = model.signatures[signature]
        return lambda **inputs: {name: value.numpy() for name, value in function(
            **{name: tf.constant(value) for name, value in inputs.items()}).items()}
    if form == "litert":
        from ai_edge_litert.interpreter import Interpreter
        interpreter = Interpreter(f"{export}/litert/{part}.tflite")
        runner = interpreter.get_signature_runner(signature)
        return lambda interpreter=interpreter, **inputs: {n: np.array(v) for n, v in runner(**inputs).items()}
    import onnxruntime
    session = onnxruntime.InferenceSession(f"{export}/onnx/{part}.onnx")
    names = [output.name for output in session.get_outputs()]
    return lambda **inputs: dict(zip(names, session.run(None, inputs)))
images = np.load(f"{folder}/images.npy")
encode, decode, full = opened("encoder", "encode"), opened("decoder", "decode"), opened("full", "reconstruct")
for size in (1, 3, 17):
    composed = decode(code=encode(image=images[:size], **options)["code"])
    whole = full(image=images[:size], **options)
    for name, values in composed.items():
        np.save(f"{folder}/composed-{size}-{name}.npy", values)
        name_in_full = "reconstruction" if form == "onnx" and name == "image" else name
        np.save(f"{folder}/whole-{size}-{name}.npy", whole[name_in_full])
assert not {"keras", "tf_keras", "workflows"} & set(sys.modules)
print("done")
"""


@pytest.fixture
def somebody_elses(tmp_path):
    """A program without Keras and this project: (format, export's folder, images) → (composed, whole) by batch size."""

    def call(form, export, images, *options):
        np.save(tmp_path / "images.npy", images)
        command = [sys.executable, "-I", "-c", _SOMEBODY_ELSES, form, str(export), str(tmp_path), *options]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.stdout.endswith("done\n"), done.stderr
        return {
            size: tuple(
                {path.stem.split("-", 2)[2]: np.load(path) for path in tmp_path.glob(f"{what}-{size}-*.npy")}
                for what in ("composed", "whole")
            )
            for size in (1, 3, 17)
        }

    return call
