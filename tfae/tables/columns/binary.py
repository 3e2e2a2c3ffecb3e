"""One of two values."""

import numpy as np

from tfae.tables.columns.categories import ChoiceColumn


class BinaryColumn(ChoiceColumn):
    """One of two values: 0 for the first, 1 for the second."""

    kind = "binary"
    default_likelihood = "bernoulli"

    def encode(self, values: np.ndarray) -> np.ndarray:
        return values.astype(np.float32)[:, None]

    def decode(self, block: np.ndarray) -> np.ndarray:
        values = block[:, 0].astype(np.float64)
        return np.where(np.isnan(values), np.nan, values >= 0.5)
