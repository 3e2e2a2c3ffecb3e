"""A run that is being made: its folder appears whole or not at all.

A run RUN is made in the folder `.RUN.partial` beside it:

    config.json              what was asked for; `--resume` compares it with the command
    lock                     locked while a process works here; contains its process id
    checkpoints/00012/       the model and history after 12 epochs; the two newest are kept
    pretraining/             the state of layer-wise pre-training, for models that have it
    tensorboard/             can be watched during training
    run/                     the finished run, renamed to RUN in one step at the end

A checkpoint is written under another name and then renamed, so the newest one is always complete.
What a killed process left half-written is thrown away. If the newest checkpoint has been damaged
since, the one before it is used.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tfae.cli.console import console, shown
from tfae.cli.run_config import read_config
from tfae.files import BusyError, atomic_write, locked, sync, sync_tree

if TYPE_CHECKING:
    import keras

History = list[dict[str, float]]
"""For each epoch, its number from 1 on, its duration in seconds, and its losses."""


class PartialRun:
    """A run that is being made.

    Args:
        out: Where the run will appear.
    """

    def __init__(self, out: Path):
        self.out = out
        self.folder = out.parent / f".{out.name}.partial"
        self.config_file = self.folder / "config.json"
        self.checkpoints = self.folder / "checkpoints"
        self.pretraining = self.folder / "pretraining"
        self.tensorboard = self.folder / "tensorboard"

    @contextlib.contextmanager
    def claimed(
        self, config: dict[str, Any], interrupted: Literal["refuse", "resume", "discard"]
    ) -> Iterator[None]:
        """Locks the folder during the block, after checking that it may be used.

        Args:
            config: What is asked for.
            interrupted: What to do if a run to the same folder was interrupted.

        Raises:
            ValueError: If the run exists, is being made by another process, was interrupted and is
                not to be resumed, or was started with other options.
        """
        self._check_absent()
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        with contextlib.ExitStack() as lock:
            try:
                lock.enter_context(locked(self.folder / "lock"))
            except BusyError as error:
                raise ValueError(
                    f"Process {error.process} is making the run {self.out}. Wait until it is done, "
                    "or choose another folder with --out."
                ) from None
            try:
                self._check_absent()  # a process that held the lock until now may have finished
                if self.config_file.exists():
                    self._continue_or_clear(config, interrupted)
                write_json(self.config_file, config)
                yield
            except BaseException:
                if not self._checkpoints() and not self.pretraining.exists():
                    shutil.rmtree(self.folder, ignore_errors=True)  # there is nothing to resume
                raise

    def _continue_or_clear(self, config: dict[str, Any], interrupted: str) -> None:
        if interrupted == "refuse":
            raise ValueError(
                f"A run to {self.out} was interrupted. Add --resume to the command to continue it, "
                f"or remove {self.folder} to start again."
            )
        if interrupted == "resume":
            _check_same(config, read_config(self.config_file))
            return
        for path in (self.checkpoints, self.pretraining):
            shutil.rmtree(path, ignore_errors=True)

    def discard(self) -> None:
        """Removes everything there is of the run."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _check_absent(self) -> None:
        if os.path.lexists(self.out):
            raise ValueError(f"{self.out} exists already; choose another folder with --out.")

    def save_checkpoint(self, model: keras.Model, history: History) -> None:
        """Saves the state after the last epoch of `history`, and removes old checkpoints."""
        name = f"{len(history):05}"
        shutil.rmtree(self.checkpoints / name, ignore_errors=True)  # if there is one, it is damaged
        with atomic_write(self.checkpoints / name) as new:
            new.mkdir()
            model.save(new / "model.keras")
            write_json(new / "history.json", history)
        kept = self._checkpoints()[-2:]  # two, in case the newest gets damaged
        for old in self.checkpoints.iterdir():
            if old not in kept:
                shutil.rmtree(old, ignore_errors=True)

    def last_checkpoint(self) -> tuple[keras.Model, History] | None:
        """Returns the newest checkpoint that is not damaged, or `None` if there are none.

        Raises:
            ValueError: If there are checkpoints, but all are damaged.
        """
        problems = []
        for folder in reversed(self._checkpoints()):
            try:
                history = _read_history(folder / "history.json", int(folder.name))
                return load_model(folder / "model.keras"), history
            except ValueError as error:
                problems.append(str(error))
                console.print(shown(f"{error} Trying the checkpoint before it."))
        if problems:
            raise ValueError(
                f"All checkpoints of the interrupted run are damaged. {' '.join(problems)} Remove "
                f"{self.folder} to start again."
            )
        return None

    def _checkpoints(self) -> list[Path]:
        numbered = (
            path
            for path in self.checkpoints.glob("*")
            if path.name.isascii() and path.name.isdigit()
        )
        return sorted(numbered, key=lambda path: int(path.name))

    def log(self, history: History) -> TensorBoardLog:
        """Starts the TensorBoard logs, with the epochs finished so far."""
        shutil.rmtree(self.tensorboard, ignore_errors=True)
        log = TensorBoardLog(self.tensorboard)
        for epoch in history:
            log.write(epoch)
        return log

    def begin_finishing(self) -> Path:
        """Returns an empty folder for the content of the finished run."""
        folder = self.folder / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def finish(self) -> None:
        """Makes the finished run appear."""
        if self.tensorboard.exists():
            os.rename(self.tensorboard, self.folder / "run" / "tensorboard")
        sync_tree(self.folder / "run")
        try:
            os.rename(self.folder / "run", self.out)
            sync(self.out.parent)
        except OSError as error:
            raise ValueError(
                f"{self.out} was created in the meantime. The finished run is in "
                f"{self.folder / 'run'}; move it by hand."
            ) from error
        shutil.rmtree(self.folder, ignore_errors=True)


