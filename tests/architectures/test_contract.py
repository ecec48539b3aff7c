"""What every entry of every registry keeps to. New entries are picked up by lying in their package."""

import inspect
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from architectures.metrics.metric import Metric, SetMetric
from builders.layer_builder import LayerBuilder
from builders.spec.data_types import Image
from common.registry import (
    ARCHITECTURES,
    AUGMENTATIONS,
    BACKBONES,
    DISCRIMINATORS,
    LAYERS,
    LOSSES,
    METRICS,
    OPTIMIZERS,
    SOURCES,
    TRACKERS,
    WEIGHTS,
)
from tests.architectures.examples import backbone_arguments, choices, parameters, required_arguments, source_arguments

# A family of backbones shares a file; everything else is found under its own name.
ONE_FILE_EACH = (
    LOSSES,
    METRICS,
    LAYERS,
    AUGMENTATIONS,
    ARCHITECTURES,
    DISCRIMINATORS,
    WEIGHTS,
    OPTIMIZERS,
    SOURCES,
    TRACKERS,
)
REGISTRIES = (*ONE_FILE_EACH, BACKBONES)


def entries(*registries, of=object):
    """One test for each entry, called `loss-l1`; of a base class, where given."""
    return pytest.mark.parametrize(
        "entry",
        [
            pytest.param(entry, id=f"{registry.kind.replace(' ', '_')}-{name}")
            for registry in registries
            for name, entry in registry.items()
            if issubclass(entry, of)
        ],
    )


def named_entries(*registries):
    return pytest.mark.parametrize(
        ("name", "entry"),
        [
            pytest.param(name, entry, id=f"{registry.kind.replace(' ', '_')}-{name}")
            for registry in registries
            for name, entry in registry.items()
        ],
    )


def pair_for(entry):
    """Originals and reconstructions that a loss or metric can measure; five scales of MS-SSIM need large ones."""
    scales = any(parameter.name == "scales" for parameter in parameters(entry))
    return noisy_pair(168, 161) if scales else noisy_pair(70, 65)


def noisy_pair(height, width, channels=3, batch=2):
    """Originals and reconstructions, float32 in [0, 1]."""
    generator = np.random.default_rng(0)
    small = generator.random((batch, 12, 12, channels))
    originals = tf.image.resize(small, (height, width), "bicubic").numpy().clip(0, 1).astype("float32")
    noise = generator.normal(scale=0.1, size=originals.shape)
    return originals, (originals + noise).clip(0, 1).astype("float32")


# Every registry


@named_entries(*REGISTRIES)
def test_entry_is_documented(name, entry):
    documentation = inspect.getdoc(entry)
    assert entry.__doc__, "an entry has a docstring of its own"
    first, *rest = documentation.splitlines()
    assert first.endswith(".") and len(first) <= 120 and not (rest and rest[0])
    section = re.search(r"^Args:\n((?:    .*\n|\n)*)", documentation + "\n", flags=re.MULTILINE)
    described = re.findall(r"^    (\w+): \S", section.group(1), flags=re.MULTILINE) if section else []
    assert described == [parameter.name for parameter in parameters(entry)]


@entries(*REGISTRIES)
def test_entry_is_annotated(entry):
    bare = [parameter.name for parameter in parameters(entry) if parameter.annotation is parameter.empty]
    assert bare == []


@named_entries(*ONE_FILE_EACH)
def test_entry_lies_in_a_file_of_its_name(name, entry):
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    assert entry.__module__.rsplit(".", 1)[-1] == snake


# Losses


@entries(LOSSES)
def test_loss_gives_one_float32_value_per_image_whatever_the_precision(entry):
    originals, reconstructions = pair_for(entry)
    loss = entry(**required_arguments(entry))
    values = loss.call(originals, reconstructions)
    assert values.shape == (2,) and values.dtype == tf.float32 and np.isfinite(values).all()
    np.testing.assert_allclose(loss.call(originals[1:], reconstructions[1:]), values[1:], rtol=1e-5)
    for dtype, tolerance in ((tf.float16, 2e-2), (tf.bfloat16, 0.15)):
        half = loss.call(originals, tf.cast(reconstructions, dtype))
        assert half.dtype == tf.float32
        np.testing.assert_allclose(half, values, rtol=tolerance)


