"""Numbers by their rank: as normal scores, whatever their distribution."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

MOST_KNOTS = 500
_PLATEAU = 0.98  # the part of its ranks on which a frequent value stays


class Quantiles(NamedTuple):
    """A monotone, piecewise linear map of numbers to normal scores, and back.

    A score is the quantile of the standard normal distribution at a number's rank. A value that
    occurs often takes a range of ranks: its score is the middle of that range, and every score in
    the range maps back to it.

    Attributes:
        values: Increasing numbers.
        low, high: The range of scores of each; both are equal for values that are not frequent.
    """

    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, sample: np.ndarray) -> Quantiles:
        """Makes the map of a sample `(n,)` of at least one number."""
        n = len(sample)
        values, counts = np.unique(sample, return_counts=True)
        ends = np.cumsum(counts) / n
        starts = ends - counts / n
        middle = (starts + ends) / 2
        if len(values) > MOST_KNOTS:
            # Frequent values, and of the others those next to evenly spaced ranks.
            near = np.searchsorted(middle, np.linspace(0, 1, MOST_KNOTS // 2))
            frequent = np.argsort(-counts, kind="stable")[: MOST_KNOTS // 4]
            frequent = frequent[counts[frequent] > 2 * n / MOST_KNOTS]
            kept = np.unique(np.clip([0, len(values) - 1, *near, *frequent], 0, len(values) - 1))
            is_frequent = np.isin(kept, frequent)
        else:
            kept, is_frequent = np.arange(len(values)), counts > 1
        half = _PLATEAU * np.where(is_frequent, (ends - starts)[kept] / 2, 0.0)
        limits = 0.5 / n, 1 - 0.5 / n
        low, high = (
            [NormalDist().inv_cdf(p) for p in np.clip(middle[kept] + side * half, *limits)]
            for side in (-1, 1)
        )
        return cls(tuple(values[kept].tolist()), tuple(low), tuple(high))

    @property
    def scores(self) -> np.ndarray:
        """The score of each of the `values`."""
        return (np.array(self.low) + np.array(self.high)) / 2

    def to_scores(self, numbers: np.ndarray, deviation: float) -> np.ndarray:
        """Maps numbers to scores; beyond the ends they grow by one per standard deviation."""
        values = np.array(self.values)
        beyond = np.maximum(numbers - values[-1], 0) + np.minimum(numbers - values[0], 0)
        return np.interp(numbers, values, self.scores) + beyond / deviation

    def from_scores(self, scores: np.ndarray) -> np.ndarray:
        """Maps scores to numbers between the least and the largest of the `values`."""
        ends = np.stack([self.low, self.high], axis=1).ravel()
        return np.interp(scores, ends, np.repeat(self.values, 2))


class Sample:
    """A random sample of bounded size of numbers that come in parts, the same in every run.

    Args:
        size: How many numbers are kept.
    """

    def __init__(self, size: int = 50_000):
        self._size, self._rng = size, np.random.default_rng(0)
        self._numbers, self._keys = np.empty(0), np.empty(0)

    def add(self, numbers: np.ndarray) -> None:
        """Adds float64 `(n,)`."""
        # Each number gets a random key, and those with the smallest keys stay.
        self._numbers = np.concatenate([self._numbers, numbers])
        self._keys = np.concatenate([self._keys, self._rng.random(len(numbers))])
        if len(self._keys) > self._size:
            kept = np.argpartition(self._keys, self._size)[: self._size]
            self._numbers, self._keys = self._numbers[kept], self._keys[kept]

    @property
    def numbers(self) -> np.ndarray:
        return self._numbers


def from_config(config: Sequence[Sequence[float]] | None) -> Quantiles | None:
    """Makes quantiles of three lists, or of `None`.

    Raises:
        ValueError: If they are not lists of equally many finite numbers in order.
    """
    if config is None:
        return None
    try:
        parts = np.array(config, np.float64)
    except (TypeError, ValueError):
        parts = np.empty(0)
    is_right = parts.ndim == 2 and len(parts) == 3 and parts.size and np.isfinite(parts).all()
    if not is_right or (np.diff(parts) < 0).any():
        raise ValueError("`quantiles` must be three lists of equally many numbers, in order.")
    return Quantiles(*(tuple(part.tolist()) for part in parts))
