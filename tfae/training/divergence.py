"""Warnings about training that has diverged."""

import math
import warnings
from collections.abc import Mapping

import keras
import numpy as np


class DivergenceWarning(keras.callbacks.Callback):
    """Warns after a `fit` whose losses became NaN or infinite, and names the epoch."""

    def __init__(self):
        super().__init__()
        self._first: str | None = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        lost = [name for name, value in (logs or {}).items() if not math.isfinite(value)]
        if lost and self._first is None:
            self._first = f"{', '.join(sorted(lost))} of epoch {epoch + 1}"

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self._first is not None:
            warnings.warn(
                f"The training diverged: {self._first} is NaN or infinite. Use a lower learning "
                "rate or clip gradients (`clipnorm` of the optimizer), and train a new model.",
                stacklevel=2,
            )


def warn_of_nonfinite_weights(model: keras.Model) -> None:
    """Warns if a weight of the model is NaN or infinite."""
    for variable in model.weights:
        array = np.asarray(keras.ops.convert_to_numpy(variable))
        if array.dtype.kind in "fV" and not np.isfinite(array.astype("float32")).all():
            warnings.warn(
                f"The weights of {model.name!r} hold NaN or infinity, first in {variable.path}: "
                "its training diverged. The saved model is of no use.",
                stacklevel=3,
            )
            return