@entries(LOSSES)
def test_loss_has_a_finite_gradient(entry):
    originals, reconstructions = pair_for(entry)
    loss = entry(**required_arguments(entry))

    @tf.function
    def step(originals, reconstructions):
        with tf.GradientTape() as tape:
            tape.watch(reconstructions)
            total = tf.reduce_mean(loss.call(originals, reconstructions))
        return total, tape.gradient(total, reconstructions)

    grey, black = np.full_like(originals, 0.5), np.zeros_like(originals)
    pairs = [
        (originals, reconstructions),
        (originals, originals),
        (originals, grey),
        (originals, black),
        (black, black),
    ]
    for index, pair in enumerate(pairs):
        total, gradient = step(*(tf.constant(images) for images in pair))
        assert np.isfinite(total) and np.isfinite(gradient).all()
        assert index > 0 or np.abs(gradient).max() > 0


@entries(LOSSES)
def test_loss_survives_its_configuration(entry):
    originals, reconstructions = pair_for(entry)
    loss = entry(**required_arguments(entry))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is entry and again.get_config() == loss.get_config()
    assert {parameter.name for parameter in parameters(entry)} <= set(loss.get_config())
    np.testing.assert_array_equal(again.call(originals, reconstructions), loss.call(originals, reconstructions))


@entries(LOSSES, METRICS, of=(keras.losses.Loss, Metric))
def test_images_of_other_shapes_are_refused(entry):
    originals, reconstructions = pair_for(entry)
    measure = entry(**required_arguments(entry))
    measure = getattr(measure, "call", measure)
    with pytest.raises(ValueError, match=r"\[(\d+, \d+), 3\].*\[\1, 1\]"):
        measure(originals, reconstructions[..., :1])


# Metrics


@entries(METRICS, of=Metric)
def test_metric_gives_one_value_per_image_and_knows_better_from_worse(entry):
    originals, reconstructions = pair_for(entry)
    metric = entry(**required_arguments(entry))
    assert getattr(metric, "direction", None) in ("max", "min"), (
        f"{entry.__name__}: direction must be 'max' or 'min', the better end of its values; set it in the class"
    )
    assert isinstance(metric.unit, str) and isinstance(metric.label, str)
    assert isinstance(metric.in_training, bool)
    values = tf.function(metric)(originals, reconstructions).numpy()
    assert values.shape == (2,) and values.dtype == np.float32
    np.testing.assert_allclose(metric(originals[1:], reconstructions[1:]), values[1:], rtol=1e-5)
    for dtype in (tf.float16, tf.bfloat16):
        np.testing.assert_allclose(metric(originals, tf.cast(reconstructions, dtype)), values, rtol=2e-2)
    exact = metric(originals, originals).numpy()
    assert np.isfinite(exact).all()
    assert (exact > values).all() if metric.direction == "max" else (exact < values).all()
    assert metric.normalizer(originals) > 0


@entries(METRICS, of=Metric)
def test_metric_measures_images_as_small_as_its_window(entry):
    arguments = required_arguments(entry)
    metric = entry(**arguments)
    side = (metric.window - 1) * 2 ** (getattr(metric, "scales", 1) - 1) + 1
    network = arguments.get("backbone", arguments.get("network"))
    if network is not None:  # which has a smallest image of its own
        side = max(side, BACKBONES.get(network).minimum_size)
    values = np.asarray(metric(*noisy_pair(side, side)))
    assert values.shape == (2,) and np.isfinite(values).all()


@entries(METRICS, of=SetMetric)
def test_set_metric_compares_summaries_whatever_the_batches(entry):
    metric = entry(**required_arguments(entry))
    assert metric.direction in ("max", "min") and metric.in_training is False and metric.minimum_images > 0
    assert isinstance(metric.unit, str) and isinstance(metric.label, str)
    originals, reconstructions = noisy_pair(40, 36, batch=7)

    def summary(images, size=7):
        made = metric.summary()
        for start in range(0, len(images), size):
            made.add(images[start : start + size])
        return made

    value = metric.compare(summary(originals), summary(reconstructions))
    exact = metric.compare(summary(originals), summary(originals, 2))
    assert isinstance(value, float) and np.isfinite(exact)
    assert exact > value if metric.direction == "max" else exact < value
    assert metric.compare(summary(originals, 3), summary(reconstructions, 2)) == pytest.approx(value, rel=1e-3)
    json.dumps(metric.recipe(), allow_nan=False)


