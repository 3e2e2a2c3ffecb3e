"""Counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfae.arguments import non_negative
from tfae.tables.cells import Cells, as_numbers
from tfae.tables.columns.column import Column
from tfae.tables.encoding_report import Report

if TYPE_CHECKING:
    import pyarrow as pa


class CountColumn(Column):
    """Whole numbers from 0 on, left as they are: the likelihoods of counts need them unscaled.

    A network should see their logarithm, `log(1 + count)`, rather than the counts.

    Args:
        name, type, likelihood, missing, note: See `Column`.
        mean: Of the training values.
    """

    kind = "count"
    default_likelihood = "negative_binomial"

    def __init__(
        self,
        name: str,
        type: str = "int64",
        likelihood: Any = None,
        missing: float = 0.0,
        note: str = "",
        mean: float = 1.0,
    ):
        super().__init__(name, type, likelihood, missing, note)
        self.mean = non_negative("mean", mean)

    def encode(self, values: np.ndarray) -> np.ndarray:
        return values.astype(np.float32)[:, None]

    def decode(self, block: np.ndarray) -> np.ndarray:
        return np.maximum(np.rint(block[:, 0].astype(np.float64)), 0)

    def read(self, cells: Cells, report: Report) -> np.ndarray:
        values = as_numbers(cells)
        wrong = (values < 0) | (values != np.rint(values)) & ~np.isnan(values)
        if wrong.any():
            raise cells.wrong(
                int(wrong.argmax()),
                "but it is a column of counts: whole numbers from 0 on. Correct the cell, or pass "
                f"kinds={{{self.name!r}: 'numeric'}} to TableSchema.infer.",
            )
        return values

    def write(self, values: np.ndarray) -> pa.Array:
        return self._as_type(values)

    def describe(self) -> str:
        return f"mean {self.mean:.4g}"

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean}
