"""Checks of the numbers and arrays that users pass in."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt


def whole_number(name: str, value: Any, minimum: int) -> int:
    """Returns `value` as an `int`.

    Raises:
        ValueError: If it is not an integer, or less than `minimum`. The message names the argument.
    """
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < minimum:
        wanted = "a non-negative integer" if minimum == 0 else f"an integer of at least {minimum}"
        raise ValueError(f"`{name}` must be {wanted}; received {value!r}.")
    return int(value)


def whole_number_or_none(name: str, value: Any, minimum: int) -> int | None:
    """Does the same as `whole_number`, and returns `None` for `None`."""
    return None if value is None else whole_number(name, value, minimum)


def number(name: str, value: Any) -> float:
    """Returns `value` as a `float`.

    Raises:
        ValueError: If it is not a finite number. The message names the argument.
    """
    if not is_number(value):
        raise ValueError(f"`{name}` must be a finite number; received {value!r}.")
    return float(value)


def non_negative(name: str, value: Any) -> float:
    """Returns `value` as a `float`.

    Raises:
        ValueError: If it is not finite, or is negative. The message names the argument.
    """
    if not is_number(value) or value < 0:
        raise ValueError(f"`{name}` must be a non-negative number; received {value!r}.")
    return float(value)


def positive(name: str, value: Any) -> float:
    """Returns `value` as a `float`.

    Raises:
        ValueError: If it is not finite, or is not positive. The message names the argument.
    """
    if not is_number(value) or value <= 0:
        raise ValueError(f"`{name}` must be a positive number; received {value!r}.")
    return float(value)


def at_least(name: str, value: Any, low: float) -> float:
    """Returns `value` as a `float`.

    Raises:
        ValueError: If it is not finite, or less than `low`. The message names the argument.
    """
    if not is_number(value) or value < low:
        raise ValueError(f"`{name}` must be a number of at least {low:g}; received {value!r}.")
    return float(value)


def between(name: str, value: Any, low: float, high: float, low_included: bool = False) -> float:
    """Returns `value` as a `float`.

    Args:
        name: The argument's name, for the message.
        value: What was passed.
        low, high: The bounds, which are themselves excluded.
        low_included: Whether `low` itself is allowed.

    Raises:
        ValueError: If it is not a number between them. The message names the argument.
    """
    is_inside = is_number(value) and (low < value < high or (low_included and value == low))
    if not is_inside:
        bracket = "[" if low_included else "("
        raise ValueError(f"`{name}` must lie in {bracket}{low:g}, {high:g}); received {value!r}.")
    return float(value)


def finite_array(
    name: str, values: Any, dtype: npt.DTypeLike = np.float64, advice: str = ""
) -> np.ndarray:
    """Returns `values` as an array.

    Args:
        name: The argument's name, for the message.
        values: What was passed, of any shape.
        dtype: The array's type.
        advice: What to do about other values, for the message.

    Raises:
        ValueError: If some are NaN or infinite. The message names the argument and says how many.
    """
    array = np.asarray(values, dtype)
    bad = array.size - np.count_nonzero(np.isfinite(array))
    if bad:
        message = f"`{name}` must be finite; {bad} of {array.size} values are NaN or infinite."
        raise ValueError(f"{message} {advice}".rstrip())
    return array


def is_number(value: Any) -> bool:
    """Whether `value` is a finite real number and not a `bool`."""
    is_real = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return is_real and math.isfinite(value)
