"""`tfae train`: what a run contains, and that an interrupted run ends as an uninterrupted one."""

import csv
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure

import tfae as package
from tfae.cli import checkpoints, epochs, make_run, partial_run
from tfae.cli.data_options import open_data
from tfae.cli.drawing import draw_pictures
from tfae.cli.finished_run import read_run
from tfae.cli.next_steps import next_steps

SMALL = "--data digits --latent-dim 2 --hidden-units 16 --batch-size 256"


def weights(run):
    return [np.asarray(v) for v in keras.saving.load_model(run / "model.keras").variables]


def history(run):
    with (run / "history.csv").open() as file:
        return [{k: float(v) for k, v in line.items()} for line in csv.DictReader(file)]


def read_json(path):
    return json.loads(path.read_text())


def assert_same_run(a, b):
    for x, y in zip(weights(a), weights(b), strict=True):
        np.testing.assert_array_equal(x, y)
    assert [{**line, "seconds": 0} for line in history(a)] == [
        {**line, "seconds": 0} for line in history(b)
    ]
    assert read_json(a / "evaluation.json") == read_json(b / "evaluation.json")


def test_files_and_values_of_a_run(run):
    assert sorted(os.listdir(run)) == [
        "config.json",
        "evaluation.json",
        "history.csv",
        "model.keras",
        "pictures",
        "tensorboard",
    ]
    assert os.listdir(run.parent) == ["vae"]
    model = keras.saving.load_model(run / "model.keras")
    assert type(model).__name__ == "VariationalAutoencoder"
    assert model.beta == 0.5
    assert model.encode(np.zeros((3, 8, 8, 1))).shape == (3, 2)
    config = json.loads((run / "config.json").read_text())
    assert config["model"] == "variational"
    assert config["hyperparameters"] == {"beta": 0.5, "hidden_units": [16]}
    assert config["data"]["data"] == "digits"
    assert config["training"]["seed"] == 7
    assert set(config["versions"]) == {"tfae", "tensorflow", "keras", "numpy", "python"}
    assert config["versions"]["tensorflow"] == tf.__version__
    lines = history(run)
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert {"loss", "kl_loss", "val_loss", "val_kl_loss", "seconds"} < set(lines[0])
    assert lines[-1]["loss"] < lines[0]["loss"]


def test_pictures_of_a_run(run):
    names = {"losses", "reconstructions", "samples", "latent_map", "latent_plane"}
    assert {path.stem for path in (run / "pictures").iterdir()} == names
    for path in (run / "pictures").iterdir():
        image = tf.io.decode_png(path.read_bytes()).numpy()
        assert image.shape[0] > 200
        assert image.std() > 10


def test_tensorboard_has_both_curves(run):
    lines = history(run)
    for part, prefix in (("train", ""), ("validation", "val_")):
        (file,) = (run / "tensorboard" / part).iterdir()
        found = {}
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
        for line in lines:
            assert found["loss", line["epoch"]] == pytest.approx(line[f"{prefix}loss"], rel=1e-6)


@pytest.mark.slow
def test_the_same_command_makes_the_same_run(tfae, run):
    tfae(f"train vae {SMALL} --epochs 3 --seed 7 --beta 0.5 --out again")
    assert_same_run(Path("again"), run)
    tfae(f"train vae {SMALL} --epochs 3 --seed 8 --beta 0.5 --out other")
    pairs = zip(weights(Path("other")), weights(run), strict=True)
    assert any((a != b).any() for a, b in pairs)


def test_a_folder_that_exists_is_refused(tfae, run):
    result = tfae(f"train vae {SMALL} --out {run}", exit_code=2)
    assert result.output.strip() == (
        f"Error: {run} exists already; choose another folder with --out."
    )


@pytest.mark.parametrize(
    ("model", "architecture"), [("autoencoder", "mlp"), ("variational", "conv")]
)
def test_models_and_architectures(tfae, bare, model, architecture):
    tfae(
        f"train {model} --data digits --latent-dim 3 --architecture {architecture} --epochs 1 "
        f"--hidden-units 8 --binarize threshold --validation-split 0 --labels --batch-size 512 "
        "--out run"
    )
    assert not any(name.startswith("val_") for name in history(Path("run"))[0])


