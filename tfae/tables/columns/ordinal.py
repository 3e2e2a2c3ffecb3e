"""One of several values in an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tfae.arguments import number, positive
from tfae.tables.columns.categories import ChoiceColumn


class OrdinalColumn(ChoiceColumn):
    """One of several values in an order: its number in that order, standardised.

    Args:
        name, type, likelihood, missing, note, categories: See `ChoiceColumn`.
        mean, deviation: Of the numbers in training, which count from 0.
    """

    kind = "ordinal"
    default_likelihood: ClassVar = {"name": "gaussian", "scale": "learned", "min_scale": 0.01}

    def __init__(
        self,
        name: str,
        type: str = "string",
        likelihood: Any = None,
        missing: float = 0.0,
        note: str = "",
        categories: Sequence[Any] = (),
        mean: float = 0.0,
        deviation: float = 1.0,
    ):
        super().__init__(name, type, likelihood, missing, note, categories)
        self.mean, self.deviation = number("mean", mean), positive("deviation", deviation)

    def encode(self, values: np.ndarray) -> np.ndarray:
        return ((values - self.mean) / self.deviation).astype(np.float32)[:, None]

    def decode(self, block: np.ndarray) -> np.ndarray:
        codes = block[:, 0].astype(np.float64) * self.deviation + self.mean
        return np.clip(np.rint(codes), 0, len(self.categories) - 1)

    def describe(self) -> str:
        return super().describe().replace(", ", " < ")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "deviation": self.deviation}
