"""The feature space in which real and generated data are compared."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def feature_rows(
    x: np.ndarray, features: keras.Model | Callable[[np.ndarray], Any] | None, batch_size: int = 256
) -> np.ndarray:
    """Computes features of data, one row per example.

    Args:
        x: Array `(n, ...)`.
        features: Keras model or function that maps a batch `(m, ...)` to an array `(m, ...)`;
            `None` for the data itself. Distances between features should agree with perception:
            for images, use the last hidden layer of a classifier of such images.
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
