"""Reads the folder of a finished run, and replaces the model in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfae.cli.model_file import load_model
from tfae.cli.partial_run import PartialRun
from tfae.cli.run_config import read_config
from tfae.files import BusyError, atomic_write, locked

if TYPE_CHECKING:
    import keras


def read_run(folder: Path) -> tuple[keras.Model, dict[str, Any]]:
    """Returns the model and configuration of a finished run.

    Raises:
        ValueError: If the folder is not a run, or a file in it is damaged; the message names the
            file.
    """
    for name in ("model.keras", "config.json"):
        if not (folder / name).is_file():
            raise ValueError(_why_not_a_run(folder, name))
    config = read_config(folder / "config.json")
    return load_model(folder / "model.keras"), config


def _why_not_a_run(folder: Path, name: str) -> str:
    if any((folder / other).is_file() for other in ("model.keras", "config.json")):
        return f"{folder / name} is missing, so the run is damaged. Copy or train it again."
    partial = PartialRun(folder)
    hint = ""
    if partial.folder.exists():
        hint = (
            f" The run was interrupted ({partial.folder}): add --resume to its command to continue."
        )
    return (
        f"{folder} is not the folder of a run, which holds model.keras and config.json. Make one "
        f"with `tfae train` or `tfae demo`.{hint}"
    )


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Locks a run during the block, so that two commands cannot undo each other's changes.

    Raises:
        ValueError: If another process is changing it.
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
    """Replaces the model of a finished run; at every moment the file is either old or new.

    Raises:
        OSError: If it cannot be written; the old one stays.
    """
    with atomic_write((folder / "model.keras").resolve(), replace=True) as path:
        model.save(path)


def why_not_generating(run: Path, model: keras.Model) -> str:
    """Says why a model without a distribution over codes generates no data, and what to do."""
    if not hasattr(model, "sampling_prior"):
        return f"{type(model).__name__} cannot generate data: it has no codes to draw."
    return (
        f"{type(model).__name__} has no distribution over codes to draw from; fit one with "
        f"`tfae fit {run} --prior {model.prior_kinds[0]}`."
    )
