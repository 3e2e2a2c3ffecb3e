"""Damaged files of a run: an error of one line names the file, without a traceback."""

import json
import shutil

import keras
import pytest

from tfae.cli import epochs
from tfae.cli.checkpoints import Checkpoints
from tfae.cli.partial_run import PartialRun
from tfae.cli.run_config import read_config

COMMANDS = ("evaluate", "generate", "fit --prior gaussian", "export", "interpolate", "traverse")


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file):
    file.write_bytes(b"")


def garble(file):
    content = bytearray(file.read_bytes())
    for i in range(len(content) // 3, len(content) // 3 + 64):
        content[i % len(content)] ^= 0xFF
    file.write_bytes(content)


def replace(file):
    file.write_bytes(b"\xff\xfe something else")


def remove(file):
    file.unlink()


def as_list(file):
    file.write_text("[1, 2]")


DAMAGES = (cut, empty, replace, remove, garble)


@pytest.fixture
def damaged(own_run, tfae):
    """Runs a command on `own_run` and returns its error, one line that names the file."""

    def check(command, name):
        output = tfae(f"{command} {own_run}", exit_code=2).output
        (line,) = [line for line in output.splitlines() if line.startswith("Error: ")]
        assert name in line, line
        assert "damaged" in line, line
        return line

    return check


@pytest.mark.parametrize("damage", [*DAMAGES, as_list])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_config_is_named(damaged, own_run, command, damage):
    damage(own_run / "config.json")
    damaged(command, "config.json")


@pytest.mark.parametrize("part", ["model", "hyperparameters", "data", "training"])
def test_the_missing_part_of_a_config_is_named(damaged, own_run, part):
    config = json.loads((own_run / "config.json").read_text())
    del config[part]
    (own_run / "config.json").write_text(json.dumps(config))
    assert f"it lacks {part!r}" in damaged("generate", "config.json")


WRONG = {"data": 3, "data_dir": [], "validation_split": "0.1", "binarize": 1, "scale": [],
         "image_size": "8x8", "channels": "1", "label_column": [], "labels": "no", "epochs": 1.5,
         "batch_size": "128", "seed": None}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_missing_value_of_a_config_and_one_of_another_type_are_named(damaged, own_run, name):
    original = (own_run / "config.json").read_text()
    part = "training" if name in ("epochs", "batch_size", "seed") else "data"
    config = json.loads(original)
    del config[part][name]
    (own_run / "config.json").write_text(json.dumps(config))
    assert f"it lacks '{part}.{name}'" in damaged("evaluate", "config.json")
    config = json.loads(original)
    config[part][name] = WRONG[name]
    (own_run / "config.json").write_text(json.dumps(config))
    assert f"'{part}.{name}' must be" in damaged("evaluate", "config.json")


RIGHT = {"data_dir": None, "validation_split": 0.1, "binarize": None, "scale": "auto",
         "image_size": None, "channels": None, "label_column": None, "labels": False}  # fmt: skip
COLUMN = {"kind": "numeric", "name": "a"}


def _schema(*columns):
    return {"columns": list(columns), "left_out": {}, "rows": 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("columns", 7),
        ("columns", [7]),
        ("kinds", 5),
        ("kinds", {"a": 5}),
        ("header", "yes"),
        ("scaling", []),
        ("scaling", {"shift": 0}),
        ("scaling", {"shift": 0, "factor": "much"}),
        ("dtype", 8),
        ("missing", "mask"),
        ("schema", 5),
        ("schema", {"columns": 3}),
        ("schema", _schema(3)),
        ("schema", _schema({**COLUMN, "deviation": "x"})),
        ("schema", _schema({**COLUMN, "deviation": 0})),
        ("schema", _schema({**COLUMN, "likelihood": {"scale": 1}})),
        ("classes", [1]),
        ("classes", 1),
    ],
)
def test_a_value_that_only_some_configs_have_is_named_if_it_is_wrong(tmp_path, name, value):
    config = {
        "model": "autoencoder",
        "hyperparameters": {},
        "data": {**RIGHT, "data": "x.csv"},
        "training": {"epochs": 1, "batch_size": 2, "seed": 0},
    }
    read = config if name == "classes" else config["data"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    read_config(tmp_path / "config.json")
    read[name] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    where = name if name == "classes" else f"data.{name}"
    with pytest.raises(ValueError, match=f"config.json is damaged: '{where}'"):
        read_config(tmp_path / "config.json")


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("command", ["evaluate", "generate"])
def test_a_damaged_model_is_named(damaged, own_run, command, damage):
    damage(own_run / "model.keras")
    damaged(command, "model.keras")


# ------------------------------------------------------------------ interrupted runs

COMMAND = "train autoencoder --data {table} --latent-dim 2 --hidden-units 8 --epochs 4"


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory, table):
    """A folder with a run that was killed after three of four epochs."""
    from click.testing import CliRunner

    from tfae.cli import main

    folder = tmp_path_factory.mktemp("interrupted")
    original = epochs.KeepEpoch.on_epoch_end

    def stop(self, epoch, logs=None):
        original(self, epoch, logs)
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epochs.KeepEpoch, "on_epoch_end", stop)
        command = f"{COMMAND.format(table=table)} --out {folder / 'run'}"
        result = CliRunner().invoke(main, command.split())
    assert result.exit_code == 130, result.output
    return folder / ".run.partial"


