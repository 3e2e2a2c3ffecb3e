"""The example for devices runs without TensorFlow and Keras."""

import importlib.metadata
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "device"

pytestmark = pytest.mark.skipif(not EXAMPLE.exists(), reason="examples/ is not here")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that examples/device/export.py writes for the device."""
    folder = tmp_path_factory.mktemp("device")
    subprocess.run([sys.executable, EXAMPLE / "export.py", folder], check=True)
    return folder


def run(python, folder, code):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [python, "-c", code, "digits.tflite", "digits.npy"]
    options = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(command, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_it_works(output):
    assert "64 images became codes of 8 numbers" in output
    found = dict(re.findall(r"anomalies in the (\w+) half: (\d+) of 32", output))
    assert int(found["first"]) <= 5
    assert int(found["second"]) >= 16


_RUN = "import run, sys; run.main(*sys.argv[1:])"


@pytest.mark.slow
def test_it_imports_neither_tensorflow_nor_keras_nor_tfae(folder):
    said = re.findall(r"^\| `([\w.]+)` \|", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    assert {path.name for path in folder.iterdir()} - {"__pycache__"} == set(said)
    block = "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'tfae']))\n"
    assert_it_works(run(sys.executable, folder, block + _RUN))


@pytest.mark.slow
def test_it_runs_with_only_ai_edge_litert_and_numpy(folder, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    litert = f"ai-edge-litert=={importlib.metadata.version('ai-edge-litert')}"
    try:
        subprocess.run([python, "-m", "pip", "install", "-q", litert, "numpy"], check=True)
    except subprocess.CalledProcessError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("no package index within reach")
    absent = "tensorflow", "keras", "tfae"
    found = f"import importlib.util as u; assert not any(map(u.find_spec, {absent})); "
    assert_it_works(run(python, folder, found + _RUN))
