"""Files and folders that appear whole or not at all, and locks between processes."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_WRITING = ".writing"
_LOCK = ".tfae-lock"


class BusyError(ValueError):
    """Another process holds a lock.

    Attributes:
        process: The process id, as text; empty if the process has not written it yet.
    """

    def __init__(self, path: Path, process: str):
        super().__init__(f"process {process or '(unknown)'} holds {path}")
        self.process = process


@contextlib.contextmanager
def atomic_write(
    target: str | os.PathLike, replace: bool = False, merge: bool = False
) -> Iterator[Path]:
    """Yields a path for a file or folder, which appears at `target` when the block ends.

    It is written in a hidden folder beside `target`, flushed to the disk, and then renamed. If the
    block raises, nothing is left behind, not even the parent folders that were made for it. What a
    killed process left beside `target` is removed by the next call.

    Args:
        target: Where the file or folder is to appear.
        replace: Whether an existing file is replaced; a folder never is.
        merge: Whether an existing folder takes in the files of the new one, each by a rename of its
            own; they replace files of the same name, and the others stay.

    Raises:
        ValueError: If `target` exists.
        OSError: If it cannot be written; the message names `target`.
    """
    target = Path(target)
    merge = merge and target.is_dir()
    if not (merge or (replace and target.is_file())):
        check_absent(target)
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target.parent)
        with _hidden_folder(target) as folder:
            new = folder / target.name
            yield new
            sync_tree(new)
            if merge:
                _move_into(new, target)
            else:
                _rename(new, target, replace)
        sync(target.parent)
    except BaseException as error:
        for parent in missing:
            with contextlib.suppress(OSError):  # another process has put something there
                parent.rmdir()
        if isinstance(error, OSError):
            message = f"cannot write {target}: {error.strerror or error}"
            raise OSError(*filter(None, [error.errno]), message) from error
        raise


def move_new(source: Path, target: Path) -> None:
    """Moves a file or folder to where nothing is yet, flushed to the disk before it appears.

    Args:
        source: The file or folder.
        target: Where it is to appear, on the same file system.

    Raises:
        ValueError: If `target` exists; `source` stays as it is then.
    """
    sync_tree(source)
    _rename(source, target, replace=False)
    sync(target.parent)


def check_absent(target: Path) -> None:
    """Raises `ValueError` if `target` exists."""
    if os.path.lexists(target):
        raise ValueError(f"{target} exists already and is left as it is. Choose another name.")


def sync(path: Path) -> None:
    """Waits until a file, or a folder's list of entries, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: Path) -> None:
    """Waits until a file, or a folder with everything in it, is on the disk."""
    for inner in path.rglob("*") if path.is_dir() else ():
        if not inner.is_symlink():
            sync(inner)
    sync(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file `path`, which contains this process's id, during the block.

    The lock is released when the process ends, even if it is killed.

    Raises:
        BusyError: If another process, or another call in this one, holds it.
        OSError: If the file cannot be created, or the file system does not support locks.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            raise BusyError(path, process) from None
        except OSError:
            os.close(descriptor)
            raise
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)  # its holder removed it after it had been opened here
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.close(descriptor)


@contextlib.contextmanager
def _hidden_folder(target: Path) -> Iterator[Path]:
    while True:
        # Shortened, so that it is not too long where the target's own name just fits.
        prefix = f".{target.name[:60]}.{os.getpid()}-"
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=_WRITING, dir=target.parent))
        with contextlib.ExitStack() as lock:
            try:
                lock.enter_context(locked(folder / _LOCK))
            except (BusyError, FileNotFoundError):  # another process took it for a leftover
                continue
            except OSError:  # without locks, no other process removes leftovers either
                pass
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return


def _remove_leftovers(parent: Path) -> None:
    """Removes hidden folders whose writers have died, so that nobody holds their locks."""
    for folder in parent.glob(f".*-*{_WRITING}"):
        with contextlib.suppress(OSError, BusyError):
            if not (folder / _LOCK).exists():
                folder.rmdir()  # only succeeds if it is empty: its writer died before locking it
                continue
            with locked(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)


def _rename(new: Path, target: Path, replace: bool) -> None:
    if not replace and new.is_file():
        # A rename would replace a file that has appeared in the meantime; a link does not.
        try:
            os.link(new, target)
            return
        except FileExistsError:
            check_absent(target)
        except OSError:  # the file system does not support links
            pass
    if not replace:
        check_absent(target)
    os.rename(new, target)


def _move_into(new: Path, folder: Path) -> None:
    for path in sorted(new.rglob("*")):  # a folder comes before what is in it
        target = folder / path.relative_to(new)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            os.replace(path, target)
            sync(target.parent)
