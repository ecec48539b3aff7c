"""Inverts EfficientNet-Lite0 at eight depths with one decoder; writes docs/depths.md and the README's picture.

    .venv/bin/python benchmarks/depths.py [TAP …]        two to three minutes for each tap on 2 cores

It trains specs/quickstart.yaml with other taps. With names, only those taps are measured; the others keep their figures
and pictures from the last call.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from common.files import write_atomically  # noqa: E402 (the repository is no package)
from run_directory.run import list_runs  # noqa: E402

TAPS = {
    "stem": "32×32×32",
    "blocks.0": "32×32×16",
    "blocks.2": "16×16×24",
    "blocks.4": "8×8×40",
    "blocks.10": "4×4×112",
    "blocks.15": "2×2×320",
    "avgpool": "1280",
    "fc": "1000 logits",
}
SHOWN = ("blocks.2", "blocks.4", "blocks.10")
# Two crops of each test photograph, by the number of the test image: chelsea's are the first fifty.
CROPS = (29, 22, 60, 53)
# The heads are published for other weights of VGG-16 than those that the install has.
LPIPS = "lpips: {network: vgg16, weights: hed_bsds500}"
FIGURES = ROOT / "docs" / "depths.json"
PAGE = ROOT / "docs" / "depths.md"
PICTURES = ROOT / "docs" / "images" / "depths"
QUICKSTART = ROOT / "docs" / "images" / "quickstart.png"
_SIDE, _GAP, _TITLE = 160, 4, 26


def measure(tap: str) -> dict[str, float]:
    """Trains the quickstart on a tap, keeps four reconstructions, and returns the means of its figures."""
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"encoder.taps=[{tap}]", f"metrics=[psnr, ssim, {LPIPS}]"]
        command = [ROOT / "trainer.sh", ROOT / "specs" / "quickstart.yaml", "--runs-dir", "runs", "--verbose", "0"]
        command += [word for setting in settings for word in ("--set", setting)]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        run = list_runs(Path(folder, "runs"))[0]
        evaluation = run.evaluation_dir("test", "best")
        for name, file in ((tap, "reconstructions.npy"), ("original", "originals.npy")):
            save_crops(name, np.load(evaluation / file, mmap_mode="r")[list(CROPS)])
        means = json.loads((evaluation / "metrics.json").read_text())["metrics"]
        return {name.partition(":")[0]: means[name]["mean"] for name in means}


def save_crops(name: str, crops: np.ndarray) -> None:
    """Keeps the shown crops below one another: [4, 64, 64, 3] in [0, 1], or bytes."""
    pixels = crops if crops.dtype == np.uint8 else np.round(np.clip(crops, 0, 1) * 255).astype(np.uint8)
    PICTURES.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(list(pixels))).save(PICTURES / f"{name}.png", optimize=True)


def draw(taps: list[str], target: Path) -> None:
    """A row for each of the crops, a column for the originals and for each tap."""
    names = ["original", *taps]
    sheet = Image.new("RGB", (len(names) * (_SIDE + _GAP), len(CROPS) * (_SIDE + _GAP) + _TITLE), "white")
    pen = ImageDraw.Draw(sheet)
    for column, name in enumerate(names):
        left = column * (_SIDE + _GAP)
        words = (
            name if name == "original" else f"{name} · {TAPS[name].removesuffix(' logits').replace('×', 'x')}"
        )  # the font has no ×
        pen.text((left + 2, 5), words, "black", font_size=14)
        with Image.open(PICTURES / f"{name}.png", formats=("PNG",)) as crops:
            for row in range(len(CROPS)):
                crop = crops.crop((0, row * crops.width, crops.width, (row + 1) * crops.width))
                place = (left, _TITLE + row * (_SIDE + _GAP))
                sheet.paste(crop.resize((_SIDE, _SIDE), Image.Resampling.NEAREST), place)
    sheet.save(target, optimize=True)


def page(figures: dict[str, dict[str, float]]) -> str:
    """docs/depths.md."""
    lines = [
        "# What EfficientNet-Lite0 keeps, depth by depth",
        "",
        "`specs/quickstart.yaml` at several taps, from the first to the last: 64×64 crops, the taps resized to 16×16,",
        "and one decoder, whose first convolution alone differs by the channels that it reads. Trained and measured",
        "by `.venv/bin/python benchmarks/depths.py` on the crops of two photographs that never trained. LPIPS reads",
        "VGG-16 with the weights of `hed_bsds500`, which the install has: it compares only within this table.",
        "",
        "| tap | shape | numbers | PSNR (dB) | SSIM | LPIPS heads |",
        "|---|---|---|---|---|---|",
    ]
    for tap, shape in TAPS.items():
        if tap in figures:
            found, numbers = figures[tap], np.prod([int(side) for side in shape.split()[0].split("×")])
            cells = [f"`{tap}`", shape, f"{numbers:,}", *(f"{found[key]:.{digits}f}" for key, digits in _SHOWN)]
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "A crop of 64×64 pixels has 12,288 numbers. Its mean colour alone reaches 16.2 dB: seven photographs teach no",
        "decoder to read the deep layers of unseen ones.",
        "",
        "![The crops at each depth](images/depths/all.png)",
    ]
    return "\n".join(lines) + "\n"


_SHOWN = (("psnr", 2), ("ssim", 3), ("lpips", 3))


def main() -> None:
    """Measures the taps that were named, or all, and writes page and pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("taps", nargs="*", choices=[*TAPS, []], help="taps to measure; all where none is named")
    figures = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    for tap in parser.parse_args().taps or TAPS:
        figures[tap] = measure(tap)
        print(tap, figures[tap], flush=True)
        write_atomically(FIGURES, json.dumps(figures, indent=1, sort_keys=True) + "\n")
        write_atomically(PAGE, page(figures))
        draw([tap for tap in TAPS if tap in figures], PICTURES / "all.png")
        if set(SHOWN) <= set(figures):
            draw([*SHOWN], QUICKSTART)


if __name__ == "__main__":
    main()