# Layers


@entries(LAYERS)
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_layer_builds_trains_and_survives_its_configuration(entry, precision):
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(precision)
    try:
        for arguments in choices(entry):
            _check_layer(entry(**required_arguments(entry), **arguments), precision)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)


def _check_layer(layer, precision):
    generator = np.random.default_rng(0)
    # A map, or tokens for a layer that takes nothing else.
    shape = (16, 8) if layer.input_spec is not None and layer.input_spec.ndim == 3 else (4, 6, 8)
    images = generator.normal(size=(2, *shape)).astype("float32")
    announced = layer.compute_output_shape((None, *shape))
    entering = keras.Input(shape)
    model = keras.Model(entering, layer(entering))
    assert model.output.shape == tuple(announced)

    with tf.GradientTape() as tape:
        tape.watch(inputs := tf.constant(images))
        outputs = model(inputs, training=True)
        total = tf.reduce_mean(tf.cast(outputs, tf.float32) ** 2)
    assert outputs.dtype == keras.DTypePolicy(precision).compute_dtype
    assert outputs.shape[1:] == tuple(announced[1:])
    gradients = tape.gradient(total, [inputs, *model.trainable_variables])
    assert all(gradient is not None and np.isfinite(gradient).all() for gradient in gradients)

    again = keras.Model.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    paths = [variable.path for variable in model.trainable_variables]
    assert len(set(paths)) == len(paths), "weights are found again by their paths"
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(tf.cast(again(images), tf.float32), tf.cast(model(images), tf.float32))


# Augmentations


@entries(AUGMENTATIONS)
@pytest.mark.parametrize("shape", [(16, 24, 3), (9, 9, 1)])
def test_augmentation_is_a_pure_function_of_image_and_seed(entry, shape):
    image = np.random.default_rng(0).random(shape, dtype="float32")
    for arguments in choices(entry):
        augment = entry(**required_arguments(entry), **arguments)
        seeds = np.arange(16, dtype="int32").reshape(8, 2)
        many = tf.data.Dataset.from_tensor_slices(seeds).map(lambda seed: augment(tf.constant(image), seed), 2)  # noqa: B023
        results = np.stack(list(many.as_numpy_iterator()))
        assert results.shape == (8, *shape) and results.dtype == np.float32
        assert results.min() >= 0 and results.max() <= 1
        again = np.stack([augment(tf.constant(image), tf.constant(seed)).numpy() for seed in seeds[::-1]])[::-1]
        np.testing.assert_allclose(again, results, atol=1e-6)
        assert any((result != results[0]).any() for result in results), "eight seeds give more than one image"


# Ready-made stacks


@entries(ARCHITECTURES)
@pytest.mark.parametrize("image_shape", [(20, 28, 3), (16, 16, 1), (1, 40, 3)])
def test_stack_leads_from_some_code_to_the_image(entry, image_shape):
    fitting = 0
    for code_shape in ((5,), (2, 5), (3, 4, 5), (1, 4, 5), (32, 48, 2)):
        try:
            entries = entry(**required_arguments(entry)).layers(code_shape, image_shape)
        except ValueError as error:
            assert str(list(code_shape)) in str(error)
            continue
        fitting += 1
        entering = tensor = keras.Input(code_shape)
        for layer in LayerBuilder().layers(entries, "decoder"):
            tensor = layer(tensor)
        model = keras.Model(entering, tensor)
        assert model.output.shape == (None, *image_shape)
        codes = np.random.default_rng(0).normal(size=(2, *code_shape)).astype("float32")
        with tf.GradientTape() as tape:
            images = model(codes, training=True)
            total = tf.reduce_mean(images**2)
        assert np.min(images) >= 0 and np.max(images) <= 1
        assert all(np.isfinite(gradient).all() for gradient in tape.gradient(total, model.trainable_variables))
    assert fitting


