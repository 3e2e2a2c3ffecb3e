"""The space in which data and generated data are compared."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def feature_rows(
    x: np.ndarray, features: keras.Model | Callable[[np.ndarray], Any] | None, batch_size: int = 256
) -> np.ndarray:
    """Features of data, a row an example.

    Args:
        x: Array `(n, ...)`.
        features: Keras model, or function of a batch `(m, ...)` that gives an array `(m, ...)`;
            `None` takes the data as it is. Distances there should mean something to the eye: for
            images, the last hidden layer of a classifier of such images.
        batch_size: Examples at a time.

    Returns:
        Array `(n, d)`.
    """
    if features is None:
        parts = [x]
    else:
        if isinstance(features, keras.Model):
            network = features

            def features(batch: np.ndarray) -> Any:
                return network(batch, training=False)

        starts = range(0, max(len(x), 1), batch_size)
        parts = [np.asarray(features(x[start : start + batch_size])) for start in starts]
    rows = np.concatenate(parts)
    return rows.reshape(len(rows), -1)
