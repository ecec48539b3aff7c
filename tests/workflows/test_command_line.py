"""What is set before TensorFlow is imported, unless the user has set it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("given", [None, "0"])
def test_convolutions_are_one_dnns_unless_the_user_says_otherwise(given):
    # TensorFlow itself is not needed to see what it would read.
    stub = "import sys, types, os; sys.meta_path.insert(0, type('F', (), {'find_spec': staticmethod(find)}))"
    code = (
        "def find(name, path=None, target=None):\n"
        "    if name.partition('.')[0] in ('keras', 'tensorflow'):\n"
        "        print(os.environ.get('TF_ENABLE_ONEDNN_OPTS')); sys.stdout.flush(); os._exit(0)\n"
        f"{stub}\nfrom workflows.command_line import import_tensorflow\nimport_tensorflow()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"TF_ENABLE_ONEDNN_OPTS": given} if given else {})
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (given or "1")
