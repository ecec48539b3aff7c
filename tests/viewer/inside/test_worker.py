"""What the worker finds inside networks, against the same computed by hand."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from architectures.reconstructors.autoencoder import Autoencoder
from builders.model_builder import ModelBuilder
from common.errors import RequestError
from run_directory.checkpoints import Checkpoint
from run_directory.run import list_runs
from tests.specs import INVERTER, LATENTS, loaded
from viewer.core.protocol import ImageSource
from viewer.core.worker_images import Images
from viewer.core.worker_models import Models, Searches
from viewer.inside.worker import Diagrams, Inside, packed
from viewer.inside.worker_network import Network
from viewer.reconstruct.worker import Reconstruction
from workflows.training.restore import Restored

# Everything that a stack may hold: bypasses, branches, layers that change nothing, an image by the way.
AUTOENCODER = """
version: 1
dataset:
  source: digits
  image: {size: 28, channels: 1}
  split: {train: 64, validation: 16, test: 16}
encoder:
  layers:
    - Conv2D: {filters: 4, kernel_size: 3, strides: 2, padding: same, activation: relu}
    - Residual: {layers: [Conv2D: {filters: 6, kernel_size: 3, padding: same}]}
    - Dropout: {rate: 0.5}
    - Parallel:
        branches:
          - [Conv2D: {filters: 3, kernel_size: 1}]
          - [AveragePooling2D: {pool_size: 3, strides: 1, padding: same}]
    - Flatten
    - Dense: {units: 12}
code: {layers: [LayerNormalization]}
decoder:
  layers:
    - Dense: {units: 245, activation: relu}
    - Reshape: {target_shape: [7, 7, 5]}
    - UpSampling2D: {size: 2}
    - Output: {name: half, layers: [Conv2D: {filters: 1, kernel_size: 1, activation: sigmoid}]}
    - Reshape: {target_shape: [196, 5], name: tokens}
    - Reshape: {target_shape: [14, 14, 5]}
    - UpSampling2D: {size: 2}
    - Conv2D: {filters: 1, kernel_size: 3, padding: same, activation: sigmoid}
