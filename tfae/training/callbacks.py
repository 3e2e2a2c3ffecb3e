"""Adds the package's callbacks to the user's."""

from collections.abc import Sequence
from typing import Any

import keras


def with_callbacks(
    callbacks: Any,
    before: Sequence[keras.callbacks.Callback],
    after: Sequence[keras.callbacks.Callback],
    model: keras.Model,
) -> list | keras.callbacks.CallbackList:
    """Returns the user's callbacks with others before and after them.

    Raises:
        ValueError: If one of them would save the model as an HDF5 file.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return keras.callbacks.CallbackList(
            [*before, *callbacks.callbacks, *after], model=model, **(callbacks.params or {})
        )
    if not isinstance(callbacks, list | tuple):
        callbacks = [] if callbacks is None else [callbacks]
    for callback in callbacks:
        _check_format_of(callback, model)
        _find_direction(callback, model)
    return [*before, *callbacks, *after]


def _check_format_of(callback: Any, model: keras.Model) -> None:
    """Before the training, not after its first epoch."""
    if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_weights_only:
        check_format(model, callback.filepath)


def _find_direction(callback: Any, model: keras.Model) -> None:
    """Says whether what a callback monitors is to fall or to rise.

    Under `mode="auto"` Keras looks for it among the metrics given to `compile` alone.
    """
    monitored = getattr(callback, "monitor", None)
    if getattr(callback, "mode", None) == "auto" and isinstance(monitored, str):
        name = monitored.removeprefix("val_")
        callback.mode = model.metric_modes.get(name, "auto")
        if name in model.loss_names:
            callback.mode = "min"


def check_format(model: keras.Model, filepath: Any) -> None:
    """Raises `ValueError` for a model that is to be saved as an HDF5 file."""
    if str(filepath).endswith((".h5", ".hdf5")):
        refuse_hdf5(model, f"; received {str(filepath)!r}")


def refuse_hdf5(model: keras.Model, received: str = "") -> None:
    """Raises `ValueError`."""
    raise ValueError(
        f"{type(model).__name__} is saved as a .keras file, as HDF5 files hold neither all "
        f"optimizers nor random state{received}. (save_weights takes a .weights.h5 file.)"
    )
