"""Cells of a table in their own form: which are missing, and decoded values written like them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfae.tables.cells import Cells, as_numbers, is_text
from tfae.tables.columns import Column
from tfae.tables.reading.dialect import MISSING


def missing_as_null(cells: Any) -> Any:
    """Turns text that stands for a missing value into null."""
    import pyarrow as pa
    from pyarrow import compute

    missing = compute.is_in(cells, pa.array(MISSING))
    return compute.if_else(missing, pa.scalar(None, pa.string()), cells)


def numbers(cells: Any, name: str, where: Callable[[int], str], decimal: str) -> Any:
    """Converts text that holds numbers to an Arrow array of float64, null where one is missing."""
    import pyarrow as pa

    cells = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    values = as_numbers(Cells(cells, name, where, decimal))
    return pa.array(values, mask=np.isnan(values))


def like(values: Any, cells: Any, column: Column, decimal: str) -> Any:
    """Gives decoded values the type of the cells of their column and, in text, their form.

    Args:
        values: An Arrow array of decoded values.
        cells: The cells of the column as they stand in the file.
        column: The column of the schema.
        decimal: The decimal sign of numbers in text.
    """
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_dictionary(values.type):
        values = compute.cast(values, values.type.value_type)
    wanted = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
    if not is_text(wanted):
        if pa.types.is_floating(values.type) and pa.types.is_integer(wanted):
            values = compute.round(values)
        return compute.cast(values, wanted, safe=False)
    return compute.cast(as_text(values, column, decimal), wanted)


def as_text(values: Any, column: Column, decimal: str = ".") -> Any:
    """Returns decoded values as text, times in the form of their column."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_dictionary(values.type):
        values = compute.cast(values, values.type.value_type)
    if pa.types.is_timestamp(values.type):
        return compute.strftime(values, format=_time_format(column))
    text = compute.cast(values, pa.string())
    if decimal != "." and pa.types.is_floating(values.type):
        text = compute.replace_substring(text, ".", decimal)
    return text


def filled(cells: Any, values: Any, keep: np.ndarray) -> Any:
    """Returns the cells where `keep`, `(rows,)`, is true, and the values elsewhere."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_dictionary(cells.type):
        cells = compute.cast(cells, cells.type.value_type)
    return compute.if_else(pa.array(keep), cells, values)


def unknown_category(cells: Any, column: Any) -> np.ndarray:
    """Whether cells of a column of categories hold something, bool `(rows,)`.

    One that does but has no code is a category that the schema does not know, not a missing value.
    """
    from pyarrow import compute

    if not hasattr(column, "categories"):
        return np.zeros(len(cells), bool)
    null = missing_as_null(cells) if is_text(cells.type) else cells
    return compute.is_valid(null).to_numpy()


def _time_format(column: Any) -> str:
    day, second = 86_400_000_000, 1_000_000
    if column.format and "%" in column.format:
        return column.format
    if column.resolution % day == 0 and column.origin % day == 0:
        return "%Y-%m-%d"
    return "%Y-%m-%d %H:%M:%S" if column.resolution % second == 0 else "%Y-%m-%d %H:%M:%S.%f"
