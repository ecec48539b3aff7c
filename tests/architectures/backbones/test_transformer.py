"""Transformers, against the networks of `transformers` with the same weights, and what hostile files do."""

import json
import re

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from architectures.backbones.base import ArgumentError
from architectures.weights.preprocessing import Preprocessing
from common.registry import BACKBONES
from tests.architectures.backbones import published_transformers as published

# Both sum in float32, in another order; activations are of the order of 1.
TOLERANCE = 1e-4


def activations(folder, family, size, taps=()):
    """Some taps of a published network, or all, for one image."""
    backbone = BACKBONES.get(family)(preset=str(folder))
    taps = taps or [tap.name for tap in backbone.taps((*size, 3))]
    model = backbone.features((*size, 3), taps, preprocessing=Preprocessing())
    return dict(zip(taps, model(published.image(size))))


@pytest.mark.parametrize("case", published.CASES)
def test_every_tap_is_that_of_the_published_network(case, tmp_path):
    folder = published.write(tmp_path / case, case)
    with np.load(published.GOLDEN) as golden:
        names = json.loads(str(golden["names"]))[case]
        # The others have the positions of one of these.
        sizes = published.SIZES[: 2 if case in ("vit", "dinov2_registers", "dinov3", "siglip", "swin") else 1]
        for size in sizes:
            found = activations(folder, published.CASES[case][0], size, [*names, "block_2"])
            for name, values in zip(names, golden[f"{case}/{size[0]}"]):
                np.testing.assert_allclose(
                    published.sampled(found[name].numpy()), values, atol=TOLERANCE, err_msg=f"{name} at {size}"
                )
            tokens = found["block_2.tokens"].numpy()
            np.testing.assert_array_equal(found["block_2"].numpy().reshape(tokens.shape), tokens)


@pytest.mark.parametrize("case", published.CASES)
def test_every_value_is_that_of_transformers(case, tmp_path):
    pytest.importorskip("transformers")
    pytest.importorskip("torch")
    model, _ = published.reference(case)
    folder = published.write(tmp_path / case, case)
    for size in published.SIZES:
        found = activations(folder, published.CASES[case][0], size)
        for name, values in published.activations(case, model, size).items():
            np.testing.assert_allclose(found[name].numpy(), values, atol=TOLERANCE, err_msg=f"{name} at {size}")


def test_taps_have_one_naming_and_state_their_stride(tmp_path):
    folder = published.write(tmp_path / "net", "dinov2_registers")
    taps = {tap.name: tap for tap in BACKBONES.get("dinov2")(preset=str(folder)).taps((16, 24, 3))}
    assert taps["block_2"].shape == (4, 6, 16) and taps["block_2"].stride == 4
    assert taps["block_2.tokens"].shape == (24, 16) and taps["block_2.tokens"].stride is None
    assert taps["block_2.class"].shape == (16,) and taps["block_2.registers"].shape == (3, 16)
    assert next(iter(taps)) == "patches" and list(taps)[-1] == "embedding"
    swin = BACKBONES.get("swin")(preset="mini").taps((32, 32, 3))
    assert [(tap.name, tap.shape, tap.stride) for tap in swin if tap.stride][:4] == [
        ("patches", (8, 8, 32), 4),
        ("block_1", (8, 8, 32), 4),
        ("block_2", (8, 8, 32), 4),
        ("merge_1", (4, 4, 64), 8),
    ]


def test_random_weights_depend_on_the_seed_alone():
    image = published.image((16, 16))
    models = [
        BACKBONES.get("deit")(preset="mini", depth=1, width=16, heads=2).features(
            (16, 16, 3), ["block_1", "block_1.distillation"], "none", seed
        )
        for seed in (1, 1, 2)
    ]
    first, same, other = ([value.numpy() for value in model(image)] for model in models)
    for one, two, three in zip(first, same, other):
        np.testing.assert_array_equal(one, two)
        assert np.abs(one - three).max() > 0.1
    assert models[0].trainable_variables == []


def test_weights_of_a_file_and_of_a_task_with_another_prefix(tmp_path):
    folder = published.write(tmp_path / "net", "vit")
    tensors = load_file(folder / "model.safetensors")
    save_file({f"vit.{name}": value for name, value in tensors.items()}, tmp_path / "task.safetensors")
    sizes = {"patch": 4, "width": 16, "depth": 2, "heads": 2}
    with pytest.raises(ArgumentError, match="width of 16 gives 3 heads not equal shares"):
        BACKBONES.get("vit")(preset="base", **{**sizes, "heads": 3})
    # 16 · 4 inside the MLP, where the file has 24.
    other = BACKBONES.get("vit")(preset="base", **sizes)
    with pytest.raises(ValueError, match=r"intermediate.dense.weight should fill \[16, 64\]"):
        other.features((16, 16, 3), ["block_1"], str(tmp_path / "task.safetensors"))
    model = other.features((16, 16, 3), ["patches.tokens"], str(tmp_path / "task.safetensors"), 0, Preprocessing())
    expected = activations(folder, "vit", (16, 16))["patches.tokens"]
    np.testing.assert_array_equal(model(published.image((16, 16))), expected)


