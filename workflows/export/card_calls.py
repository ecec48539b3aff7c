"""How to call an export: short programs for its model card, with its own names and shapes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from common.program import typed
from run_directory.run import folder_name


def calls(content: Mapping[str, Any]) -> str:
    """A section for each format that the export holds."""
    sections = []
    models = content["models"]
    plain, served = ([model for model in models if model["format"] == name] for name in ("savedmodel", "tfserving"))
    if tensorflow := plain or served:
        sections += [_python(content, tensorflow), _serving(content, served or plain)]
    if litert := [model for model in models if model["format"] == "litert"]:
        sections.append(_litert(content, litert))
    else:
        sections.append(f"### LiteRT\n\n`{typed('export RUN --format litert')}` adds it to this folder.")
    if onnx := [model for model in models if model["format"] == "onnx"]:
        sections.append(_onnx(content, onnx))
    return "\n\n".join(sections)


def _code(language: str, lines: Sequence[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _example(content: Mapping[str, Any], model: Mapping[str, Any]) -> tuple[str, str]:
    """Name and NumPy expression of what a model takes."""
    first = model["signatures"][0]["inputs"][0]
    shape = content["image"]["shape"] if first["kind"] == "image" else content["code"]["shape"]
    return first["name"], f"np.zeros({(1, *shape)}, np.float32)"


def _options(signature: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(tensor["name"], tensor["default"]) for tensor in signature["inputs"] if tensor["kind"] == "option"]


def _python(content: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> str:
    lines = ["import numpy as np", "import tensorflow as tf", ""]
    for model in models:
        lines.append(f'{model["part"]} = tf.saved_model.load("{model["path"]}")')
    lines.append("")
    for model in models:
        for signature in model["signatures"]:
            options = "".join(f", {name}=tf.constant({value})" for name, value in _options(signature))
            name, value = _example(content, model)
            if name == "code" and any(other["part"] == "encoder" for other in models):
                value = "code"
            if signature["inputs"][0]["kind"] == "bytes":
                name, value = "image_bytes", '[open("photo.jpg", "rb").read()]'
            call = f'{model["part"]}.signatures["{signature["name"]}"]({name}=tf.constant({value}){options})'
            lines.append(f'{signature["outputs"][0]["name"]} = {call}["{signature["outputs"][0]["name"]}"]')
    text = "Needs only `tensorflow`. Signatures that end in `_bytes` take JPEG, PNG or WebP files of any size."
    return f"### Python\n\n{text}\n\n{_code('python', lines)}"


def _serving(content: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> str:
    model = models[-1]
    name = f"{folder_name(content['name'])}_{model['part']}"
    signature = model["signatures"][-1]
    first = signature["inputs"][0]
    value: Any = {"b64": "…"} if first["kind"] == "bytes" else "…"
    inputs = {first["name"]: [value], **dict(_options(signature))}
    body = json.dumps({"signature_name": signature["name"], "inputs": inputs}, ensure_ascii=False)
    # Of `tfserving/full/1` the folder above is served; a SavedModel of another layout is given the version here.
    folder, version = (
        (model["path"].removesuffix("/1"), "") if model["format"] == "tfserving" else (model["path"], "/1")
    )
    mounted = f"$PWD/{folder}:/models/{name}{version}"
    lines = [
        f'docker run -p 8501:8501 -v "{mounted}" -e MODEL_NAME={name} tensorflow/serving',
        f"curl localhost:8501/v1/models/{name}:predict -d '{body}'",
    ]
    text = (
        "`1` is the version that TensorFlow Serving asks for. Without a `signature_name` it calls `serving_default`, "
        f"which is `{model['signatures'][0]['name']}`."
    )
    return f"### TensorFlow Serving\n\n{text}\n\n{_code('sh', lines)}"


def _litert(content: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> str:
    model = models[0]
    signature = model["signatures"][0]
    name, value = _example(content, model)
    lines = [
        "import numpy as np",
        "from ai_edge_litert.interpreter import Interpreter",
        "",
        f'run = Interpreter("{model["path"]}").get_signature_runner("{signature["name"]}")',
        f'{signature["outputs"][0]["name"]} = run({name}={value})["{signature["outputs"][0]["name"]}"]',
    ]
    files = ", ".join(f"`{model['path']}`" for model in models)
    return f"### LiteRT\n\nNeeds only `ai-edge-litert`. Files: {files}.\n\n{_code('python', lines)}"


def _onnx(content: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> str:
    model = models[0]
    output = model["signatures"][0]["outputs"][0]["name"]
    name, value = _example(content, model)
    lines = [
        "import numpy as np",
        "import onnxruntime",
        "",
        f'session = onnxruntime.InferenceSession("{model["path"]}")',
        f'[{output}] = session.run(["{output}"], {{"{name}": {value}}})',
    ]
    files = ", ".join(f"`{model['path']}`" for model in models)
    return f"### ONNX Runtime\n\nNeeds only `onnxruntime`. Files: {files}.\n\n{_code('python', lines)}"
