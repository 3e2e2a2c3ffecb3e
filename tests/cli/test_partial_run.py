"""A run that is being made appears whole or not at all, and is never shared by two processes."""

import contextlib
import itertools
import json
import multiprocessing
import os

import keras
import pytest

from tfae.cli import partial_run
from tfae.cli.finished_run import changing, read_run
from tfae.cli.history import write_history
from tfae.cli.json_files import write_json
from tfae.cli.partial_run import PartialRun

DATA = dict.fromkeys(("data_dir", "binarize", "scale", "image_size", "channels", "label_column"))
CONFIG = {
    "model": "m",
    "hyperparameters": {"a": (1, 2)},
    "data": {**DATA, "data": "digits", "validation_split": 0.1, "labels": False},
    "training": {"epochs": 3, "batch_size": 8, "seed": 0},
}


@pytest.fixture
def partial(tmp_path):
    """A run that has not been started."""
    return PartialRun(tmp_path / "folder" / "run")


@pytest.fixture
def model():
    """Any Keras model."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def epochs(n):
    return [{"epoch": i + 1, "seconds": 0.1, "loss": 1 / (i + 1)} for i in range(n)]


def claim(partial, config=CONFIG, interrupted="refuse"):
    """Claims a run and does nothing with it."""
    with partial.claimed(config, interrupted):
        pass


def test_the_newest_whole_checkpoint_counts(partial, model):
    with partial.claimed(CONFIG, "refuse"):
        assert partial.checkpoints.last() is None
        for n in (1, 2, 10):
            partial.checkpoints.save(model, epochs(n))
        (partial.checkpoints.folder / "00011.new").mkdir()  # what a killed process leaves
        restored, history = partial.checkpoints.last()
        assert history == epochs(10)
        assert restored.count_params() == model.count_params()
        partial.checkpoints.save(model, epochs(11))
        assert sorted(os.listdir(partial.checkpoints.folder)) == ["00010", "00011"]


def failing_at(step, monkeypatch, model):
    """Makes the call number `step`, of those that change the disk, fail as if killed before it."""
    calls = itertools.count()

    def failing(original):
        def call(*args, **kwargs):
            if next(calls) == step:
                raise ZeroDivisionError
            return original(*args, **kwargs)

        return call

    for owner, name in (
        (partial_run.Path, "mkdir"),
        (partial_run.Path, "write_text"),
        (type(model), "save"),
        (partial_run.os, "fsync"),
        (partial_run.os, "replace"),
        (partial_run.os, "rename"),
    ):
        monkeypatch.setattr(owner, name, failing(getattr(owner, name)))


def test_a_crash_at_any_step_of_a_checkpoint_keeps_the_one_before(partial, model, monkeypatch):
    with partial.claimed(CONFIG, "refuse"):
        partial.checkpoints.save(model, epochs(1))
        for step in itertools.count():
            with monkeypatch.context() as patch:
                failing_at(step, patch, model)
                try:
                    partial.checkpoints.save(model, epochs(2 + step))
                except ZeroDivisionError:
                    # The very last call only flushes the folder's list of files.
                    assert partial.checkpoints.last()[1] in (epochs(1 + step), epochs(2 + step))
                else:
                    break
            partial.checkpoints.save(model, epochs(2 + step))
            assert sorted(os.listdir(partial.checkpoints.folder)) == [
                f"{n + step:05}" for n in (1, 2)
            ]
    assert step > 7


def test_a_run_appears_only_when_it_is_finished(partial, model):
    with partial.claimed(CONFIG, "refuse"):
        partial.checkpoints.save(model, epochs(1))
        partial.log(epochs(1)).close()
        folder = partial.begin_finishing()
        write_history(folder / "history.csv", epochs(1))
        assert not partial.out.exists()
        partial.finish()
    assert sorted(os.listdir(partial.out)) == ["history.csv", "tensorboard"]
    assert not partial.folder.exists()


def test_an_existing_run_is_refused(partial):
    partial.out.mkdir(parents=True)
    for interrupted in ("refuse", "resume", "discard"):
        with pytest.raises(ValueError, match="run exists already; choose another"):
            claim(partial, interrupted=interrupted)
    assert not partial.folder.exists()


def test_a_folder_created_in_the_meantime_is_not_overwritten(partial, model):
    with partial.claimed(CONFIG, "refuse"):
        partial.checkpoints.save(model, epochs(1))
        write_history(partial.begin_finishing() / "history.csv", epochs(1))
        partial.out.mkdir()
        (partial.out / "precious").write_text("keep")
        with pytest.raises(ValueError, match="created in the meantime"):
            partial.finish()
    assert os.listdir(partial.out) == ["precious"]
    assert (partial.folder / "run" / "history.csv").exists()


def interrupted(partial, model):
    with contextlib.suppress(KeyboardInterrupt), partial.claimed(CONFIG, "refuse"):
        partial.checkpoints.save(model, epochs(1))
        raise KeyboardInterrupt


def test_an_interrupted_run_continues_only_with_resume(partial, model):
    interrupted(partial, model)
    with pytest.raises(ValueError, match=r"was interrupted\. Add --resume"):
        claim(partial)
    with partial.claimed(CONFIG, "resume"):
        assert len(partial.checkpoints.last()[1]) == 1


def test_an_interrupted_run_can_be_discarded(partial, model):
    interrupted(partial, model)
    with partial.claimed(CONFIG, "discard"):
        assert partial.checkpoints.last() is None


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing(partial):
    with pytest.raises(ZeroDivisionError), partial.claimed(CONFIG, "refuse"):
        raise ZeroDivisionError
    assert not partial.folder.exists()


def test_resuming_with_other_options_is_refused(partial, model):
    interrupted(partial, model)
    other = {**CONFIG, "hyperparameters": {"a": (1, 3), "b": 1}}
    with pytest.raises(ValueError, match=r"a was \[1, 2\] and is \[1, 3\]; b was None and is 1"):
        claim(partial, other, "resume")
    with pytest.raises(ValueError, match="model was 'm' and is 'n'"):
        claim(partial, {**CONFIG, "model": "n"}, "resume")
    longer = {**CONFIG, "training": {**CONFIG["training"], "epochs": 9}, "time": "later"}
    with partial.claimed(longer, "resume"):
        assert json.loads(partial.config_file.read_text())["training"]["epochs"] == 9


def _claim(out, queue):
    try:
        with PartialRun(out).claimed(CONFIG, "resume"):
            queue.put("claimed")
    except ValueError as error:
        queue.put(str(error))


def test_a_run_that_another_process_is_making_is_refused(partial):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with partial.claimed(CONFIG, "refuse"):
        process = context.Process(target=_claim, args=(partial.out, queue))
        process.start()
        assert f"Process {os.getpid()} is making the run" in queue.get(timeout=30)
        process.join()


def test_a_run_that_is_being_made_is_not_suggested_for_deletion(partial, model):
    with partial.claimed(CONFIG, "refuse"):
        partial.checkpoints.save(model, epochs(1))
        with pytest.raises(ValueError, match=f"Process {os.getpid()} is making") as raised:
            claim(partial)
    assert "remove" not in str(raised.value)


def test_two_commands_cannot_change_a_run_at_once(tmp_path):
    busy = f"Process {os.getpid()} is changing the run"
    with changing(tmp_path), pytest.raises(ValueError, match=busy), changing(tmp_path):
        pytest.fail("the block ran")
    with changing(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_a_run_is_explained(tmp_path, partial, model):
    with pytest.raises(ValueError, match="is not the folder of a run"):
        read_run(tmp_path)
    interrupted(partial, model)
    with pytest.raises(ValueError, match=r"was interrupted .*: add --resume to its command"):
        read_run(partial.out)


def test_a_json_file_is_whole_at_every_moment(tmp_path, monkeypatch):
    write_json(tmp_path / "x.json", {"a": 1})
    monkeypatch.setattr(os, "rename", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_json(tmp_path / "x.json", {"a": 2})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}
