"""One of several values without an order."""

import numpy as np

from tfae.tables.columns.categories import ChoiceColumn


class CategoricalColumn(ChoiceColumn):
    """One of several values without an order: one-hot, and NaN in the whole block if missing."""

    kind = "categorical"
    default_likelihood = "categorical"

    @property
    def elements(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={category}" for category in self.categories)

    @property
    def width(self) -> int:
        return len(self.categories)

    def encode(self, values: np.ndarray) -> np.ndarray:
        block = np.zeros((len(values), self.width), np.float32)
        is_missing = np.isnan(values)
        block[np.arange(len(values)), np.where(is_missing, 0, values).astype(np.int64)] = 1
        block[is_missing] = np.nan
        return block

    def decode(self, block: np.ndarray) -> np.ndarray:
        is_missing = np.isnan(block).any(axis=1)
        codes = np.where(is_missing[:, None], 0, block).argmax(axis=1)
        return np.where(is_missing, np.nan, codes)