def test_a_table_and_objects_as_options(tfae):
    rng = np.random.default_rng(0)
    np.savez("table.npz", x=rng.normal(size=(200, 6)) * [1, 2, 3, 4, 5, 6], y=np.arange(200) % 3)
    tfae(
        "train vae --data table.npz --scale standard --latent-dim 2 --hidden-units 16 --epochs 2 "
        "--likelihood Gaussian:scale=learned --beta LinearWarmUp:steps=10 --out run"
    )
    assert {path.stem for path in Path("run/pictures").iterdir()} == {"losses", "latent_map"}
    config = json.loads(Path("run/config.json").read_text())
    assert config["data"]["data"] == os.path.abspath("table.npz")
    assert config["hyperparameters"]["beta"] == "LinearWarmUp:steps=10"
    model = keras.saving.load_model("run/model.keras")
    assert model.beta.get_config()["steps"] == 10


@pytest.mark.slow
def test_the_advised_next_steps_work(tfae, make, of_table):
    """For a model that generates, and for those that first need a density, or something else."""
    for name, advised in (
        ("variational", "generate"),
        ("autoencoder", "fit"),
        ("sparse-coding", "evaluate"),
    ):
        run = make(of_table[name], name)
        model = keras.saving.load_model(run / "model.keras")
        advice = [line.split("#")[0] for line in next_steps(Path(name), model).splitlines()]
        commands = [line.strip().removeprefix("tfae ") for line in advice if "  tfae" in line]
        assert any(command.startswith(advised) for command in commands)
        assert any(command.startswith("explore") for command in commands)
        for command in commands:
            if command.split()[0] in ("generate", "fit"):
                tfae(command)


# ------------------------------------------------------------------ a trained model is never lost


@pytest.mark.parametrize("what", ["measure", "draw_pictures"])
def test_a_trained_model_is_kept_whatever_fails_afterwards(tfae, untrained, monkeypatch, what):
    def failing(*_):
        raise ArithmeticError("no labels here")

    monkeypatch.setattr(make_run, what, failing)
    shown = " ".join(tfae(f"train autoencoder {SMALL} --out run").output.split())
    name = {"measure": "Measuring on test data", "draw_pictures": "Drawing"}[what]
    assert f"{name} failed: no labels here" in shown
    (problem,) = read_json(Path("run/config.json"))["problems"]
    assert problem == f"{name} failed: no labels here"
    assert keras.saving.load_model("run/model.keras").built
    assert not Path(".run.partial").exists()


def test_a_picture_that_fails_is_reported_and_the_others_are_drawn(run, tmp_path, monkeypatch):
    def failing(*_, **__):
        raise ValueError("no")

    monkeypatch.setattr(package.pictures, "reconstructions", failing)
    model, config = read_run(run)
    failed = draw_pictures(model, open_data(config["data"]), config, [], tmp_path / "drawn")
    assert list(failed) == ["reconstructions"]
    drawn = {path.stem for path in (tmp_path / "drawn").iterdir()}
    assert drawn == {"latent_map", "samples", "latent_plane"}


def test_a_run_is_complete_although_no_test_example_is_labelled(tfae, monkeypatch):
    x = np.random.default_rng(0).random((60, 4), np.float32)
    y = np.arange(60) % 3
    np.savez("d.npz", x_train=x, y_train=y, x_test=x[:20], y_test=np.full(20, -1))
    tfae("train autoencoder --data d.npz --latent-dim 2 --hidden-units 4 --epochs 1 --out run")
    assert "problems" not in read_json(Path("run/config.json"))
    assert read_json(Path("run/evaluation.json"))["test"]["loss"] > 0


