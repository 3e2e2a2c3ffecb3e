"""Numbers on a scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tfae.arguments import number, positive, whole_number_or_none
from tfae.tables.cells import Cells, as_numbers
from tfae.tables.columns.column import Column
from tfae.tables.columns.quantiles import from_config
from tfae.tables.encoding_report import Report

if TYPE_CHECKING:
    import pyarrow as pa

TRANSFORMS = ("log", "quantile")


class NumericColumn(Column):
    """Numbers, standardised: one float32 of mean 0 and standard deviation 1 in training.

    Args:
        name, type, likelihood, missing, note: See `Column`.
        mean, deviation: Of the training values, transformed if there is a transform.
        decimals: Number of decimals to which decoded values are rounded, as in training; `None`
            for no rounding.
        transform: `None`; or "log": `sign(x) * log(1 + abs(x))`, for values of many magnitudes; or
            "quantile": normal scores of their ranks, for values of any distribution.
        quantiles: Of the training values, for "quantile".
    """

    kind = "numeric"
    default_likelihood: ClassVar = {"name": "gaussian", "scale": "learned", "min_scale": 0.01}

    def __init__(
        self,
        name: str,
        type: str = "double",
        likelihood: Any = None,
        missing: float = 0.0,
        note: str = "",
        mean: float = 0.0,
        deviation: float = 1.0,
        decimals: int | None = None,
        transform: str | None = None,
        quantiles: Sequence[Sequence[float]] | None = None,
    ):
        super().__init__(name, type, likelihood, missing, note)
        self.mean, self.deviation = number("mean", mean), positive("deviation", deviation)
        self.decimals = whole_number_or_none("decimals", decimals, minimum=0)
        if transform is not None and transform not in TRANSFORMS:
            raise ValueError(f"`transform` must be one of {TRANSFORMS} or None; not {transform!r}.")
        self.transform, self.quantiles = transform, from_config(quantiles)

    def encode(self, values: np.ndarray) -> np.ndarray:
        if self.quantiles is not None:
            scores = self.quantiles.to_scores(values, self.deviation)
            return scores.astype(np.float32)[:, None]
        standardised = (transformed(values, self.transform) - self.mean) / self.deviation
        return standardised.astype(np.float32)[:, None]

    def decode(self, block: np.ndarray) -> np.ndarray:
        values = block[:, 0].astype(np.float64)
        if self.quantiles is not None:
            values = self.quantiles.from_scores(values)
        else:
            values = values * self.deviation + self.mean
        if self.transform == "log":
            values = np.sign(values) * np.expm1(np.abs(values))
        return values if self.decimals is None else np.round(values, self.decimals)

    def read(self, cells: Cells, report: Report) -> np.ndarray:
        return as_numbers(cells)

    def write(self, values: np.ndarray) -> pa.Array:
        return self._as_type(values)

    def describe(self) -> str:
        if self.quantiles is not None:
            low, high = self.quantiles.values[0], self.quantiles.values[-1]
            return f"by rank, from {low:.4g} to {high:.4g}"
        of = "of the logarithm " if self.transform else ""
        return f"mean {of}{self.mean:.4g}, standard deviation {self.deviation:.4g}"

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mean": self.mean,
            "deviation": self.deviation,
            "decimals": self.decimals,
            "transform": self.transform,
            "quantiles": None if self.quantiles is None else [list(p) for p in self.quantiles],
        }


def transformed(values: np.ndarray, transform: str | None) -> np.ndarray:
    """Applies a transform of `TRANSFORMS`, or none."""
    return np.sign(values) * np.log1p(np.abs(values)) if transform == "log" else values
