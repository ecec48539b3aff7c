"""Specs made to run code, to hang or to fill the memory end in located lines, soon, without TensorFlow."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from builders.spec import SpecErrors, check_spec, load_spec
from tests.builders.spec.test_reader import HOSTILE, HOSTILE_JSON

ROOT = Path(__file__).parents[3]
BODY = """\
dataset: {source: {folder: {path: data}}, image: {size: 64}}
encoder: {backbone: vgg16, taps: [block2_conv2]}
decoder: {layers: [%s]}
loss: {l1: 1}
"""


def nested(levels: int) -> str:
    return "Residual: {layers: [" * levels + "Flatten" + "]}" * levels


CODE = {
    "Lambda": (BODY % "Lambda: {function: 'os.system'}", "decoder.layers.0: layer 'Lambda' is not allowed"),
    "TFSMLayer": (BODY % "TFSMLayer: {filepath: x}", "layer 'TFSMLayer' is not allowed: it can run code"),
    "TorchModuleWrapper": (BODY % "TorchModuleWrapper: {module: x}", "is not allowed"),
    "JaxLayer": (BODY % "JaxLayer", "is not allowed"),
    "FlaxLayer": (BODY % "Residual: {layers: [FlaxLayer]}", "decoder.layers.0.Residual.layers.0: layer 'FlaxLayer'"),
    "import path": (BODY % "os.system: {command: ls}", "unknown layer 'os.system'"),
    "dunder import": (BODY % "__import__('os').system('ls')", "unknown layer"),
    "class name and config": (BODY % "class_name: Lambda, config: {}", "unknown layer 'class_name'"),
    "a registered name of Keras": (BODY % "'keras>Lambda': {}", "unknown layer 'keras>Lambda'"),
    "code in an initializer": (
        BODY % "Dense: {units: 1, kernel_initializer: {class_name: x}}",
        "decoder.layers.0.Dense.kernel_initializer: unknown initializer 'class_name'",
    ),
    "code as an activation": (
        BODY % "Dense: {units: 1, activation: os.system}",
        "decoder.layers.0.Dense.activation: expected celu, elu",
    ),
    "a name that is a path": ("name: ../../evil\n" + BODY % "Flatten", "x.yaml:1:7: name: expected letters"),
    "a layer name that is a path": (BODY % "Flatten: {name: ../x}", "decoder.layers.0.Flatten.name: expected letters"),
}
LARGE = {
    "unknown keys": "\n".join(f"kee{n}: 1" for n in range(9000)),
    "unknown layers": BODY % ", ".join(f"Conw{n}D" for n in range(9000)),
    "unknown arguments": BODY % f"Dense: {{{', '.join(f'unitz{n}: 1' for n in range(9000))}}}",
    "unknown terms": "loss: {" + ", ".join(f"ll{n}: 1" for n in range(6000)) + "}",
    "unknown outputs": "loss: {" + ", ".join(f"l{n}: {{loss: l1, output: o{n}}}" for n in range(1500)) + "}",
    "unknown taps": f"encoder: {{backbone: densenet121, taps: [{', '.join(f'convv{n}_block' for n in range(5000))}]}}",
    "many layers": BODY % ", ".join(["Flatten"] * 4000),
    "many defaults": "decoder:\n  defaults: {Dense: {target_shape: ["
    + "1, " * 3000
    + "1]}}\n  layers: ["
    + "Dense, " * 3000
    + "Dense]",
    "many metrics": "metrics: [" + "mse, " * 5000 + "mse]",
    "deep layers": BODY % nested(14),
    "too deep layers": BODY % nested(30),
    "long words": f"{'x' * 100_000}: {'y' * 100_000}\nseed: {'z' * 50_000}",
    "line breaks in words": '"a\\nb": "c\\nd"\nseed: "e\\nf\\u2028g"',
    "a sweep of everything": "sweep: {parameters: {"
    + ", ".join(f"loss.l{n}: {{values: [1, 2, 3]}}" for n in range(2000))
    + "}}",
    "a mapping of nulls": "\n".join(f"{key}: null" for key in ("dataset", "encoder", "decoder", "loss", "training")),
    "not a mapping": "- a\n- b",
    "a word": "hello",
    "nothing": "",
}


@pytest.mark.parametrize(("text", "message"), CODE.values(), ids=CODE.keys())
def test_nothing_in_a_spec_runs_code(write, text, message):
    problems = [str(problem) for problem in check_spec(write(text))]
    assert any(message in problem for problem in problems), problems


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE.keys())
def test_large_and_odd_files_are_answered_soon(write, text):
    start = time.process_time()
    problems = check_spec(write(text))
    assert time.process_time() - start < 2
    assert str(SpecErrors(problems)).count("\n") <= 100
    for problem in problems[:300]:
        line = str(problem)
        assert problem.file == "x.yaml" and problem.line and problem.column and line.isprintable() and len(line) < 1500


def test_nesting_within_the_bounds_is_read(write):
    assert load_spec(write(BODY % nested(14))).spec.decoder.layers[0].name == "Residual"


def test_a_process_of_its_own_ends_in_lines_and_without_tensorflow(write, tmp_path):
    names = [write(text, f"{number}.yaml") for number, (text, _) in enumerate(HOSTILE.values())]
    names += [write(text, f"{number}.json") for number, (text, _) in enumerate(HOSTILE_JSON.values())]
    names += [write(text, f"c{number}.yaml") for number, (text, _) in enumerate(CODE.values())]
    program = (
        "import sys\nfrom builders.spec import check_spec\n"
        "for name in sys.argv[1:]:\n"
        "    lines = [str(problem) for problem in check_spec(name)]\n"
        "    assert lines and all(line.startswith(name + ':') for line in lines), (name, lines)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *names],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