def test_pictures_of_a_conditional_model_use_the_examples_classes(make, tmp_path, monkeypatch):
    run = make(
        "conditional-variational --data digits --latent-dim 2 --hidden-units 8 --batch-size 256 "
        "--epochs 1"
    )
    model, config = read_run(run)
    drawn = {}
    for name in ("reconstructions", "latent_map", "latent_plane"):

        def draw(*arguments, name=name, **options):
            drawn[name] = arguments
            return Figure()

        monkeypatch.setattr(package.pictures, name, draw)
    assert not draw_pictures(model, open_data(config["data"]), config, [], tmp_path / "pictures")
    test = package.data.load("digits", "test", batch_size=1000, labels=True, shuffle=False)
    batch = next(test.as_numpy_iterator())
    np.testing.assert_array_equal(drawn["reconstructions"][1], model.reconstruct(batch)[:36])
    np.testing.assert_array_equal(drawn["latent_map"][0], model.encode(batch))
    assert (model.encode(batch) != model.encode(batch["x"])).any()
    code = np.zeros((1, 2), np.float32)
    of_first_class = model.decode(code, label=0)
    np.testing.assert_array_equal(drawn["latent_plane"][0](code), of_first_class)
    assert (of_first_class != model.decode(code)).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("vea --data digits", "no model 'vea'; there are .*variational.* Did you mean variational"),
        ("vae --latent-dim 2 --out run", "Missing option '--data'"),
        ("vae --data digitz --latent-dim 2 --out run", "Did you mean 'digits'"),
        ("vae --data ./none.npy --latent-dim 2 --out run", "There is nothing at .*none.npy"),
        (
            "vae --data digits --latent-dim 2 --out run --scale 0.1",
            r"must lie in .*--scale.*Received \[0, 1\]",
        ),
        ("vae --data digits --latent-dim 2 --out run --beta -1", "--beta must be"),
        ("vae --data digits --latent-dim 2 --out run --beta many", "--beta must be a number"),
        ("vae --data digits --latent-dim 2 --out run --likelihood none", "--likelihood must be"),
        ("vae --data digits --latent-dim 0 --out run", "--latent-dim"),
        ("vae --data digits --latent-dim 2 --out run --image-size 3", "--image-size.* for images"),
        ("vae --data digits --latent-dim 2 --out run --image-size axb", "not HEIGHTxWIDTH"),
        ("vae --data digits --latent-dim 2 --out run --label-column 1", "--label-column.* tables"),
        ("vae --data digits --latent-dim 2 --out run --activation rule", "rule"),
        ("vae --data digits --latent-dim 2 --out run --seed -1", "whole number from 0"),
        ("vae --data digits --latent-dim 2 --out run --label-column ²", "--label-column"),
    ],
)
def test_bad_input_gives_one_line_and_leaves_no_files(tfae, arguments, message, tmp_path):
    result = tfae(f"train {arguments}", exit_code=2)
    lines = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert re.search(message, lines[0]), lines[0]
    assert os.listdir(tmp_path) == []


def test_a_loss_that_is_not_finite_is_explained(tfae):
    result = tfae(
        f"train autoencoder {SMALL} --likelihood squared_error --learning-rate 1e30 --epochs 5 "
        "--out run",
        exit_code=2,
    )
    assert "became infinite or NaN in epoch" in result.output
    assert "--learning-rate" in result.output


def stop_at(monkeypatch, epoch, where="on_epoch_end"):
    """Makes training fail in an epoch, before or after its checkpoint."""
    original = getattr(epochs.KeepEpoch, where)

    def stopping(self, number, logs=None):
        if number == epoch and where == "on_epoch_begin":
            raise KeyboardInterrupt
        original(self, number, logs)
        if number == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(epochs.KeepEpoch, where, stopping)


@pytest.mark.parametrize(
    "where", ["on_epoch_begin", pytest.param("on_epoch_end", marks=pytest.mark.slow)]
)
def test_a_run_resumed_after_ctrl_c_equals_an_uninterrupted_one(
    tfae, bare, make, monkeypatch, of_table, where
):
    options = f"{of_table['variational']} --epochs 3 --seed 7 --beta 0.5"
    run = make(options)
    command = f"train {options} --out resumed"
    with monkeypatch.context() as patch:
        stop_at(patch, 1, where)
        result = tfae(command, exit_code=130)
    assert "with --resume to continue" in result.output
    assert "Add --resume" in tfae(command, exit_code=2).output
    different = tfae(command.replace("0.5", "0.6") + " --resume", exit_code=2).output
    assert "beta was 0.5 and is 0.6" in different
    result = tfae(f"{command} --resume")
    assert f"Resuming after epoch {2 if where == 'on_epoch_end' else 1}" in result.output
    assert_same_run(Path("resumed"), run)


