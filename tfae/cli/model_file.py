"""Loads the file of a model, and says so if it is damaged."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def load_model(path: Path) -> keras.Model:
    """Loads a model of any class from its file.

    Raises:
        ValueError: If the file is damaged or missing; the message names it.
    """
    import keras

    import tfae.models  # noqa: F401 - registers the classes

    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is missing or damaged: it is not a whole .keras file.")
    try:
        with zipfile.ZipFile(path) as content:
            damaged = content.testzip()  # Keras does not check the checksums
        if damaged is not None:
            raise ValueError(f"{damaged} in it has changed")
        return keras.saving.load_model(path)
    except Exception as error:  # Keras raises many kinds of errors for a damaged file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"{path} is damaged, or was saved by other versions of the packages: {reason}"
        ) from error
