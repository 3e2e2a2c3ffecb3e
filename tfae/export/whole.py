"""Files and folders that appear whole or not at all."""

import contextlib
import os
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
        OSError: If it cannot be written; names `target`.
    """
    target = Path(target)
    if not (replace and target.is_file()):
        check_absent(target)
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", dir=target.parent, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder, target.name)
            for path in Path(folder).rglob("*"):
                if path.is_file():
                    sync(path)
            if not replace:  # os.rename would replace a file
                check_absent(target)
            os.rename(Path(folder, target.name), target)
    except BaseException as error:
        for parent in missing:
            with contextlib.suppress(OSError):  # someone else has put something there
                parent.rmdir()
        if isinstance(error, OSError):
            message = f"cannot write {target}: {error.strerror or error}"
            raise OSError(*filter(None, [error.errno]), message) from error
        raise


def check_absent(target: Path) -> None:
    """Raises `ValueError` if there is a file or folder `target`."""
    if os.path.lexists(target):
        raise ValueError(f"{target} exists already; it is left as it is. Choose another name.")