@pytest.mark.slow
def test_a_longer_run_can_be_asked_for_when_resuming(tfae, run, monkeypatch):
    command = f"train vae {SMALL} --seed 7 --beta 0.5 --out resumed"
    with monkeypatch.context() as patch:
        stop_at(patch, 0)
        tfae(f"{command} --epochs 2", exit_code=130)
    tfae(f"{command} --epochs 3 --resume")
    assert_same_run(Path("resumed"), run)


def test_resume_starts_a_run_where_there_is_nothing_to_resume(tfae, bare, make, of_table):
    run = make(of_table["variational"])
    result = tfae(f"train {of_table['variational']} --out resumed --resume")
    assert "Nothing to resume" in result.output
    assert_same_run(Path("resumed"), run)


STEPS = ("save", "begin_finishing", "finish")


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("half_way", [False, True])
def test_a_crash_while_writing_is_repaired(tfae, run, monkeypatch, step, half_way):
    """As by kill -9 before the writing, and in the middle of it."""

    class Killed(BaseException):
        pass

    def killed(*_, **__):
        raise Killed

    command = f"train vae {SMALL} --epochs 3 --seed 7 --beta 0.5 --out resumed"
    with monkeypatch.context() as patch:
        stop_at(patch, 0)
        tfae(command, exit_code=130)
    with monkeypatch.context() as patch:
        if half_way and step == "begin_finishing":
            patch.setattr(make_run, "draw_pictures", killed)
        elif half_way:
            patch.setattr(partial_run.os, "rename", killed)
        else:
            owner = checkpoints.Checkpoints if step == "save" else partial_run.PartialRun
            patch.setattr(owner, step, killed)
        with pytest.raises(Killed):
            tfae(f"{command} --resume")
    assert not Path("resumed").exists()
    tfae(f"{command} --resume")
    assert_same_run(Path("resumed"), run)


# ------------------------------------------------------------------ processes that are killed


def start(command, folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, _import_path()))}
    return subprocess.Popen(
        [sys.executable, "-m", "tfae", *shlex.split(command)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _import_path():
    """Where this process has tfae from: the wheel or the source tree."""
    import tfae

    return [Path(tfae.__file__).parent.parent]


def wait_for_checkpoint(process, folder):
    """Until there is a whole checkpoint, or the process has ended."""
    checkpoints = folder / ".run.partial" / "checkpoints"
    while process.poll() is None:
        if any(path.name.isdigit() for path in checkpoints.glob("*")):
            return
        time.sleep(0.01)


def end_of(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


KILLED = (
    "train vae --data digits --binarize dynamic --latent-dim 2 --hidden-units 32 --epochs 30 "
    "--seed 3 --out"
)


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_resumes_to_the_same_run(tmp_path, sign):
    """At a moment that differs from run to run."""
    whole = start(f"{KILLED} whole", tmp_path)
    command = f"{KILLED} run --resume"
    process = start(command, tmp_path)
    wait_for_checkpoint(process, tmp_path)
    time.sleep(random.uniform(0, 1.0))
    process.send_signal(sign)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == (-9 if sign == signal.SIGKILL else 130), output
    assert not (tmp_path / "run").exists()
    assert "Resuming after epoch" in end_of(start(command, tmp_path))
    end_of(whole)
    assert_same_run(tmp_path / "run", tmp_path / "whole")
    assert sorted(os.listdir(tmp_path)) == ["run", "whole"]


@pytest.mark.slow
def test_kill_9_at_any_moment(tmp_path):
    """Until the run is there, each process is killed after a random time."""
    begin = time.monotonic()
    end_of(start(f"{KILLED} whole", tmp_path))
    duration = time.monotonic() - begin
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    kills = 0
    while not (tmp_path / "run").exists():
        assert kills < 60, f"no progress (seed {seed})"
        process = start(f"{KILLED} run --resume", tmp_path)
        # From the import of TensorFlow to the writing of the finished run.
        try:
            process.wait(timeout=duration * rng.uniform(0.05, 0.95))
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        process.communicate()
        entries = set(os.listdir(tmp_path)) - {"whole", ".run.partial"}
        assert entries <= {"run"}
    assert kills > 0
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_sparse_coding_trains_without_an_optimizer(tfae, make, of_table):
    make(of_table["sparse-coding"])
    model = keras.saving.load_model("run/model.keras")
    assert model.atoms.shape == (16, 6)
    assert "--learning-rate" not in tfae("train sparse-coding --help").output
