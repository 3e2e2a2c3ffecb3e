"""Silences libraries that write to standard error and offer no way to turn that off."""

import contextlib
import os
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Discards what C++ code prints to standard error; Python exceptions keep their messages.

    The notes that the converter and LiteRT print on plugins and delegates cannot be turned off, and
    the converter's own interpreter warns that it is deprecated.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