def test_files_in_parts_and_preprocessing(tmp_path):
    folder = published.write(tmp_path / "net", "dinov2")
    expected = activations(folder, "dinov2", (16, 16))
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places = {name: f"part-{number % 2}.safetensors" for number, name in enumerate(tensors)}
    for file in set(places.values()):
        save_file({name: tensors[name] for name in tensors if places[name] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    for name, value in activations(folder, "dinov2", (16, 16)).items():
        np.testing.assert_array_equal(value, expected[name])
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}))
    backbone = BACKBONES.get("dinov2")(preset=str(folder))
    assert backbone.preprocessing == Preprocessing((4.0,) * 3, (-2.0,) * 3)
    image = published.image((16, 16))
    model = backbone.features((16, 16, 3), ["block_2"])
    np.testing.assert_allclose(model(image / 4 + 0.5), expected["block_2"], atol=1e-4)
    index.write_text(json.dumps({"weight_map": dict.fromkeys(places, "../model.safetensors")}))
    with pytest.raises(ArgumentError, match=r"names other files than \.safetensors beside it"):
        backbone.features((16, 16, 3), ["block_2"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "dinov2"}, "model_type is dinov2, expected vit; it is for dinov2"),
        ({"model_type": ["vit"]}, r"model_type is \['vit'\], expected vit"),
        ({"hidden_size": 1 << 40}, "hidden_size must be a whole number from 1 to 16384, got 1099511627776"),
        ({"hidden_size": True}, "hidden_size must be a whole number"),
        ({"num_hidden_layers": -1}, "num_hidden_layers must be"),
        ({"num_attention_heads": 5}, "a width of 16 gives 5 heads not equal shares"),
        ({"hidden_act": "os.system"}, "hidden_act must be one of gelu, "),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps must be a number"),
        ({"patch_size": [4, 8]}, "patch_size must be"),
        ({"hidden_size": 16384, "num_attention_heads": 16, "num_hidden_layers": 128}, "RETRACE_MEMORY_BUDGET"),
    ],
)
def test_a_hostile_configuration_is_a_line(change, message, tmp_path, monkeypatch):
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "1GiB")
    folder = published.write(tmp_path / "net", "vit")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ValueError, match=message) as caught:
        BACKBONES.get("vit")(preset=str(folder)).taps((16, 16, 3))
    assert "\n" not in str(caught.value)


def test_hostile_files_are_lines(tmp_path):
    folder = published.write(tmp_path / "net", "vit")
    backbone = BACKBONES.get("vit")(preset=str(folder))
    tensors = load_file(folder / "model.safetensors")
    name = "embeddings.position_embeddings"
    for wrong, message in (
        (tensors[name][:, :-1], "has 16 positions, which are no square of patches after 1 tokens"),
        (tensors[name].ravel(), "position"),
        (np.full_like(tensors[name], np.nan), "NaN or infinite"),
    ):
        save_file({**tensors, name: np.ascontiguousarray(wrong)}, folder / "model.safetensors")
        with pytest.raises(ArgumentError, match=message):
            backbone.features((16, 16, 3), ["block_1"])
    (folder / "model.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(ArgumentError, match="cannot be read as safetensors"):
        backbone.features((16, 16, 3), ["block_1"])
    for content, message in (
        (b"[1]", "no JSON object"),
        (b"{" * 100_000, "is no JSON"),
        (b" " * (5 << 20), "bytes, more"),
    ):
        (folder / "config.json").write_bytes(content)
        with pytest.raises(ArgumentError, match=message):
            BACKBONES.get("vit")(preset=str(folder))


def test_mistakes_say_what_to_do(tmp_path):
    vit = BACKBONES.get("vit")
    for arguments, message in (
        ({"preset": "no/such"}, "no/such: no such folder; paths are relative to"),
        ({"preset": "hf://owner"}, "expected hf://owner/name"),
        ({"preset": str(tmp_path), "depth": 2}, "changes one of the architectures mini, tiny"),
        ({"preset": str(tmp_path)}, re.escape(f"{tmp_path} has no config.json")),
    ):
        with pytest.raises(ArgumentError, match=message):
            vit(**arguments)
    with pytest.raises(ValueError, match=r"patches of 16×16 pixels, got 40×32; set encoder.input_size to \[32, 32\]"):
        vit(preset="tiny").taps((40, 32, 3))
    with pytest.raises(ValueError, match=r"67,108,864 patches of one image make attention maps of .* bytes, more than"):
        vit(preset="tiny", patch=1).taps((8192, 8192, 3))
    (tmp_path / "config.json").write_text('{"model_type": "swin", "window_size": 256}')
    with pytest.raises(ValueError, match="64 patches of one image make attention maps of"):
        BACKBONES.get("swin")(preset=str(tmp_path)).taps((32, 32, 3))
    with pytest.raises(ValueError, match="'tiny' is an architecture of vit without weights; set weights to none"):
        vit(preset="tiny").features((32, 32, 3), ["block_1"])
