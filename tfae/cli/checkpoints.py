"""The checkpoints of a run that is being made: the model and its history after an epoch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tfae.cli.console import console, shown
from tfae.cli.history import History
from tfae.cli.json_files import write_json
from tfae.cli.model_file import load_model
from tfae.files import atomic_write

if TYPE_CHECKING:
    import keras


class Checkpoints:
    """The two newest checkpoints, each in a folder named after its number of epochs.

    A checkpoint is written under another name and then renamed, so the newest one is always
    complete.

    Args:
        folder: The folder that holds them.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._numbered())

    def save(self, model: keras.Model, history: History) -> None:
        """Saves the state after the last epoch of `history`, and removes old checkpoints."""
        name = f"{len(history):05}"
        shutil.rmtree(self.folder / name, ignore_errors=True)  # if there is one, it is damaged
        with atomic_write(self.folder / name) as new:
            new.mkdir()
            model.save(new / "model.keras")
            write_json(new / "history.json", history)
        kept = self._numbered()[-2:]  # two, in case the newest gets damaged
        for old in self.folder.iterdir():
            if old not in kept:
                shutil.rmtree(old, ignore_errors=True)

    def last(self) -> tuple[keras.Model, History] | None:
        """Returns the newest checkpoint that is not damaged, or `None` if there are none.

        Raises:
            ValueError: If there are checkpoints, but all are damaged.
        """
        problems = []
        for folder in reversed(self._numbered()):
            try:
                history = _read_history(folder / "history.json", int(folder.name))
                return load_model(folder / "model.keras"), history
            except ValueError as error:
                problems.append(str(error))
                console.print(shown(f"{error} Trying the checkpoint before it."))
        if problems:
            raise ValueError(
                f"All checkpoints of the interrupted run are damaged. {' '.join(problems)} Remove "
                f"{self.folder.parent} to start again."
            )
        return None

    def _numbered(self) -> list[Path]:
        numbered = (
            path for path in self.folder.glob("*") if path.name.isascii() and path.name.isdigit()
        )
        return sorted(numbered, key=lambda path: int(path.name))


def _read_history(path: Path, epochs: int) -> History:
    try:
        history = json.loads(path.read_text(encoding="utf-8"))
        whole = [line["epoch"] for line in history] == list(range(1, epochs + 1))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is missing or damaged ({error}).") from error
    if not whole:
        raise ValueError(f"{path} is damaged: it does not list {epochs} epochs.")
    return history
