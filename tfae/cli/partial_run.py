"""A run that is being made: its folder appears whole or not at all.

A run RUN is made in the folder `.RUN.partial` beside it:

    config.json              what was asked for; `--resume` compares it with the command
    lock                     locked while a process works here; contains its process id
    checkpoints/00012/       the model and history after 12 epochs; the two newest are kept
    pretraining/             the state of layer-wise pre-training, for models that have it
    tensorboard/             can be watched during training
    run/                     the finished run, renamed to RUN in one step at the end

What a killed process left half-written is thrown away. If the newest checkpoint has been damaged
since, the one before it is used.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from tfae.cli.checkpoints import Checkpoints
from tfae.cli.history import History, TensorBoardLog
from tfae.cli.json_files import write_json
from tfae.cli.run_config import read_config
from tfae.files import BusyError, locked, move_new


class PartialRun:
    """A run that is being made.

    Args:
        out: Where the run will appear.
    """

    def __init__(self, out: Path):
        self.out = out
        self.folder = out.parent / f".{out.name}.partial"
        self.config_file = self.folder / "config.json"
        self.checkpoints = Checkpoints(self.folder / "checkpoints")
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
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"--out {self.out} cannot be created: {error.filename}: {error.strerror}. Choose "
                "another folder."
            ) from error
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
                if not self.checkpoints and not self.pretraining.exists():
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
        for path in (self.checkpoints.folder, self.pretraining):
            shutil.rmtree(path, ignore_errors=True)

    def discard(self) -> None:
        """Removes everything there is of the run."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _check_absent(self) -> None:
        if os.path.lexists(self.out):
            raise ValueError(f"{self.out} exists already; choose another folder with --out.")

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
            move_new(self.tensorboard, self.folder / "run" / "tensorboard")
        try:
            move_new(self.folder / "run", self.out)
        except (OSError, ValueError) as error:
            exists = os.path.lexists(self.out)
            problem = "was created in the meantime" if exists else f"cannot be written: {error}"
            raise ValueError(
                f"{self.out} {problem}. The finished run is in {self.folder / 'run'}; move it by "
                "hand."
            ) from error
        shutil.rmtree(self.folder, ignore_errors=True)


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
