"""Commands run in this process, and small runs.

The models train eagerly: for a few small batches, tracing and compiling would take most of the
time. Tests share trained runs, and those of how a run is made leave out measuring and drawing
(`bare`), or also training (`untrained`).
"""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tfae.cli import main, make_run, new_model

SMALL = "--data digits --latent-dim 2 --hidden-units 16 --batch-size 256"
"""Options of a run that takes a moment."""

TINY = "--latent-dim 2 --hidden-units 8 --epochs 1"
"""Options of a model of `table`."""


def invoke(command, exit_code=0):
    result = CliRunner().invoke(main, shlex.split(command), catch_exceptions=False)
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture(autouse=True, scope="session")
def _eagerly():
    def compile_model(model, learning_rate):
        model.compile(run_eagerly=True)
        if learning_rate is not None:
            new_model.set_learning_rate(model.optimizer, learning_rate)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(new_model, "compile_model", compile_model)
        yield


@pytest.fixture
def tfae(monkeypatch, tmp_path):
    """Runs `tfae ...` in an empty folder and returns click's result."""
    monkeypatch.chdir(tmp_path)
    return invoke


@pytest.fixture
def bare(monkeypatch):
    """Runs are made without measuring and drawing."""
    monkeypatch.setattr(make_run, "measure", lambda *_: {"loss": 1.0})
    monkeypatch.setattr(make_run, "draw_pictures", lambda *_: {})


@pytest.fixture
def untrained(monkeypatch, bare):
    """Runs are made without training, too."""
    monkeypatch.setattr(make_run, "train_epochs", lambda *_: None)


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """A finished run of a small variational model; read-only."""
    out = tmp_path_factory.mktemp("runs") / "vae"
    invoke(f"train variational {SMALL} --epochs 3 --seed 7 --beta 0.5 --out {out}")
    return out


@pytest.fixture
def own_run(run, tmp_path) -> Path:
    """A copy of `run` that a test may write into."""
    return shutil.copytree(run, tmp_path / "digits")


@pytest.fixture(scope="session")
def _made(tmp_path_factory):
    """Makes a run once, without measuring and drawing."""
    made = {}

    def make(arguments):
        if arguments not in made:
            folder = tmp_path_factory.mktemp("made")
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                patch.setattr(make_run, "measure", lambda *_: {"loss": 1.0})
                patch.setattr(make_run, "draw_pictures", lambda *_: {})
                invoke(f"train {arguments} --out run")
            made[arguments] = folder / "run"
        return made[arguments]

    return make


@pytest.fixture
def make(_made, tmp_path):
    """Copies the run that `tfae train` makes with some arguments to the folder `name`."""

    def copy(arguments, name="run"):
        return shutil.copytree(_made(arguments), tmp_path / name)

    return copy


@pytest.fixture(scope="session")
def table(tmp_path_factory) -> Path:
    """40 examples of 6 numbers in [0, 1]."""
    file = tmp_path_factory.mktemp("data") / "x.npy"
    np.save(file, np.random.default_rng(0).random((40, 6), np.float32))
    return file


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A folder of 12 grey images of 6x4 pixels, in two classes."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    rng = np.random.default_rng(0)
    for i in range(12):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(rng.integers(0, 256, (6, 4), np.uint8))
        image.save(folder / "ab"[i % 2] / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def people(tmp_path_factory) -> Path:
    """A table of 60 people: a name, numbers and categories with holes, a date, and a class."""
    file = tmp_path_factory.mktemp("data") / "people.csv"
    rng = np.random.default_rng(0)
    lines = ["name,age,city,member,joined,label"]
    for i in range(60):
        age = "" if i % 7 == 3 else f"{rng.normal(40, 10):.1f}"
        city = "NA" if i % 11 == 5 else ("Bonn", "Ulm", "Trier")[rng.integers(3)]
        day = f"2024-{1 + i % 12:02}-{1 + i % 28:02}"
        lines.append(f"person {i},{age},{city},{'ny'[rng.integers(2)]},{day},{'ab'[i % 2]}")
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture(scope="session")
def images(tmp_path_factory, digits) -> Path:
    """40 digits."""
    file = tmp_path_factory.mktemp("data") / "images.npy"
    np.save(file, digits[:40])
    return file


@pytest.fixture(scope="session")
def of_table(table) -> dict[str, str]:
    """Arguments of `make` for small models of `table`, so that tests share their runs."""
    return {
        "autoencoder": f"autoencoder --data {table} {TINY}",
        "variational": f"variational --data {table} {TINY}",
        "sparse-coding": f"sparse-coding --data {table} --num-atoms 16 --penalty 0.3 --epochs 1",
    }


def read_json(path):
    return json.loads(Path(path).read_text())
