"""Files and folders that appear whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tfae.training.backup import sync


@contextlib.contextmanager
def whole(target: str | os.PathLike, replace: bool = False) -> Iterator[Path]:
    """Gives a path to write a file or folder to, which appears at `target` when the block ends.

    It is written in a hidden folder beside `target`, brought to the disk, and renamed. When the
    block raises, nothing is left: not the folders above `target` either, if they were made here.

    Args:
        target: Where the file or folder is to appear.
        replace: Whether a file that exists is replaced; a folder never is.

    Raises:
        ValueError: If `target` exists.
        OSError: If it cannot be written.
    """
    target = Path(target)
    if not (replace and target.is_file()):
        check_absent(target)
    made = _make_parents(target)
    try:
        with _hidden_folder(target) as folder:
            yield folder / target.name
            for path in folder.rglob("*"):
                if path.is_file():
                    sync(path)
            if not replace:  # os.rename would replace a file
                check_absent(target)
            os.rename(folder / target.name, target)
    except BaseException:
        for parent in made:
            with contextlib.suppress(OSError):  # someone else has put something there
                parent.rmdir()
        raise


def check_absent(target: Path) -> None:
    """Raises `ValueError` if there is a file or folder `target`."""
    if os.path.lexists(target):
        raise ValueError(f"{target} exists already; it is left as it is. Choose another name.")


@contextlib.contextmanager
def _hidden_folder(target: Path) -> Iterator[Path]:
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_parents(target: Path) -> list[Path]:
    """Makes the folders above `target`; returns those that were not there, the innermost first."""
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from error
    return missing


def _unwritable(target: Path, error: OSError) -> OSError:
    return OSError(error.errno, f"cannot write {target}: {error.strerror}")