# Discriminators


@entries(DISCRIMINATORS)
@pytest.mark.parametrize("shape", [(28, 28, 3), (5, 7, 16), (16,), (9, 12)])
def test_discriminator_gives_logits_that_can_be_learned(entry, shape):
    head = entry(**required_arguments(entry))
    if head.reads == "image" and len(shape) != 3:
        return
    entering = tensor = keras.Input(shape)
    for layer in LayerBuilder().layers(head.layers(shape), "discriminator"):
        tensor = layer(tensor)
    model = keras.Model(entering, tensor)
    assert model.output.shape[-1] == 1 and 0 not in model.output.shape
    inputs = np.random.default_rng(0).random((2, *shape), dtype="float32")
    with tf.GradientTape() as tape:
        logits = model(inputs, training=True)
        total = tf.reduce_mean(logits**2)
    assert np.std(logits) > 0, "logits have no bound and no constant value"
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(total, model.trainable_variables))


# Backbones and weights


@named_entries(BACKBONES)
def test_backbone_is_cut_at_an_early_tap(name, entry, tmp_path):
    arguments = backbone_arguments(name, tmp_path)
    missing = {parameter.name for parameter in parameters(entry) if parameter.default is parameter.empty}
    assert missing <= set(arguments), "say in tests/architectures/examples.py how to write this network's files"
    backbone = entry(**arguments)
    side = backbone.input_size[0] if backbone.input_size else max(32, backbone.minimum_size)
    taps = backbone.taps((side, side, 3))
    assert len({tap.name for tap in taps}) == len(taps)
    tap = next(tap for tap in taps if len(tap.shape) == 3 and tap.shape[-1] > 3)
    model = backbone.features((side, side, 3), [tap.name], weights="none", seed=1)
    [output] = model.outputs
    assert output.shape[1:] == tap.shape and model.trainable_variables == []
    assert np.isfinite(model(np.random.default_rng(0).random((1, side, side, 3), dtype="float32"))[0]).all()
    assert backbone.name == name


@entries(WEIGHTS)
def test_weights_package_fits_a_backbone(entry):
    assert entry.backbone in BACKBONES


# Sources


@named_entries(SOURCES)
def test_source_reads_the_same_images_whenever_it_is_opened(name, entry, tmp_path):
    arguments = source_arguments(name, tmp_path)
    missing = {parameter.name for parameter in parameters(entry) if parameter.default is parameter.empty}
    assert missing <= set(arguments), "say in tests/architectures/examples.py how to write this source's files"
    source, again = entry(**arguments), entry(**arguments)
    count = len(source)
    assert count > 0 and len(again) == count
    for index in (0, count // 2, count - 1):
        image = source.read(index, Image(size=(16, 12)), (16, 12))
        assert image.dtype == np.uint8 and image.shape == (16, 12, 3)
        np.testing.assert_array_equal(again.read(index, Image(size=(16, 12)), (16, 12)), image)
        assert source.name_of(index) == again.name_of(index)
        source.check(index)
    labels = source.labels()
    assert labels.dtype == np.int64 and labels.shape == (count,)
    assert labels.min() >= -1 and labels.max() < max(1, len(source.class_names))
    assert re.fullmatch("[0-9a-f]{64}", source.fingerprint()) and again.fingerprint() == source.fingerprint()
    for part in {*source.part_names(), *source.own_splits.values()}:
        indices = source.part(part)
        assert len(indices) and (np.diff(indices) > 0).all() and indices[0] >= 0 and indices[-1] < count
    assert source.part("no such part") is None


@entries(OPTIMIZERS)
def test_optimizer_descends_and_survives_its_configuration(entry):
    variable = keras.Variable(np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3))
    optimizer = entry.from_config(entry(learning_rate=0.05).get_config())
    for _ in range(30):
        optimizer.apply([tf.convert_to_tensor(variable) * 2], [variable])  # of the squared length
    assert np.abs(variable.numpy()).max() < 0.5
    assert optimizer.get_config() == entry(learning_rate=0.05).get_config()
