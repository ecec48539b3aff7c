"""Trains the first specs of docs/bring_your_own.md, a network's and stored embeddings', and keeps their pictures.

    .venv/bin/python benchmarks/bring_your_own.py        about two minutes on 2 cores

Prints the figures that the page states.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from run_directory.run import list_runs  # noqa: E402 (the repository is no package)

PICTURES = ROOT / "docs" / "images" / "bring_your_own"
_SPEC = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def main() -> None:
    """Makes the files, trains in their folder, and copies the rows of test images."""
    specs = _SPEC.findall((ROOT / "docs" / "bring_your_own.md").read_text(encoding="utf-8"))
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, ROOT / "examples" / "own_networks.py"], cwd=folder, check=True)
        for name, text in zip(("network", "embeddings"), specs):
            Path(folder, f"{name}.yaml").write_text(text, encoding="utf-8")
            command = [ROOT / "trainer.sh", f"{name}.yaml", "--verbose", "0"]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            evaluation = list_runs(Path(folder, "runs"))[0].evaluation_dir("test", "best")
            with Image.open(evaluation / "grid.png", formats=("PNG",)) as picture:
                picture.save(PICTURES / f"{name}.png", optimize=True)
            means = json.loads((evaluation / "metrics.json").read_text())["metrics"]
            figures = (f"{key} {means[key]['mean']:.3f} (mean colour {means[key]['baseline']:.3f})" for key in means)
            print(f"{name}: {', '.join(figures)}", flush=True)


if __name__ == "__main__":
    main()
