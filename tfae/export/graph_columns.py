"""The columns of a table in a graph: from what a client sends to a network's numbers, and back.

This is `encode` and `decode` of `tfae.tables` in TensorFlow's own operations, which any server has.
A client sends numbers as they are, NaN where missing; text as strings, "" where missing; and times
as ISO 8601, such as "2024-05-31 12:30:00". A category that the schema does not know is missing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfae.tables.columns.time import UNITS

_ISO = r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?)?(?:Z|([+-]\d\d):?(\d\d))?"
_TIME_OF_DAY = r"(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?"
_DAY = UNITS["days"]


def dtype_of(column: Any) -> tf.DType:
    """The type in which a column comes and goes."""
    is_text = column.kind == "time" or getattr(column, "is_text", False)
    return tf.string if is_text else tf.float64


def encode(column: Any, cells: tf.Tensor) -> tf.Tensor:
    """Turns cells `(rows,)` into the column's float32 block `(rows, width)`, NaN where missing."""
    return tf.cast(_ENCODERS[column.kind](column, cells), tf.float32)


def decode(column: Any, block: tf.Tensor) -> tf.Tensor:
    """Turns a block of encoded data, or of a model's output, into cells `(rows,)`."""
    return _DECODERS[column.kind](column, tf.cast(block, tf.float64))


# ---------------------------------------------------------------------- numbers


def _encode_numeric(column: Any, numbers: tf.Tensor) -> tf.Tensor:
    if column.quantiles is not None:
        values = np.array(column.quantiles.values)
        beyond = tf.maximum(numbers - values[-1], 0) + tf.minimum(numbers - values[0], 0)
        scores = _interpolate(numbers, values, column.quantiles.scores)
        return (scores + beyond / column.deviation)[:, None]
    if column.transform == "log":
        numbers = tf.sign(numbers) * tf.math.log1p(tf.abs(numbers))
    return ((numbers - column.mean) / column.deviation)[:, None]


def _decode_numeric(column: Any, block: tf.Tensor) -> tf.Tensor:
    values = block[:, 0]
    if column.quantiles is not None:
        ends = np.stack([column.quantiles.low, column.quantiles.high], axis=1).ravel()
        values = _interpolate(values, ends, np.repeat(column.quantiles.values, 2))
    else:
        values = values * column.deviation + column.mean
    if column.transform == "log":
        values = tf.sign(values) * tf.math.expm1(tf.abs(values))
    if column.decimals is None:
        return values
    # Printed and read, since optimised graphs multiply by 0.01 instead of dividing by 100.
    text = tf.strings.as_string(values, precision=column.decimals)
    return tf.strings.to_number(text, tf.float64)


def _interpolate(x: tf.Tensor, xs: np.ndarray, ys: np.ndarray) -> tf.Tensor:
    """`numpy.interp`: a piecewise linear function, constant beyond its ends; NaN stays NaN."""
    if len(xs) == 1:
        return tf.where(tf.math.is_nan(x), x, tf.constant(ys[0], x.dtype))
    # Of knots at the same place the last one counts, as in NumPy.
    right = tf.clip_by_value(
        tf.searchsorted(tf.constant(xs), _without_nan(x), side="right"), 1, len(xs) - 1
    )
    x0, x1 = tf.gather(xs, right - 1), tf.gather(xs, right)
    y0, y1 = tf.gather(ys, right - 1), tf.gather(ys, right)
    part = tf.math.divide_no_nan(x - x0, x1 - x0)
    return y0 + tf.clip_by_value(part, 0.0, 1.0) * (y1 - y0)


def _without_nan(x: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_nan(x), tf.zeros_like(x), x)


def _decode_count(column: Any, block: tf.Tensor) -> tf.Tensor:
    return tf.maximum(tf.round(block[:, 0]), 0)


# ---------------------------------------------------------------------- categories


def _codes(column: Any, cells: tf.Tensor) -> tf.Tensor:
    """The index of each category, float64, NaN if it is missing or unknown."""
    if column.is_text:
        keys = tf.constant([str(category) for category in column.categories])
        cells = tf.strings.strip(cells)
    else:
        keys = tf.constant(np.array(column.categories, np.float64))
    is_category = cells[:, None] == keys[None]
    codes = tf.cast(tf.argmax(is_category, axis=1), tf.float64)
    return tf.where(tf.reduce_any(is_category, axis=1), codes, tf.constant(np.nan, tf.float64))


def _categories(column: Any, codes: tf.Tensor) -> tf.Tensor:
    if column.is_text:
        values = tf.constant([str(category) for category in column.categories])
    else:
        values = tf.constant(np.array(column.categories, np.float64))
    return tf.gather(values, tf.cast(codes, tf.int32))


def _encode_categorical(column: Any, cells: tf.Tensor) -> tf.Tensor:
    codes = _codes(column, cells)[:, None]
    one_hot = tf.cast(codes == tf.range(column.width, dtype=tf.float64), tf.float64)
    return tf.where(tf.math.is_nan(codes), codes, one_hot)


def _encode_ordinal(column: Any, cells: tf.Tensor) -> tf.Tensor:
    return ((_codes(column, cells) - column.mean) / column.deviation)[:, None]


def _decode_ordinal(column: Any, block: tf.Tensor) -> tf.Tensor:
    codes = tf.round(block[:, 0] * column.deviation + column.mean)
    return _categories(column, tf.clip_by_value(codes, 0, len(column.categories) - 1))


# ---------------------------------------------------------------------- times