class TensorBoardLog:
    """Logs the losses of each epoch, with training and validation as two curves in one chart."""

    def __init__(self, folder: Path):
        import tensorflow as tf

        self._writers = {
            part: tf.summary.create_file_writer(str(folder / part))
            for part in ("train", "validation")
        }

    def write(self, epoch: dict[str, float]) -> None:
        """Adds one epoch of a history."""
        import tensorflow as tf

        for part, writer in self._writers.items():
            with writer.as_default(step=int(epoch["epoch"])):
                for name, value in epoch.items():
                    is_validation = name.startswith("val_")
                    if name not in ("epoch", "seconds") and is_validation == (part != "train"):
                        tf.summary.scalar(name.removeprefix("val_"), value)
            writer.flush()

    def close(self) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()


def write_history(path: Path, history: History) -> None:
    """Writes a history as CSV, one line per epoch."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(history[0]) if history else ["epoch"])
        writer.writeheader()
        writer.writerows(history)


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file, which appears whole or not at all."""
    with atomic_write(path, replace=True) as new:
        new.write_text(json.dumps(value, indent=2) + "\n")


def load_model(path: Path) -> keras.Model:
    """Loads a model of any class from its file.

    Raises:
        ValueError: If the file is damaged or missing; the message names it.
    """
    import keras

    import tfae.models  # noqa: F401 - registers the classes

    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is missing or damaged: it is not a whole .keras file.")
    try:
        with zipfile.ZipFile(path) as content:
            damaged = content.testzip()  # Keras does not check the checksums
        if damaged is not None:
            raise ValueError(f"{damaged} in it has changed")
        return keras.saving.load_model(path)
    except Exception as error:  # Keras raises many kinds of errors for a damaged file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"{path} is damaged, or was saved by other versions of the packages: {reason}"
        ) from error


def _read_history(path: Path, epochs: int) -> History:
    try:
        history = json.loads(path.read_text(encoding="utf-8"))
        whole = [line["epoch"] for line in history] == list(range(1, epochs + 1))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is missing or damaged ({error}).") from error
    if not whole:
        raise ValueError(f"{path} is damaged: it does not list {epochs} epochs.")
    return history


def _check_same(asked: dict[str, Any], begun: dict[str, Any]) -> None:
    """Raises `ValueError` if options differ that affect the result; --epochs may differ."""
    differences = []
    for part in ("model", "hyperparameters", "data", "training"):
        old, new = begun.get(part, {}), asked.get(part, {})
        if not isinstance(old, dict):
            old, new = {part: old}, {part: new}
        # Through JSON, so that tuples and lists are the same.
        new = json.loads(json.dumps(new))
        differences += [
            f"{key} was {old.get(key)!r} and is {new.get(key)!r}"
            for key in {**old, **new}
            if old.get(key) != new.get(key) and key != "epochs"
        ]
    if differences:
        raise ValueError(
            f"--resume needs the same options as the interrupted run, but {'; '.join(differences)}."
        )