@pytest.fixture
def command(table):
    """What the run is made with."""
    return f"{COMMAND.format(table=table)} --out run"


@pytest.fixture
def partial(interrupted, tmp_path, bare):
    """A copy of it."""
    shutil.copytree(interrupted, tmp_path / ".run.partial")
    return PartialRun(tmp_path / "run")


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["model.keras", "history.json"])
def test_a_damaged_checkpoint_is_left_out_and_the_one_before_counts(tmp_path, damage, name):
    checkpoints = Checkpoints(tmp_path)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    history = [{"epoch": n, "seconds": 0.1, "loss": 1 / n} for n in (1, 2, 3)]
    checkpoints.save(model, history[:2])
    checkpoints.save(model, history)
    damage(tmp_path / "00003" / name)
    found, epochs = checkpoints.last()
    assert isinstance(found, keras.Model)
    assert epochs == history[:2]
    checkpoints.save(model, history)
    assert checkpoints.last()[1] == history


def test_a_run_resumes_from_the_last_whole_checkpoint_and_says_so(partial, tfae, command):
    cut(partial.checkpoints.folder / "00003" / "model.keras")
    (partial.checkpoints.folder / "00009-copy").mkdir()
    (partial.checkpoints.folder / "²").mkdir()
    shown = " ".join(tfae(f"{command} --resume").output.split())
    assert "00003/model.keras is missing or damaged" in shown
    assert "Resuming after epoch 2" in shown
    assert (partial.out / "model.keras").exists()


def test_if_all_checkpoints_are_damaged_each_is_named(partial, tfae, command):
    for number in ("00002", "00003"):
        remove(partial.checkpoints.folder / number / "history.json")
    shown = " ".join(tfae(f"{command} --resume", exit_code=2).output.split())
    assert "All checkpoints of the interrupted run are damaged" in shown
    assert "00002/history.json is missing or damaged" in shown
    assert "to start again" in shown


@pytest.mark.parametrize("damage", [cut, empty, replace, as_list])
def test_a_damaged_config_of_an_interrupted_run_is_named(partial, tfae, command, damage):
    damage(partial.config_file)
    shown = tfae(f"{command} --resume", exit_code=2).output
    assert "config.json is damaged" in " ".join(shown.split())
    assert partial.checkpoints.folder.exists()


def test_fewer_epochs_than_are_finished_are_refused(partial, tfae, command):
    fewer = command.replace("--epochs 4", "--epochs 2")
    shown = " ".join(tfae(f"{fewer} --resume", exit_code=2).output.split())
    assert "has finished 3 epochs, so --epochs must be at least 3; received 2" in shown
