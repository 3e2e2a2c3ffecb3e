"""The columns of a table of numbers, which a run takes as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfae.tables import Report
from tfae.tables.cells import Cells, as_numbers
from tfae.tables.columns import NumericColumn
from tfae.tables.reading import Rows

if TYPE_CHECKING:
    import pyarrow as pa


class PlainColumns:
    """The counterpart of `tfae.data.TableSchema` for columns of numbers that are left as they are.

    Args:
        names: The columns, in the order in which the model takes them.
    """

    def __init__(self, names: Sequence[str]):
        self.column_names = tuple(names)
        self.columns = [NumericColumn(name) for name in names]
        for i, column in enumerate(self.columns):
            column.start = i
        self.left_out: dict[str, str] = {}

    def encode_part(self, part: Rows, report: Report, decimal: str = ".") -> np.ndarray:
        """Returns the numbers of some rows, float32 `(rows, columns)`, NaN where one is missing."""
        report.rows += part.columns.num_rows
        x = np.empty((part.columns.num_rows, len(self.columns)), np.float32)
        for i, name in enumerate(self.column_names):
            array = part.columns.column(name).combine_chunks()
            with np.errstate(over="ignore"):
                x[:, i] = as_numbers(Cells(array, name, part.where, decimal))
        return x

    def decode(self, values: np.ndarray) -> pa.Table:
        """Returns numbers `(rows, columns)` as a table."""
        import pyarrow as pa

        return pa.table(list(values.T), names=list(self.column_names))
