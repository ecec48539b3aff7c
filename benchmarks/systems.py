"""Trains every mini spec, measures it on its test split, writes docs/systems.md, and what was measured into the spec.

    .venv/bin/python benchmarks/systems.py [NAME …]        about a minute and a half for each spec on 2 cores

With names, only those specs are trained; the others keep their figures from the last call. Figures hold for the machine
they were measured on; times, for one that does nothing else.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from builders.spec import load_spec  # noqa: E402 (the repository is no package)
from common.files import write_atomically  # noqa: E402
from run_directory.run import list_runs  # noqa: E402

FIGURES = ROOT / "docs" / "systems.json"
PAGE = ROOT / "docs" / "systems.md"
PICTURES = ROOT / "docs" / "images" / "systems"
_WIDTH = 900


def mini_specs() -> list[Path]:
    """The quickstart, and the specs that train in a minute or two on images that the install includes."""
    names = [path for path in (ROOT / "specs").iterdir() if path.stem.endswith("_mini") or path.stem == "quickstart"]
    return sorted(path for path in names if load_spec(path).spec.sweep is None)


def measure(spec: Path) -> dict:
    """Trains and validates a spec in a folder of its own; keeps its picture and returns its figures."""
    with tempfile.TemporaryDirectory() as folder:
        command = [ROOT / "trainer.sh", spec, "--runs-dir", f"{folder}/runs", "--verbose", "2"]
        subprocess.run(command, cwd=folder, check=True)
        run = list_runs(Path(folder, "runs"))[0]
        evaluation = run.evaluation_dir("test", "best")
        metrics = json.loads((evaluation / "metrics.json").read_text())
        picture = Image.open(evaluation / "grid.png", formats=("PNG",)).convert("RGB")
        picture.thumbnail((_WIDTH, _WIDTH * 4), Image.Resampling.LANCZOS)
        PICTURES.mkdir(parents=True, exist_ok=True)
        picture.save(PICTURES / f"{spec.stem}.png", optimize=True)
        means = metrics["metrics"]
        figures = {name: (means[name]["mean"], means[name]["baseline"]) for name in ("psnr", "ssim")}
        precision = run.environment()["precision"]
        machine = f"{os.cpu_count()} cores of {_processor()}, {precision}"
        return {"minutes": run.state().seconds / 60, "images": metrics["count"], "machine": machine, **figures}


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", facts.read_text(), re.MULTILINE) if facts.is_file() else None
    return found[1] if found else platform.processor() or platform.machine()


def state_expected(path: Path, found: dict) -> None:
    """Writes what was measured into a spec's `expected`, and leaves the rest of its text as it is."""
    expected = {
        "minutes": round(found["minutes"], 1),
        "psnr": round(found["psnr"][0], 2),
        "ssim": round(found["ssim"][0], 3),
        "machine": found["machine"],
    }
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        text = re.sub(r',\n  "expected": .*\n}', "\n}", text)
        text = re.sub(r"\n}\s*$", f',\n  "expected": {json.dumps(expected)}\n}}\n', text)
    else:
        words = ", ".join(f"{key}: {json.dumps(value)}" for key, value in expected.items())
        text = re.sub(r"^expected:.*\n", "", text, flags=re.MULTILINE).rstrip("\n") + f"\nexpected: {{{words}}}\n"
    write_atomically(path, text)


def page(figures: dict[str, dict]) -> str:
    """docs/systems.md."""
    lines = [
        "# The reference systems, in minutes",
        "",
        "A: a small decoder on one layer of a frozen network (`celeba_small`). B: several of its depths, fused",
        "(`resnet50_multilayer`; `resnet50_layer1` to `4` one by one). C: a decoder alone, with a learned latent for",
        "every image (`latent_…`). D: an autoencoder (`compress_…`). E: AlexNet inverted (`alexnet_…`), after",
        'Dosovitskiy & Brox, "Inverting visual representations with convolutional networks", CVPR 2016.',
        "",
        "Each has a full-size spec in `specs/` and a mini that trains on images that the install includes. In the",
        "minis EfficientNet-Lite0, whose ImageNet weights come with the install, stands in for ResNet-50 and AlexNet.",
        "They were trained and measured by `.venv/bin/python benchmarks/systems.py` on 2 cores. PSNR and SSIM are",
        "means over test images that never trained, beside those of each image's own mean colour. Minutes are those of",
        "training on that machine, which ran other work at the same time. `quickstart` is A on a smaller scale.",
        "",
        "Seven photographs train the minis of A and B. That is enough for a decoder that looks at the neighbourhood of",
        "a pixel, and too little for deep channels, which then recognise the training photographs instead: so four",
        "depths fused come out below the first alone, and the vectors of E are shown on digits.",
        "",
        "| spec | minutes | PSNR (dB) | of mean colour | SSIM | of mean colour |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in sorted(figures.items()):
        (psnr, psnr_base), (ssim, ssim_base) = found["psnr"], found["ssim"]
        cells = [f"[{name}](#{name})", f"{found['minutes']:.1f}", f"{psnr:.2f}", f"{psnr_base:.2f}"]
        lines.append(f"| {' | '.join([*cells, f'{ssim:.3f}', f'{ssim_base:.3f}'])} |")
    for name in sorted(figures):
        path = next(path for path in mini_specs() if path.stem == name)
        command = f"./trainer.sh specs/{path.name}"
        # JSON has no comments, so its description ends in the command.
        described = load_spec(path).spec.description.removesuffix(command).strip()
        lines += ["", f"## {name}", "", described, "", f"`{command}`", ""]
        lines += [f"![Worst, median and best test images of {name}](images/systems/{name}.png)"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures the specs that were named, or all, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="stems of mini specs; all where none is named")
    names = parser.parse_args().names
    known = {path.stem: path for path in mini_specs()}
    if unknown := set(names) - set(known):
        parser.error(f"no mini spec called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    figures = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    figures = {name: found for name, found in figures.items() if name in known}
    for name in names or known:
        figures[name] = measure(known[name])
        state_expected(known[name], figures[name])
        write_atomically(FIGURES, json.dumps(figures, indent=1, sort_keys=True) + "\n")
        write_atomically(PAGE, page(figures))


if __name__ == "__main__":
    main()
