"""How a model is saved to a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from tfae.files import atomic_write
from tfae.training.callbacks import check_format


def save_atomically(
    model: keras.Model, save: Callable, filepath: Any, overwrite: bool, **options: Any
) -> None:
    """Writes a `.keras` file completely or not at all; other things as Keras does.

    Args:
        model: The model, for messages.
        save: Its `save` of Keras.
        filepath, overwrite: As in Keras.
        **options: Further arguments of Keras' `save`.

    Raises:
        ValueError: If the path is an HDF5 file.
    """
    check_format(model, filepath)
    is_file = str(filepath).endswith(".keras") and "://" not in str(filepath)
    if not is_file or Path(filepath).is_dir() or not overwrite or options.get("zipped") is False:
        save(filepath, overwrite, **options)
        return
    with atomic_write(filepath, replace=True) as new:
        save(new, **options)
