"""The folder of a finished run: reading it, and keeping in it what is fitted later."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfae.cli.partial_run import PartialRun, load_model
from tfae.cli.run_config import read_config
from tfae.files import BusyError, atomic_write, locked

if TYPE_CHECKING:
    import keras


def read_run(folder: Path) -> tuple[keras.Model, dict[str, Any]]:
    """The model and configuration of a finished run.

    Raises:
        ValueError: When the folder is no run, or a file in it is damaged; names the file.
    """
    for name in ("model.keras", "config.json"):
        if not (folder / name).is_file():
            raise ValueError(_what_lacks(folder, name))
    config = read_config(folder / "config.json")
    return load_model(folder / "model.keras"), config


def _what_lacks(folder: Path, name: str) -> str:
    if any((folder / other).is_file() for other in ("model.keras", "config.json")):
        return f"{folder / name} is missing: the run is damaged. Copy or train it again."
    partial = PartialRun(folder)
    hint = ""
    if partial.folder.exists():
        hint = f" It was interrupted; go on with the same command and --resume ({partial.folder})."
    return (
        f"{folder} is not the folder of a run, which holds model.keras and config.json. Make one "
        f"with `tfae train` or `tfae demo`.{hint}"
    )


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Holds a run during the block, so that two commands do not undo each other's changes.

    Raises:
        ValueError: When another process changes it.
    """
    with contextlib.ExitStack() as lock:
        try:
            lock.enter_context(locked(folder / ".lock"))
        except BusyError as error:
            raise ValueError(
                f"Process {error.process} is changing the run {folder}. Try again when it is done."
            ) from None
        yield


def replace_model(folder: Path, model: keras.Model) -> None:
    """Keeps a model in place of that of a finished run, whose file is whole at every moment.

    Raises:
        OSError: If it cannot be written; the old one stays.
    """
    with atomic_write((folder / "model.keras").resolve(), replace=True) as path:
        model.save(path)
