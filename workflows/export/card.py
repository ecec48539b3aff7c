"""The model card: what an export is, how good it is, how to call it. Written from the manifest alone.

The folder has the layout that the Hugging Face Hub expects, so that its tools upload it as it is. The Hub reads the
card, with its front matter, only from README.md; people look for MODEL_CARD.md. Both contain the same text.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.files import yaml_text
from common.metric_words import metric_label, metric_text
from common.program import typed
from run_directory.run import folder_name
from workflows.evaluation.results import recipe_text

NAMES = ("MODEL_CARD.md", "README.md")

_TAGS = {"savedmodel": "tensorflow", "tfserving": "tensorflow", "litert": "tflite", "onnx": "onnx"}
_KINDS = {
    "BackboneInverter": "Rebuilds images from the activations of a frozen network.",
    "Autoencoder": "Compresses images to a code and rebuilds them from it.",
    "LatentDecoder": "Rebuilds images from latent vectors, found by optimisation: it has no encoder network.",
    "EmbeddingDecoder": "Rebuilds images from stored embeddings of another network, which is not part of it.",
}


def write_card(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes MODEL_CARD.md and README.md into an export, from the content of its manifest."""
    for name in NAMES:
        (folder / name).write_text(card(content), encoding="utf-8")


def card(content: Mapping[str, Any]) -> str:
    """The text of the card."""
    sections = [
        f"---\n{yaml_text(_front_matter(content))}---",
        f"# {content['name']}",
        content["description"] or "",
        _what(content),
        "\n".join(f"![Originals, reconstructions and their errors]({path})" for path in content["pictures"]),
        "## Figures",
        _figures(content),
        _models(content),
        "## How to call it",
        _calls(content),
        "## Data",
        _data(content),
        "## Intended use and limits",
        _limits(content),
        "## What it was made of",
        _origin(content),
    ]
    return "\n\n".join(section.strip("\n") for section in sections if section) + "\n"


def _front_matter(content: Mapping[str, Any]) -> dict[str, Any]:
    formats = dict.fromkeys(_TAGS.get(model["format"], model["format"]) for model in content["models"])
    front = {
        "license": "unknown",
        "library_name": "retrace",
        "pipeline_tag": "image-to-image",
        "tags": ["retrace", "image-reconstruction", *formats],
    }
    results = [
        {"type": name, "value": round(figures["mean"], 4), "name": metric_label(name, figures)}
        for name, figures in _evaluation(content).get("metrics", {}).items()
        if figures["mean"] is not None
    ]
    if results:
        result = {
            "task": {"type": "image-to-image"},
            "dataset": {"type": content["source"]["name"], "name": content["source"]["name"]},
            "metrics": results,
        }
        front["model-index"] = [{"name": folder_name(content["name"]), "results": [result]}]
    return front


