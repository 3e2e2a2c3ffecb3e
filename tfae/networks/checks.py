"""Argument checks shared by all builders."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras

from tfae.arguments import whole_number


def checked_sizes(name: str, sizes: Sequence[int]) -> tuple[int, ...]:
    """Returns `sizes` as a tuple of positive ints.

    Raises:
        ValueError: If an entry is not a positive integer.
    """
    sizes = tuple(sizes) if isinstance(sizes, Iterable) else (sizes,)
    try:
        return tuple(whole_number(name, size, 1) for size in sizes)
    except ValueError:
        raise ValueError(f"`{name}` must hold positive integers; received {sizes!r}.") from None


def checked_activation(name: str, activation: Any) -> Any:
    """Returns an activation as Keras takes it.

    Raises:
        ValueError: If Keras does not know it.
    """
    try:
        keras.activations.get(activation)
    except (ValueError, TypeError):
        raise ValueError(
            f"`{name}` must name a function of keras.activations, such as 'relu' or 'tanh'; "
            f"received {activation!r}."
        ) from None
    return activation
