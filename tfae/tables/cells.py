"""Turns the cells of a column, whatever their Arrow type, into numbers, or says which is wrong.

All of it works on float64 with NaN for missing values: times are microseconds since 1970, which
float64 holds exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfae.tables.reading.dialect import MISSING_NUMBERS

if TYPE_CHECKING:
    import pyarrow as pa

ISO = "ISO 8601"
"""Dates and times such as 2014-07-01, 2014-07-01 14:30 and 2014-07-01T14:30:00.5Z."""


class Cells(NamedTuple):
    """Some cells of a column.

    Attributes:
        array: Their values.
        name: The column's name.
        where: Gives the place of a cell, such as "data.csv, line 12".
        decimal: The decimal sign of numbers in text.
    """

    array: pa.Array
    name: str
    where: Callable[[int], str]
    decimal: str = "."

    def wrong(self, row: int, problem: str) -> WrongCellError:
        """The error that says what is wrong with a cell."""
        value = self.array[row].as_py()
        return WrongCellError(
            f"{self.where(row)}: column {self.name!r} holds {shortened(value)}, {problem}"
        )


class WrongCellError(ValueError):
    """A cell cannot be read as what its column holds."""


def shortened(value: Any) -> str:
    """`repr` of a value, cut off if it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:56] + "...'"


def as_numbers(cells: Cells) -> np.ndarray:
    """Numbers, booleans, durations, and text that holds numbers, as float64 `(rows,)`.

    Raises:
        WrongCellError: If a cell is not a number, or is infinite.
    """
    import pyarrow as pa
    from pyarrow import compute

    array = cells.array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if is_text(kind):
        array = _text_as_numbers(cells._replace(array=array))
    elif pa.types.is_duration(kind):
        array = compute.cast(array, pa.int64())
    elif not (is_number_type(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise ValueError(
            f"Column {cells.name!r} of {_table_of(cells)} holds {kind}, but numbers are expected. "
            "Convert it."
        )
    if pa.types.is_boolean(array.type):
        array = compute.cast(array, pa.int8())
    values = compute.cast(array, pa.float64(), safe=False)
    numbers = values.to_numpy(zero_copy_only=False)
    infinite = np.isinf(numbers)
    if infinite.any():
        row = int(infinite.argmax())
        raise cells.wrong(row, "which is not a finite number. Correct it or leave it empty.")
    return numbers


def as_microseconds(cells: Cells, time_format: str | None = None) -> np.ndarray:
    """Dates, times and text that holds them, as float64 `(rows,)` of microseconds since 1970.

    Args:
        cells: The cells.
        time_format: The format of times in text: `ISO` or one of `strptime`; `None` means `ISO`.

    Raises:
        WrongCellError: If a cell is not a time.
    """
    import pyarrow as pa
    from pyarrow import compute

    array = cells.array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if is_text(kind):
        array = _text_as_times(cells._replace(array=array), time_format or ISO)
    elif pa.types.is_time(kind):
        array = compute.cast(array, pa.time64("us"), safe=False)
    elif not (pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_null(kind)):
        raise ValueError(
            f"Column {cells.name!r} of {_table_of(cells)} holds {kind}, but dates or times are "
            "expected. Convert it."
        )
    if not pa.types.is_time(array.type):
        array = compute.cast(array, pa.timestamp("us", getattr(array.type, "tz", None)), safe=False)
    values = compute.cast(compute.cast(array, pa.int64()), pa.float64(), safe=False)
    return values.to_numpy(zero_copy_only=False)


def as_text(cells: Cells) -> pa.Array:
    """Text and categories of text as an Arrow array of strings; numbers as they are written."""
    import pyarrow as pa
    from pyarrow import compute

    array = cells.array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_nested(array.type) or pa.types.is_binary(array.type):
        raise ValueError(
            f"Column {cells.name!r} of {_table_of(cells)} holds {array.type}, but text is expected."
        )
    return compute.cast(array, pa.string())


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type is text."""
    import pyarrow as pa

    views = pa.types.is_string_view(kind) if hasattr(pa.types, "is_string_view") else False
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or views


def is_number_type(kind: pa.DataType) -> bool:
    """Whether an Arrow type is an integer, a float or a decimal number."""
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _text_as_numbers(cells: Cells) -> pa.Array:
    import pyarrow as pa
    from pyarrow import compute

    array = compute.cast(cells.array, pa.string())
    if cells.decimal == ",":
        array = compute.replace_substring(array, ",", ".")
    try:
        return compute.cast(array, pa.float64())
    except pa.ArrowInvalid:
        pass
    array = compute.utf8_trim_whitespace(array)
    missing = pa.array(["", *MISSING_NUMBERS])
    array = compute.if_else(compute.is_in(array, missing), pa.scalar(None, pa.string()), array)
    array = compute.replace_substring_regex(array, r"^\+", "")
    row = first_failure(array, lambda some: compute.cast(some, pa.float64()))
    if row is not None:
        raise cells.wrong(
            row,
            "which is not a number. Correct the cell, or leave it empty if the value is missing; "
            f"if the column holds categories, pass kinds={{{cells.name!r}: 'categorical'}} to "
            "TableSchema.infer.",
        )
    return compute.cast(array, pa.float64())


def _text_as_times(cells: Cells, time_format: str) -> pa.Array:
    import pyarrow as pa
    from pyarrow import compute

    array = compute.cast(cells.array, pa.string())
    try:
        return _parsed(array, time_format)
    except pa.ArrowInvalid:
        pass
    array = compute.utf8_trim_whitespace(array)
    missing = pa.array(["", *MISSING_NUMBERS])
    array = compute.if_else(compute.is_in(array, missing), pa.scalar(None, pa.string()), array)
    row = first_failure(array, lambda some: _parsed(some, time_format))
    if row is not None:
        raise cells.wrong(
            row,
            f"which is not a time in the format {time_format}. Correct the cell, or leave it empty "
            f"if the value is missing; formats={{{cells.name!r}: '%d.%m.%Y'}} sets the format.",
        )
    return _parsed(array, time_format)


def _parsed(array: pa.Array, time_format: str) -> pa.Array:
    """Raises `pa.ArrowInvalid` if any text does not have this format."""
    import pyarrow as pa
    from pyarrow import compute

    if time_format != ISO:
        return compute.strptime(array, format=time_format, unit="us")
    try:
        return compute.cast(array, pa.timestamp("us"))
    except pa.ArrowInvalid:
        return compute.cast(array, pa.timestamp("us", "UTC"))


def first_failure(array: pa.Array, convert: Callable[[pa.Array], Any]) -> int | None:
    """Returns the first row at which `convert` fails, found by halving; `None` if none does."""
    import pyarrow as pa

    def fails(some: pa.Array) -> bool:
        try:
            convert(some)
        except pa.ArrowInvalid:
            return True
        return False

    if not fails(array):
        return None
    first, last = 0, len(array)  # the first failure lies in [first, last)
    while last - first > 1:
        middle = (first + last) // 2
        if fails(array.slice(first, middle - first)):
            last = middle
        else:
            first = middle
    return first


def _table_of(cells: Cells) -> str:
    return cells.where(0).rsplit(", ", 1)[0] if ", " in cells.where(0) else "the table"