def _encode_time(column: Any, cells: tf.Tensor) -> tf.Tensor:
    micro = _parsed(cells, _is_time_of_day(column))
    number = (micro - column.origin) / UNITS[column.unit]
    parts = [(number - column.mean) / column.deviation]
    for cycle in column.cycles:
        angle = 2 * np.pi * _phase(micro, cycle)
        parts += [tf.sin(angle), tf.cos(angle)]
    return tf.stack(parts, axis=1)


def _decode_time(column: Any, block: tf.Tensor) -> tf.Tensor:
    number = block[:, 0] * column.deviation + column.mean
    micro = column.origin + number * UNITS[column.unit]
    if "time of day" in column.cycles:
        i = 1 + 2 * column.cycles.index("time of day")
        of_day = tf.math.floormod(tf.atan2(block[:, i], block[:, i + 1]) / (2 * np.pi), 1.0) * _DAY
        micro = tf.round((micro - of_day) / _DAY) * _DAY + of_day
    steps = tf.round((micro - column.origin) / column.resolution)
    return _printed(column, column.origin + steps * column.resolution)


def _is_time_of_day(column: Any) -> bool:
    return column.type.startswith("time") and not column.type.startswith("timestamp")


def _parsed(text: tf.Tensor, is_time_of_day: bool) -> tf.Tensor:
    """Microseconds since 1970 in UTC, float64, NaN for what is no time."""
    pattern = _TIME_OF_DAY if is_time_of_day else _ISO
    valid = tf.strings.regex_full_match(text, pattern)
    text = tf.where(valid, text, "00:00:00" if is_time_of_day else "1970-01-01")

    def part(group: int) -> tf.Tensor:
        digits = tf.strings.regex_replace(text, f"^{pattern}$", rf"\{group}")
        return tf.strings.to_number(tf.where(digits == "", "0", digits), tf.float64)

    if is_time_of_day:
        micro = ((part(1) * 60 + part(2)) * 60 + part(3)) * 1e6
    else:
        days = _days(part(1), part(2), part(3))
        is_west = tf.strings.regex_full_match(text, r".*-\d\d:?\d\d")
        zone = part(7) * 60 + tf.where(is_west, -part(8), part(8))
        zone = tf.where(tf.strings.length(text) > 10, zone, tf.zeros_like(zone))
        micro = (days * 86_400 + ((part(4) * 60 + part(5)) - zone) * 60 + part(6)) * 1e6
    return tf.where(valid, tf.round(micro), tf.constant(np.nan, tf.float64))


def _days(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Days since 1970 of a date in the Gregorian calendar, whose year here begins in March."""
    year = tf.where(month <= 2, year - 1, year)
    era = tf.floor(year / 400)
    of_era = year - era * 400
    of_year = tf.floor((153 * tf.math.floormod(month + 9, 12) + 2) / 5) + day - 1
    return (
        era * 146_097
        + of_era * 365
        + tf.floor(of_era / 4)
        - tf.floor(of_era / 100)
        + of_year
        - 719_468
    )


def _date(days: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The inverse of `_days`."""
    days = days + 719_468
    era = tf.floor(days / 146_097)
    of_era = days - era * 146_097
    year = tf.floor(
        (of_era - tf.floor(of_era / 1460) + tf.floor(of_era / 36_524) - tf.floor(of_era / 146_096))
        / 365
    )
    of_year = of_era - (365 * year + tf.floor(year / 4) - tf.floor(year / 100))
    month = tf.floor((5 * of_year + 2) / 153)
    day = of_year - tf.floor((153 * month + 2) / 5) + 1
    month = tf.where(month < 10, month + 3, month - 9)
    return year + era * 400 + tf.cast(month <= 2, tf.float64), month, day


def _phase(micro: tf.Tensor, cycle: str) -> tf.Tensor:
    if cycle == "time of day":
        return tf.math.floormod(micro / _DAY, 1.0)
    days = tf.floor(micro / _DAY)
    if cycle == "day of week":
        return tf.math.floormod(days + 3, 7.0) / 7
    return (_date(days)[1] - 1) / 12 + 0 * micro  # NaN where `micro` is


def _printed(column: Any, micro: tf.Tensor) -> tf.Tensor:
    """ISO 8601; of dates without the time of day."""

    def digits(number: tf.Tensor, width: int) -> tf.Tensor:
        return tf.strings.as_string(tf.cast(number, tf.int64), width=width, fill="0")

    days = tf.floor(micro / _DAY)
    seconds = tf.floor((micro - days * _DAY) / 1e6)
    clock = tf.strings.join(
        [
            digits(tf.math.floormod(tf.floor(seconds / 60**i), 60 if i < 2 else 24), 2)
            for i in (2, 1, 0)
        ],
        ":",
    )
    year, month, day = _date(days)
    date = tf.strings.join([digits(year, 4), digits(month, 2), digits(day, 2)], "-")
    if _is_time_of_day(column):
        return clock
    return date if column.type.startswith("date") else tf.strings.join([date, clock], " ")


_ENCODERS: dict[str, Callable[[Any, tf.Tensor], tf.Tensor]] = {
    "numeric": _encode_numeric,
    "count": lambda column, numbers: numbers[:, None],
    "binary": lambda column, cells: _codes(column, cells)[:, None],
    "categorical": _encode_categorical,
    "ordinal": _encode_ordinal,
    "time": _encode_time,
}
_DECODERS: dict[str, Callable[[Any, tf.Tensor], tf.Tensor]] = {
    "numeric": _decode_numeric,
    "count": _decode_count,
    "binary": lambda column, block: _categories(column, block[:, 0] >= 0.5),
    "categorical": lambda column, block: _categories(column, tf.argmax(block, axis=1)),
    "ordinal": _decode_ordinal,
    "time": _decode_time,
}