def _evaluation(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures to show; prefers those of test images."""
    found = content["evaluations"]
    return next((found[name] for name in sorted(found, key=lambda name: not name.startswith("test-"))), {})


def _what(content: Mapping[str, Any]) -> str:
    image, code, encoder = content["image"], content["code"], content["encoder"]
    lines = [_KINDS.get(content["reconstructor"], "Rebuilds images from a code.")]
    if encoder["kind"] == "backbone":
        taps = ", ".join(f"`{tap}`" for tap in encoder["taps"])
        words = f"{encoder['backbone']} (weights: {encoder['weights']})"
        if "file" in encoder:
            words = f"`{encoder['file']}` ({encoder['backbone']})"
        lines.append(f"The network is {words}, read at {taps}.")
    if encoder["kind"] == "embeddings":
        lines.append(f"What goes in is an embedding as `{encoder['file']}` stores it; scaling is inside.")
    kept = math.prod(code["shape"]) / math.prod(image["shape"])
    lines.append(
        f"Images are {_shape(image['shape'])} ({image['colour']}), float32 in [0, 1]; "
        f"a code is {_shape(code['shape'])}, float32, {kept:.3g} numbers for each number of the image. The decoder has "
        f"{content['decoder']['parameters']:,} parameters. Preprocessing is inside. The batch is free."
    )
    return " ".join(lines)


def _shape(shape: list[int]) -> str:
    return "×".join(str(side) for side in shape)


def _figures(content: Mapping[str, Any]) -> str:
    evaluation = _evaluation(content)
    if not evaluation:
        return f"This checkpoint was not evaluated; `{typed('validate RUN')}` measures it."
    split = next(name for name, found in content["evaluations"].items() if found is evaluation).partition("-")[0]
    lines = [
        f"Over {evaluation['count']} {split} images, beside the same figure for each image's mean colour:",
        "",
        "| | mean | ± | mean colour |",
        "|---|---|---|---|",
    ]
    for metric, figures in evaluation["metrics"].items():
        cells = (metric_text(metric, figures[key], figures) for key in ("mean", "std", "baseline"))
        lines.append(f"| {metric_label(metric, figures)} | {' | '.join(cells)} |")
    recipes = {metric: figures["recipe"] for metric, figures in evaluation["metrics"].items() if figures.get("recipe")}
    lines += [f"\nRecipe of {metric}: {recipe_text(recipe)}." for metric, recipe in recipes.items()]
    return "\n".join(lines)


def _models(content: Mapping[str, Any]) -> str:
    proof = content["models"][0]["proof"]
    images = images_text(proof["split"], proof["images"], proof.get("distinct_images", proof["images"]))
    lines = [
        f"Each model was opened in a process without Keras and compared with the run on {images}. "
        "Differences are the largest there were, in units of an image's range or of the "
        "code's largest value; times are of one machine and a batch of 1.",
        "",
        "| model | signature | difference | loss (dB) | ms | MB |",
        "|---|---|---|---|---|---|",
    ]
    for model in content["models"]:
        for path, name, difference, loss, milliseconds, size in proof_cells(model):
            lines.append(f"| `{path}` | `{name}` | {difference} | {loss} | {milliseconds} | {size} |")
    return "\n".join(lines)


def images_text(split: str, count: int, distinct: int) -> str:
    """`55 validation images`; where a split is smaller, `16 validation images (repeated to 55)`."""
    repeated = f" (repeated to {count})" if distinct < count else ""
    return f"{distinct} {split} image{'s' * (distinct != 1)}{repeated}"


def proof_cells(model: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str, str]]:
    """(path, signature, largest difference, loss in dB, milliseconds, megabytes) of each signature, as text."""
    for name, signature in model["proof"]["signatures"].items():
        yield (
            model["path"],
            name,
            f"{max(figures['largest_difference'] for figures in signature['outputs'].values()):.1e}",
            metric_text("psnr", model["proof"].get("loss_db")),
            f"{signature['latency_ms']['1']:.2f}",
            f"{model['size'] / 1e6:.2f}",
        )


def _data(content: Mapping[str, Any]) -> str:
    source, image = content["source"], content["image"]
    counts = ", ".join(f"{count:,} {split}" for split, count in source["images"].items())
    margin = f", with a margin of {image['margin']:g} cut off" if image["margin"] else ""
    return (
        f"Source `{source['name']}`: {counts} images. Each was brought to {_shape(image['shape'][:2])} pixels by "
        f"`fit: {image['fit']}`{margin}."
    )


def _limits(content: Mapping[str, Any]) -> str:
    return "\n".join(
        [
            "- Meant for looking at what a representation keeps of an image, for measuring how much it gives away,",
            "  and for teaching. A reconstruction is a guess: what the code lost is made up from the training images.",
            "- Images unlike those above are rebuilt worse than the figures say.",
            "- A code that can be decoded is as private as the image it came from. Treat it so.",
            "- It is no evidence of what a person or a place looks like.",
            "- Pretrained weights and images keep their own licences: set `license` above before publishing.",
        ]
    )


def _origin(content: Mapping[str, Any]) -> str:
    checkpoint, precision = content["checkpoint"], content["precision"]
    averaged = ", averaged weights" if checkpoint["averaged"] else ""
    lines = [
        f"- Checkpoint `{checkpoint['asked']}`: step {checkpoint['step']}{averaged}; sha256 "
        f"`{content['origin']['checkpoint']}`.",
        f"- Spec: sha256 `{content['origin']['spec']}`.",
    ]
    if "largest_difference" in precision:
        lines.append(
            f"- Trained in {precision['trained']}, exported in float32, which changes reconstructions by at most "
            f"{precision['largest_difference']:.2g} ({precision['psnr_between']:.1f} dB between the two)."
        )
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    lines.append(f"- Written {content['created'][:10]} with {versions}.")
    lines.append("- `manifest.json` lists every signature, shape and file, with hashes.")
    return "\n".join(lines)


def _calls(content: Mapping[str, Any]) -> str:
    """How to call the models: a short program for each format of the export."""
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
    """Name and NumPy expression of a model's input."""
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
    # Of `tfserving/full/1` the folder above is served; a plain SavedModel gets its version here.
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
    signature = models[0]["signatures"][0]
    name, value = _example(content, models[0])
    output = signature["outputs"][0]["name"]
    lines = [
        "from ai_edge_litert.interpreter import Interpreter",
        "",
        f'run = Interpreter("{models[0]["path"]}").get_signature_runner("{signature["name"]}")',
        f'{output} = run({name}={value})["{output}"]',
    ]
    return _files("LiteRT", "ai-edge-litert", models, lines)


def _onnx(content: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> str:
    output = models[0]["signatures"][0]["outputs"][0]["name"]
    name, value = _example(content, models[0])
    lines = [
        "import onnxruntime",
        "",
        f'session = onnxruntime.InferenceSession("{models[0]["path"]}")',
        f'[{output}] = session.run(["{output}"], {{"{name}": {value}}})',
    ]
    return _files("ONNX Runtime", "onnxruntime", models, lines)


def _files(title: str, package: str, models: Sequence[Mapping[str, Any]], lines: Sequence[str]) -> str:
    files = ", ".join(f"`{model['path']}`" for model in models)
    code = _code("python", ["import numpy as np", *lines])
    return f"### {title}\n\nNeeds only `{package}`. Files: {files}.\n\n{code}"
