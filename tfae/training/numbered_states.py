"""Numbered states of a training on disk, of which the newest whole one counts."""

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tfae.files import atomic_write

_T = TypeVar("_T")
_SUMS = "sha256.json"


class NumberedStates:
    """Folders 00001, 00002, ... of files, each of which appears by one rename.

    Whatever kills the process, the newest one is whole. With it are the check sums of its files,
    for one that was damaged later; then the one before it counts, so two are kept.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, number: int, write: Callable[[Path], None]) -> None:
        """Keeps a state, and drops those before the one before it.

        Args:
            number: Of the state.
            write: Is given an empty folder, and writes files into it.
        """
        target = self.folder / f"{number:05}"
        shutil.rmtree(target, ignore_errors=True)  # one that is damaged, or was given up
        with atomic_write(target) as new:
            new.mkdir()
            write(new)
            sums = {file.name: _sum_of(file) for file in new.iterdir()}
            (new / _SUMS).write_text(json.dumps(sums))
        kept = self._states()[-2:]
        for old in self._states():
            if old not in kept:
                shutil.rmtree(old, ignore_errors=True)

    def load(self, read: Callable[[Path], _T]) -> _T | None:
        """Reads the newest whole state; warns of newer ones that are damaged.

        Args:
            read: Is given the folder of a state whose files are as they were written.

        Returns:
            What `read` gives, or `None` where nothing was kept.

        Raises:
            ValueError: If all that was kept is damaged; names the files.
        """
        damaged: list[str] = []
        for state in reversed(self._states()):
            file = _damaged_file(state)
            if file is None:
                if damaged:
                    warnings.warn(
                        f"Missing or damaged: {', '.join(damaged)}. Going on from the state before "
                        f"it, {state}.",
                        stacklevel=2,
                    )
                return read(state)
            damaged.append(str(file))
        if damaged:
            raise ValueError(
                f"Nothing that was kept in {self.folder} is whole. Missing or damaged: "
                f"{', '.join(damaged)}. Remove {self.folder} to begin anew."
            )
        return None

    def remove(self) -> None:
        """Removes all states."""
        for state in self._states():
            shutil.rmtree(state, ignore_errors=True)

    def _states(self) -> list[Path]:
        numbered = (p for p in self.folder.glob("*") if p.name.isascii() and p.name.isdigit())
        return sorted(numbered, key=lambda path: int(path.name))


def _damaged_file(state: Path) -> Path | None:
    """The first file of a state that is not as it was written, or `None`."""
    sums = state / _SUMS
    try:
        expected = json.loads(sums.read_text(encoding="utf-8"))
        names = sorted(expected.items())
    except (OSError, ValueError, AttributeError):
        return sums
    for name, value in names:
        try:
            if _sum_of(state / name) != value:
                return state / name
        except OSError:
            return state / name
    return None


def _sum_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
