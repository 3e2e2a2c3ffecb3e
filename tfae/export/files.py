"""A file that is there whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file that gets its name when the block ends without an error.

    It is opened at once, so that a folder that cannot be written to is noticed before the work.

    Raises:
        OSError: If the file cannot be written; what was there before stays.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with new.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"{path} was not written: {reason}") from error
    finally:
        new.unlink(missing_ok=True)