loss: {mse: 1, half: {loss: mse, output: half}}
training: {epochs: 1}
"""


class Built:
    """Models that were never trained, in place of runs on disk."""

    def __init__(self, folder):
        self.folder = folder
        self.models = {}

    def add(self, name, text, shape):
        spec = loaded(self.folder, text=text)
        model = ModelBuilder(spec.spec, shape, train_count=8).build()
        path = self.folder / f"{name}.h5"
        path.write_bytes(b"")
        self.models[name] = Restored(None, spec, model, None), Checkpoint(path, 1, 1)
        return model

    def get(self, run, checkpoint):
        return self.models[run]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    from workflows.command_line import import_tensorflow

    import_tensorflow()
    found = Built(tmp_path_factory.mktemp("built"))
    inverter = INVERTER.replace(
        "taps: [block1_pool]", "taps: [block2_conv1, block1_pool], fuse: {project: 5, size: 16}"
    )
    model = found.add("inverter", inverter + "code: {layers: [Activation: {activation: tanh}]}\n", (32, 32, 3))
    model.tap_scales.assign([3.0, 0.5])
    found.add("autoencoder", AUTOENCODER, (28, 28, 1))
    latents = found.add("latents", LATENTS, (28, 28, 1))
    numbers = np.random.default_rng(1).normal(size=(8, 2)).astype(np.float32)
    latents.begin(np.arange(8), np.full(8, -1), numbers)
    return found


@pytest.fixture(scope="module")
def inside(built):
    images = SimpleNamespace(fitted=lambda source, image, shape: picture(shape, source.position))
    searches = Searches()
    reconstruction = Reconstruction(built, images, searches)
    return Inside(built, images, reconstruction, searches)


def picture(shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def ask(inside, run, place, scales=(), seed=0, want_maps=True):
    source = ImageSource("split", position=seed)
    return inside.inside(source, run, "best", place, tuple(scales), want_maps)


def test_places_are_those_of_the_spec(inside):
    found = {
        run: [(place["name"], place["shape"], place["kind"]) for place in inside.places(run, "best")[0]["places"]]
        for run in ("inverter", "autoencoder", "latents")
    }
    assert [name for name, *_ in found["inverter"]][:6] == [
        "tap block2_conv1",
        "tap block1_pool",
        "fusion/project_block2_conv1",
        "fusion/project_block1_pool",
        "uncoded",
        "code",
    ]
    assert [entry for entry in found["autoencoder"] if not entry[0].startswith("decoder/decoder_")] == [
        ("encoder/encoder_0_conv2d", (14, 14, 4), "maps"),
        ("encoder/encoder_1_residual", (14, 14, 6), "maps"),
        ("encoder/encoder_3_parallel", (14, 14, 9), "maps"),
        ("uncoded", (12,), "vector"),
        ("code", (12,), "vector"),
        ("decoder/tokens", (196, 5), "other"),
    ]
    assert found["autoencoder"][-1] == ("decoder/decoder_7_conv2d", (28, 28, 1), "maps")
    assert not any("half" in name for name, *_ in found["autoencoder"])
    assert found["latents"][0] == ("latent", (2,), "vector")


@pytest.mark.parametrize("run", ["inverter", "autoencoder", "latents"])
def test_unchanged_it_is_the_reconstruction_and_no_way_differs_from_it(inside, built, run):
    model = built.models[run][0].model
    original = picture(model.image_shape)
    wanted = model.reconstruct(original[np.newaxis])["image"][0]
    for place in inside.places(run, "best")[0]["places"]:
        values, arrays = ask(inside, run, place["name"], [(0, 1.0)])
        assert np.array_equal(arrays["plain"], wanted) and np.array_equal(arrays["changed"], wanted)
        assert np.array_equal(arrays["original"], original)
        assert values["difference"] == 0 and values["figures"] == values["plain_figures"]
        assert ("maps" in arrays) == (place["kind"] != "other")
        # The same network cut in two, and so little changed that it could not be seen.
        values, arrays = ask(inside, run, place["name"], [(0, 1 + 1e-7)], want_maps=False)
        assert np.abs(arrays["changed"] - wanted).max() < 1e-5
        assert set(arrays) == {"changed", "difference"} and values["difference"] < 1e-6


def test_rounding_is_no_difference(inside, built):
    """In bfloat16 the network that is cut rounds otherwise than the whole one."""
    text = INVERTER.replace("training: {", "training: {precision: mixed_bfloat16, ")
    built.add("rounding", text, (32, 32, 3))
    apart = 0.0
    for place in inside.places("rounding", "best")[0]["places"]:
        values, arrays = ask(inside, "rounding", place["name"], [(0, 1 + 1e-7)])
        assert values["difference"] < 1e-6 and np.abs(arrays["difference"]).max() < 1e-6
        apart = max(apart, float(np.abs(arrays["changed"] - arrays["plain"]).max()))
    assert apart > 1e-4, "nothing was rounded, so nothing is tested"


def test_a_tap_switched_off_is_a_tap_of_zeros(inside, built):
    model = built.models["inverter"][0].model
    image = picture((32, 32, 3))[np.newaxis]
    taps = [tap.numpy() for tap in model.tap(image)]
    for number, name in enumerate(("block2_conv1", "block1_pool")):
        _, arrays = ask(inside, "inverter", f"tap {name}", [(3, 0.0), (5, 2.0)])
        assert np.array_equal(arrays["maps"], taps[number][0].transpose(2, 0, 1))
        changed = [tap.copy() for tap in taps]
        changed[number][..., 3] = 0
        changed[number][..., 5] *= 2
        scaled = [tap / scale for tap, scale in zip(changed, (3.0, 0.5))]
        wanted = model.decode(model.code_stack(model.fuse_model(scaled)))["image"][0]
        assert np.abs(arrays["changed"] - wanted).max() < 1e-5
        assert np.abs(arrays["changed"] - arrays["plain"]).max() > 1e-4


def test_layers_and_codes_switched_off_by_hand(inside, built):
    model = built.models["autoencoder"][0].model
    image = picture((28, 28, 1))[np.newaxis]

    def by_hand(section, place):
        """The image when channel 1 is halved after a layer, or before all where that is None."""
        value = image
        for name, part in (("encoder", model.encoder), ("code", model.code_stack), ("decoder", model.decoder)):
            for layer in part.layers[1:]:
                if layer.name == "half":
                    continue
                if (name, None) == (section, place) and layer is part.layers[1]:
                    value = halved(value)
                value = layer(value, training=False) if layer.name.endswith("dropout") else layer(value)
                if (name, layer.name) == (section, place):
                    value = halved(value)
        return np.asarray(value[0])

    def halved(value):
        value = np.asarray(value).copy()
        value[..., 1] *= 0.5
        return value

    for place, spot in {
        "encoder/encoder_0_conv2d": ("encoder", "encoder_0_conv2d"),
        "encoder/encoder_1_residual": ("encoder", "encoder_1_residual"),
        "encoder/encoder_3_parallel": ("encoder", "encoder_3_parallel"),
        "uncoded": ("code", None),
        "code": ("decoder", None),
        "decoder/decoder_1_reshape": ("decoder", "decoder_1_reshape"),
        "decoder/decoder_2_upsampling2d": ("decoder", "decoder_2_upsampling2d"),
    }.items():
        _, arrays = ask(inside, "autoencoder", place, [(1, 0.5)])
        assert np.abs(arrays["changed"] - by_hand(*spot)).max() < 1e-5, place
        assert not np.array_equal(arrays["changed"], arrays["plain"]), place


def test_a_number_of_a_latent_switched_off(inside, built):
    model = built.models["latents"][0].model
    image = picture((28, 28, 1))[np.newaxis]
    latents, _ = model.search(image)
    _, arrays = ask(inside, "latents", "latent", [(0, 0.0)])
    assert np.array_equal(arrays["maps"][:, 0, 0], latents[0])
    latents[:, 0] = 0
    assert np.abs(arrays["changed"] - model.decode_latents(latents)["image"][0]).max() < 1e-5


def test_a_connection_past_the_place_stays_what_it_was():
    image = keras.Input((8, 8, 2))
    first = keras.layers.Conv2D(3, 3, padding="same", name="first")(image)
    second = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="second")(first)
    encoder = keras.Model(image, keras.layers.Add(name="sum")([first, second]))
    code = keras.Input((8, 8, 3))
    decoder = keras.Model(code, {"image": keras.layers.Conv2D(2, 1, activation="sigmoid", name="last")(code)})
    model = Autoencoder(encoder, image_shape=(8, 8, 2), decoder=decoder, code_stack=None, losses=(), metrics={})
    network = Network(model, [])
    assert [place.name for place in network.places] == ["encoder/first", "encoder/second", "code", "decoder/last"]
    value = picture((1, 8, 8, 2))
    opened = network.open("encoder/second", network.start(keras.ops.convert_to_tensor(value)))
    factors = np.array([0, 1, 3], np.float32)
    changed = network.change("encoder/second", opened, keras.ops.convert_to_tensor(factors))
    after_first = encoder.get_layer("first")(value)
    code = after_first + encoder.get_layer("second")(after_first) * factors
    assert np.abs(changed - decoder(code)["image"]).max() < 1e-5


def test_what_is_wrong_is_said(inside):
    with pytest.raises(RequestError, match="has no place called 'tap block9'"):
        ask(inside, "inverter", "tap block9")
    with pytest.raises(RequestError, match="has 2 channels"):
        ask(inside, "latents", "latent", [(2, 0.0)])


def test_figures_of_channels(inside):
    _, arrays = ask(inside, "autoencoder", "encoder/encoder_1_residual", seed=3)
    maps = arrays["maps"].astype(np.float64)
    assert maps.shape == (6, 14, 14)
    assert np.allclose(arrays["means"], maps.mean(axis=(1, 2)), atol=1e-5)
    assert np.array_equal(arrays["lows"], maps.min(axis=(1, 2)))
    assert np.array_equal(arrays["highs"], maps.max(axis=(1, 2)))
    assert np.allclose(arrays["strengths"], np.sqrt((maps**2).mean(axis=(1, 2))), atol=1e-5)


def test_large_maps_are_sent_as_half_floats_and_larger_ones_with_fewer_pixels():
    rng = np.random.default_rng(0)
    value = rng.random((1, 56, 56, 1024), np.float32) * 1e6  # beyond the largest half float
    values, arrays = packed(value)
    assert values["shrunk"] == 1 and arrays["maps"].dtype == np.float16
    restored = arrays["maps"].astype(np.float32) * values["unit"]
    assert np.abs(restored - value[0].transpose(2, 0, 1)).max() < 1e6 / 1024
    assert np.array_equal(arrays["highs"], value[0].max(axis=(0, 1)))
    values, arrays = packed(rng.random((1, 226, 225, 128), np.float32))
    assert values["shrunk"] == 2 and arrays["maps"].shape == (128, 113, 112)
    assert sum(array.nbytes for array in arrays.values()) < 9e6


def test_every_checkpoint_has_its_own_maps(trained):
    models = Models()
    images, searches = Images(models), Searches()
    reconstruction = Reconstruction(models, images, searches)
    inside = Inside(models, images, reconstruction, searches)
    run = next(run for run in list_runs(trained) if run.path.parent.name == "wide")
    path, source = str(run.path), ImageSource("split", run=str(run.path), position=2)
    found = []
    for checkpoint in (*run.checkpoints(), run.checkpoints()[0]):
        step = str(checkpoint.step)
        _, arrays = inside.inside(source, path, step, "code")
        assert np.array_equal(arrays["plain"], reconstruction.reconstruct(source, path, step)[1]["image"])
        found.append(arrays["maps"])
    assert np.array_equal(found[0], found[-1]) and np.abs(found[0] - found[1]).max() > 1e-3


def test_the_network_as_a_diagram(trained):
    diagrams = Diagrams()
    path = str(list_runs(trained)[0].path)
    drawn = diagrams.diagram(path)[1]["diagram"]
    assert drawn.dtype == np.uint8 and drawn.shape[-1] == 3 and max(drawn.shape) > 1500 and drawn.nbytes < 12e6
    assert (drawn[:5] == 255).all()
    assert len(np.unique(drawn[::8, ::8].reshape(-1, 3), axis=0)) > 50  # boxes, arrows and words
    assert np.array_equal(diagrams.diagram(path)[1]["diagram"], drawn)
