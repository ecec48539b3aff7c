"""The JSON Schema for editors, judged by a validator that is not ours."""

import json
import subprocess
import sys

import pytest

from builders.spec.schema import editor_schema
from tests.builders.spec.conftest import SPECS, TARGETS
from workflows.schema import SCHEMA_PATH, schema_text

# One mistake each. Nothing is required of one file, and every scalar may be a variable.
BROKEN = {
    "unknown_key": "trainig: {epochs: 3}",
    "unknown_argument": "decoder: {layers: [Conv2D: {fliters: 3}]}",
    "unknown_layer": "decoder: {layers: [Conv2d]}",
    "layer_that_loads_code": "decoder: {layers: [Lambda: {function: x}]}",
    "two_layers_in_one": "decoder: {layers: [{Conv2D: {filters: 3}, Dense: {units: 1}}]}",
    "nested_argument": "decoder: {layers: [Residual: {layers: [Dense: {unit: 3}]}]}",
    "default_of_a_stack": "decoder: {defaults: {Conv2D: {padding: Same}}}",
    "wrong_type": "training: {epochs: ten}",
    "text_for_a_flag": "decoder: {layers: [Conv2D: {use_bias: no}]}",
    "outside_a_bound": "dataset: {batch_size: 0}",
    "outside_an_enumeration": "dataset: {image: {fit: squeeze}}",
    "unknown_source": "dataset: {source: foldr}",
    "source_argument": "dataset: {source: {folder: {pth: x}}}",
    "unknown_optimizer": "training: {optimizer: {Adamm: {}}}",
    "schedule_argument": "training: {optimizer: {Adam: {learning_rate: {CosineDecay: {decay: 1}}}}}",
    "unknown_loss": "loss: {mine: {loss: l11}}",
    "loss_argument": "loss: {charbonnier: {epsilom: 1}}",
    "argument_of_another_loss": "loss: {small: {loss: mse, epsilon: 1}}",
    "unknown_activation": "decoder: {layers: [Dense: {activation: rleu}]}",
    "unknown_initializer": "decoder: {layers: [Dense: {kernel_initializer: he_norml}]}",
    "duration": "training: {checkpoints: {every: 3 days}}",
    "no_period": "training: {checkpoints: {every: 0 epochs}}",
    "no_steps_between": "logging: {samples: {every: 0}}",
    "amount": "dataset: {split: {train: all}}",
    "unknown_metric": "metrics: [pnsr]",
    "kernel_of_another_rank": "decoder: {layers: [Conv2D: {kernel_size: [3, 3, 3]}]}",
}
GOOD = """\
$schema: spec.schema.json
extends: other.yaml
variables: {n: 3, list: [1]}
seed: $n
dataset: {source: $source, image: {size: $n, fit: $fit}, split: {train: $n, test: null}, batch_size: null}
encoder: {taps: {a: $w}, fuse: null, layers: [Dense: {units: $n, activation: $a, use_bias: $b, name: $name}, $layer]}
loss: {l1: $w, ssim: null, other: {loss: mse, weight: $w}, inherited: 0.5, too: {weight: 1}}
training: {optimizer: {Adam: {learning_rate: $rate}}, epochs: ${n}, checkpoints: {every: $n}}
"""


def check_jsonschema(schema, *files) -> dict:
    """What check-jsonschema reports: its exit status under `status`, and the file names that it found wrong."""
    command = [sys.executable, "-m", "check_jsonschema", "-o", "json", "--schemafile", str(schema), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    report = json.loads(done.stdout)
    wrong = {item["filename"].rsplit("/", 1)[-1] for item in report.get("errors", [])}
    return {"status": done.returncode, "wrong": wrong, "unreadable": report.get("parse_errors", [])}


def test_an_independent_validator_accepts_all_specs(tmp_path, catalogue):
    schema = tmp_path / "spec.schema.json"
    schema.write_text(json.dumps(editor_schema(catalogue)))
    files = [path for folder in (TARGETS, SPECS) for path in folder.iterdir() if path.is_file()]
    good = tmp_path / "good.yaml"
    good.write_text(GOOD.replace("${n}", "'${n}'"))
    assert check_jsonschema(schema, *files, good) == {"status": 0, "wrong": set(), "unreadable": []}


def test_an_independent_validator_refuses_broken_specs(tmp_path):
    for name, text in BROKEN.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    found = check_jsonschema(SCHEMA_PATH, *tmp_path.iterdir())
    assert found == {"status": 1, "wrong": {f"{name}.yaml" for name in BROKEN}, "unreadable": []}


def test_the_committed_schema_comes_from_the_committed_catalogue():
    assert SCHEMA_PATH.read_text(encoding="utf-8") == schema_text(), "run `python cli.py schema --write`"


@pytest.fixture(scope="module")
def schema() -> dict:
    """The committed schema."""
    return json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))


def test_it_explains_while_typing(schema):
    epochs = schema["$defs"]["Training"]["properties"]["epochs"]
    assert epochs["description"] == "Passes over the training split." and epochs["default"] == 10
    kernel = schema["$defs"]["layer.Conv2D"]["properties"]["kernel_size"]
    assert "convolution window" in kernel["description"]
    assert schema["$defs"]["layer.Conv2D"]["description"].startswith("2D convolution layer")
    assert schema["$defs"]["loss-term.charbonnier"]["properties"]["epsilon"]["default"] == 1e-3


def test_everything_of_ours_is_described(schema):
    def undescribed(name, definition):
        properties = definition.get("properties", {})
        return [f"{name}.{key}" for key, item in properties.items() if "description" not in item and "$ref" not in item]

    ours = [name for name in schema["$defs"] if name[0].isupper()] + ["Spec"]
    found = [path for name in ours for path in undescribed(name, {**schema, **schema["$defs"]}.get(name, schema))]
    assert found == []


def test_nothing_is_required(schema):
    terms = schema["$defs"]["loss-term"]
    assert "required" not in schema and terms["required"] == ["loss"]  # only there does a name say nothing of its kind
    assert all("required" not in item for name, item in schema["$defs"].items() if name != "loss-term")
