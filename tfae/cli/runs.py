"""The folder of a run: it appears whole or not at all, and what is not whole can go on.

A run RUN is made in the folder `.RUN.partial` beside it:

    config.json              what was asked for; `--resume` compares with it
    lock                     held while a process works here
    checkpoints/00012/       the model and history after 12 epochs
    pretraining/             the state of layer-wise pre-training, of models that have it
    tensorboard/             can be watched meanwhile
    run/                     the finished run, renamed to RUN in one step at the end

A checkpoint is written under another name and appears by one rename, so at every moment the newest
one is whole; whatever a killed process left half-written is thrown away.
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
from typing import Any

import keras
import tensorflow as tf

from tfae.files import BusyError, atomic_write, locked

History = list[dict[str, float]]
"""For each epoch its number, from 1, its seconds, and the losses."""


class PartialRun:
    """A run that is being made.

    Args:
        out: where the run will appear.
    """

    def __init__(self, out: Path):
        self.out = out
        self.folder = out.parent / f".{out.name}.partial"
        self.config_file = self.folder / "config.json"
        self.checkpoints = self.folder / "checkpoints"
        self.pretraining = self.folder / "pretraining"
        self.tensorboard = self.folder / "tensorboard"

    @contextlib.contextmanager
    def claimed(self, config: dict[str, Any], resume: bool) -> Iterator[None]:
        """Holds the folder for this process, after checking that it may be used.

        Args:
            config: what is asked for.
            resume: whether an interrupted run is to go on.

        Raises:
            ValueError: when the run exists, is being made by another process, was interrupted and
                is not to go on, or was made with other options.
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
            interrupted = self.config_file.exists()
            try:
                self._check_absent()  # a process that held the lock until now may have finished
                if interrupted and not resume:
                    raise ValueError(
                        f"A run to {self.out} was interrupted. Add --resume to the command to go "
                        f"on with it, or remove {self.folder} to begin anew."
                    )
                if interrupted:
                    _check_same(config, json.loads(self.config_file.read_text()))
                write_json(self.config_file, config)
                yield
            except BaseException:
                if not self._whole_checkpoints() and not self.pretraining.exists():
                    shutil.rmtree(self.folder, ignore_errors=True)  # there is nothing to resume
                raise

    def _check_absent(self) -> None:
        if os.path.lexists(self.out):
            raise ValueError(f"{self.out} exists already; choose another folder with --out.")

    def save_checkpoint(self, model: keras.Model, history: History) -> None:
        """Keeps the state after the last epoch of `history`, and drops older ones."""
        name = f"{len(history):05}"
        shutil.rmtree(self.checkpoints / name, ignore_errors=True)  # one that is damaged
        with atomic_write(self.checkpoints / name) as new:
            new.mkdir()
            model.save(new / "model.keras")
            write_json(new / "history.json", history)
        kept = self._whole_checkpoints()[-2:]  # two, in case that the newest gets damaged
        for old in self.checkpoints.iterdir():
            if old not in kept:
                shutil.rmtree(old, ignore_errors=True)

    def last_checkpoint(self) -> tuple[keras.Model, History] | None:
        """The newest state that was kept, or `None`."""
        whole = self._whole_checkpoints()
        if not whole:
            return None
        newest = whole[-1]
        history = json.loads((newest / "history.json").read_text())
        return keras.saving.load_model(newest / "model.keras"), history

    def _whole_checkpoints(self) -> list[Path]:
        whole = (path for path in self.checkpoints.glob("*") if _is_number(path.name))
        return sorted(whole, key=lambda path: int(path.name))

    def log(self, history: History) -> TensorBoardLog:
        """Begins the TensorBoard logs, with the epochs that are done."""
        shutil.rmtree(self.tensorboard, ignore_errors=True)
        log = TensorBoardLog(self.tensorboard)
        for epoch in history:
            log.write(epoch)
        return log

    def begin_finishing(self) -> Path:
        """An empty folder for the finished run's content."""
        folder = self.folder / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def finish(self) -> None:
        """Makes the finished run appear."""
        if self.tensorboard.exists():
            os.rename(self.tensorboard, self.folder / "run" / "tensorboard")
        try:
            os.rename(self.folder / "run", self.out)
        except OSError as error:
            raise ValueError(
                f"{self.out} has come into being meanwhile; the finished run is in "
                f"{self.folder / 'run'}. Move it by hand."
            ) from error
        shutil.rmtree(self.folder, ignore_errors=True)


class TensorBoardLog:
    """Losses by epoch, training and validation as two curves in one chart."""

    def __init__(self, folder: Path):
        self._writers = {
            part: tf.summary.create_file_writer(str(folder / part))
            for part in ("train", "validation")
        }

    def write(self, epoch: dict[str, float]) -> None:
        """Adds one epoch of a history."""
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
    """Writes a history as CSV, a line an epoch."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(history[0]) if history else ["epoch"])
        writer.writeheader()
        writer.writerows(history)


def write_json(path: Path, value: Any) -> None:
    """Writes a file that is whole at every moment."""
    with atomic_write(path, replace=True) as new:
        new.write_text(json.dumps(value, indent=2) + "\n")


def read_run(folder: Path) -> tuple[keras.Model, dict[str, Any]]:
    """The model and configuration of a finished run.

    Raises:
        ValueError: when the folder is no run, or its model is not whole.
    """
    if not (folder / "model.keras").is_file() or not (folder / "config.json").is_file():
        partial = PartialRun(folder).folder
        hint = f" It was interrupted: go on with --resume ({partial})." if partial.exists() else ""
        raise ValueError(
            f"{folder} is not the folder of a run (model.keras and config.json); make one with "
            f"`tfae train` or `tfae demo`.{hint}"
        )
    if not zipfile.is_zipfile(folder / "model.keras"):
        raise ValueError(f"{folder / 'model.keras'} is not whole; copy or train the run again.")
    config = json.loads((folder / "config.json").read_text())
    return keras.saving.load_model(folder / "model.keras"), config


def replace_model(folder: Path, model: keras.Model) -> None:
    """Keeps a model in place of that of a finished run, whose file is whole at every moment.

    Raises:
        OSError: If it cannot be written; the old one stays.
    """
    with atomic_write((folder / "model.keras").resolve(), replace=True) as path:
        model.save(path)


def _check_same(asked: dict[str, Any], begun: dict[str, Any]) -> None:
    """Compares what shapes the result; training for longer than first asked is fine."""
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
            "--resume goes on with the options of the interrupted run, but "
            f"{'; '.join(differences)}."
        )


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()
