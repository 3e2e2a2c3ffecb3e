"""Checks of the metrics' arguments."""

from typing import Any

import numpy as np

from tfae.arguments import finite_array


def rows(name: str, values: Any, minimum: int = 1) -> np.ndarray:
    """Returns a finite float64 array `(n, d)`; further axes are flattened.

    Raises:
        ValueError: If there are fewer rows than `minimum`, or a value is not finite.
    """
    array = np.asarray(values, np.float64)
    if array.ndim < 2 or len(array) < minimum or not array[0].size:
        raise ValueError(
            f"`{name}` must be an array (n, d) with n of at least {minimum}; received shape "
            f"{array.shape}."
        )
    return finite_array(name, array).reshape(len(array), -1)


def pair(names: tuple[str, str], values: tuple[Any, Any], minimum: int) -> list[np.ndarray]:
    """Returns two arrays like `rows`, with the same number of columns.

    Raises:
        ValueError: If they do not fit together.
    """
    a, b = (rows(name, value, minimum) for name, value in zip(names, values, strict=True))
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"`{names[0]}` and `{names[1]}` must have rows of the same size; received "
            f"{a.shape[1]} and {b.shape[1]}."
        )
    return [a, b]
