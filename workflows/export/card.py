"""The model card: what an export is, how good it is, how to call it. Written from the manifest alone.

The folder is laid out as the Hugging Face Hub expects a model, so that its tools upload it as it is. The Hub reads the
card, with its front matter, from README.md and nowhere else; people look for MODEL_CARD.md. Both are the same text.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.files import yaml_text
from common.formatting import metric_label, metric_text
from common.program import typed
from run_directory.run import folder_name
from workflows.export.card_calls import calls

NAMES = ("MODEL_CARD.md", "README.md")

_TAGS = {"savedmodel": "tensorflow", "tfserving": "tensorflow", "litert": "tflite", "onnx": "onnx"}
_KINDS = {
    "BackboneInverter": "Rebuilds images from the activations of a frozen network.",
    "Autoencoder": "Compresses images to a code and rebuilds them from it.",
    "LatentDecoder": "Rebuilds images from latent vectors, found by optimisation: it has no encoder network.",
}


def write_card(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes MODEL_CARD.md and README.md into an export, from what its manifest will hold."""
    for name in NAMES:
        (folder / name).write_text(card(content), encoding="utf-8")


def card(content: Mapping[str, Any]) -> str:
    """The card of an export."""
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
        calls(content),
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
        "pipeline_tag": "image-to-image",
        "tags": ["retrace", "image-reconstruction", *formats],
    }
    results = [
        {"type": name, "value": round(figures["mean"], 4), "name": metric_label(name)}
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
    """The figures to show: of the test images, where they were measured."""
    found = content["evaluations"]
    return next((found[name] for name in sorted(found, key=lambda name: not name.startswith("test-"))), {})


def _what(content: Mapping[str, Any]) -> str:
    image, code, encoder = content["image"], content["code"], content["encoder"]
    lines = [_KINDS.get(content["reconstructor"], "Rebuilds images from a code.")]
    if encoder["kind"] == "backbone":
        taps = ", ".join(f"`{tap}`" for tap in encoder["taps"])
        lines.append(f"The network is {encoder['backbone']} (weights: {encoder['weights']}), read at {taps}.")
    kept = _product(code["shape"]) / _product(image["shape"])
    lines.append(
        f"Images are {_shape(image['shape'])} ({image['colour']}), float32 in [0, 1]; "
        f"a code is {_shape(code['shape'])}, float32, {kept:.3g} numbers for each number of the image. The decoder has "
        f"{content['decoder']['parameters']:,} parameters. Preprocessing is inside. The batch is free."
    )
    return " ".join(lines)


def _shape(shape: list[int]) -> str:
    return "×".join(str(side) for side in shape)


def _product(shape: list[int]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product


def _figures(content: Mapping[str, Any]) -> str:
    evaluation = _evaluation(content)
    if not evaluation:
        return f"This state of the run was not evaluated; `{typed('validate RUN')}` measures it."
    split = next(name for name, found in content["evaluations"].items() if found is evaluation).partition("-")[0]
    lines = [
        f"Over {evaluation['count']} {split} images, beside the same figure for each image's mean colour:",
        "",
        "| | mean | ± | mean colour |",
        "|---|---|---|---|",
    ]
    for metric, figures in evaluation["metrics"].items():
        cells = (metric_text(metric, figures[key]) for key in ("mean", "std", "baseline"))
        lines.append(f"| {metric_label(metric)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _models(content: Mapping[str, Any]) -> str:
    proof = content["models"][0]["proof"]
    lines = [
        f"Each model was opened in a process without Keras and compared with the run on {proof['images']} "
        f"{proof['split']} images. Differences are the largest there were, in units of an image's range or of the "
        "code's largest value; times are of one machine and a batch of 1.",
        "",
        "| model | signature | difference | loss (dB) | ms | MB |",
        "|---|---|---|---|---|---|",
    ]
    for model in content["models"]:
        for name, signature in model["proof"]["signatures"].items():
            difference = max(figures["largest_difference"] for figures in signature["outputs"].values())
            cells = [
                f"`{model['path']}`",
                f"`{name}`",
                f"{difference:.1e}",
                metric_text("psnr", model["proof"].get("loss_db")),
                f"{signature['latency_ms']['1']:.2f}",
                f"{model['size'] / 1e6:.2f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


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
