"""What one pass over a column keeps: statistics of bounded size."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import numpy as np

from tfae.tables.columns.numeric import transformed
from tfae.tables.columns.quantiles import Sample
from tfae.tables.columns.time import CYCLES, phase

if TYPE_CHECKING:
    import pyarrow as pa

MOST_VALUES = 10_000
"""Most different values of a column that are counted one by one; beyond that, only the fact."""

_MOST_DECIMALS = 6


class Moments:
    """Count, mean and variance of numbers that come in parts.

    Reference:
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
        variances", 1979.
    """

    def __init__(self):
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, values: np.ndarray) -> None:
        if not len(values):
            return
        with np.errstate(over="ignore"):
            mean, total = float(values.mean()), self.count + len(values)
        difference = mean - self.mean
        with np.errstate(over="ignore"):
            self._squares += float(np.square(values - mean).sum())
        self._squares += difference * difference * (self.count * len(values) / total)
        self.mean += difference * (len(values) / total)
        self.count = total

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return float(np.sqrt(self._squares / self.count)) if self.count else 0.0


class Values:
    """How often each value occurs, as long as there are not too many."""

    def __init__(self):
        self.counts: collections.Counter = collections.Counter()
        self.is_full = False
        self._seen = 0

    def add(self, values: list, counts: list[int]) -> None:
        """Adds different values and how often each occurs."""
        if self.is_full:
            return
        self._seen += sum(counts)
        for value, count in zip(values, counts, strict=True):
            self.counts[value] += count
        self.is_full = len(self.counts) > MOST_VALUES

    @property
    def are_all_different(self) -> bool:
        """Whether no value occurred twice, as far as values were counted."""
        return len(self.counts) == self._seen > 0


class Tally:
    """Base: how many values there are, and how many are missing."""

    def __init__(self):
        self.missing = self.present = 0

    @property
    def rows(self) -> int:
        return self.missing + self.present


class NumberTally(Tally):
    """Of a column of numbers.

    Args:
        transform: A transform that is applied before the moments are taken.

    Attributes:
        moments: Of the transformed numbers.
        sample: Of the numbers, for the transform "quantile".
        values: The values that occur.
        low, high: The smallest and the largest.
        zeros: How many are 0.
        decimals: Number of decimals that all have at most; `None` if some have more than a few.
        are_steps_of_one: Whether each is one more than the one before.
    """

    def __init__(self, transform: str | None = None):
        super().__init__()
        self.transform, self.moments, self.values = transform, Moments(), Values()
        self.low, self.high, self.zeros = np.inf, -np.inf, 0
        self.sample = Sample() if transform == "quantile" else None
        self.decimals: int | None = 0
        self.are_steps_of_one, self._last = True, np.nan

    def add(self, numbers: np.ndarray) -> None:
        """Adds float64 `(rows,)`, NaN where missing."""
        present = numbers[~np.isnan(numbers)]
        self.present += len(present)
        self.missing += len(numbers) - len(present)
        if not len(present):
            return
        self.moments.add(transformed(present, self.transform))
        if self.sample is not None:
            self.sample.add(present)
        self.low = min(self.low, float(present.min()))
        self.high = max(self.high, float(present.max()))
        self.zeros += int((present == 0).sum())
        while self.decimals is not None and (np.round(present, self.decimals) != present).any():
            self.decimals = self.decimals + 1 if self.decimals < _MOST_DECIMALS else None
        if self.are_steps_of_one:
            steps = (
                np.diff(present) if np.isnan(self._last) else np.diff(present, prepend=self._last)
            )
            self.are_steps_of_one = bool((steps == 1).all())
            self._last = present[-1]
        if not self.values.is_full:
            values, counts = np.unique(present, return_counts=True)
            self.values.add(values.tolist(), counts.tolist())

    @property
    def are_whole(self) -> bool:
        """Whether all are integers."""
        return self.decimals == 0

    @property
    def is_permutation(self) -> bool:
        """Whether they are consecutive integers, in any order, as far as their moments tell."""
        if not self.are_whole or self.transform or self.high - self.low + 1 != self.present:
            return False
        deviation = np.sqrt((self.present**2 - 1) / 12)
        middle = (self.low + self.high) / 2
        return bool(
            np.isclose(self.moments.deviation, deviation, rtol=1e-9)
            and abs(self.moments.mean - middle) <= 1e-9 * max(1, abs(middle))
        )


class TextTally(Tally):
    """Of a column of text.

    Attributes:
        values: The values that occur.
    """

    def __init__(self):
        super().__init__()
        self.values = Values()

    def add(self, texts: pa.Array) -> None:
        """Adds an array of strings, null where missing."""
        from pyarrow import compute

        self.missing += texts.null_count
        self.present += len(texts) - texts.null_count
        if not self.values.is_full:
            counts = compute.value_counts(texts.drop_null())
            self.values.add(counts.field(0).to_pylist(), counts.field(1).to_pylist())


class TimeTally(Tally):
    """Of a column of times, in microseconds.

    Attributes:
        low, high: The earliest and the latest.
        resolution: The largest step of which all their differences are multiples.
        cycles: The cyclic parts that vary.
    """

    def __init__(self):
        super().__init__()
        self.low, self.high, self.resolution = np.inf, -np.inf, 0
        self._seconds, self._first = Moments(), np.nan
        self._phases: dict[str, tuple[float, float]] = dict.fromkeys(CYCLES, (np.inf, -np.inf))

    def add(self, times: np.ndarray) -> None:
        """Adds float64 `(rows,)` of microseconds since 1970, NaN where missing."""
        present = times[~np.isnan(times)]
        self.present += len(present)
        self.missing += len(times) - len(present)
        if not len(present):
            return
        if np.isnan(self._first):
            self._first = float(present[0])
        since_first = present - self._first
        self._seconds.add(since_first / 1e6)
        self.low = min(self.low, float(present.min()))
        self.high = max(self.high, float(present.max()))
        self.resolution = int(np.gcd(np.gcd.reduce(since_first.astype(np.int64)), self.resolution))
        for cycle, (low, high) in self._phases.items():
            phases = phase(present, cycle)
            self._phases[cycle] = min(low, float(phases.min())), max(high, float(phases.max()))

    @property
    def cycles(self) -> tuple[str, ...]:
        return tuple(cycle for cycle, (low, high) in self._phases.items() if high > low)

    def moments(self, unit: int) -> tuple[float, float]:
        """Mean and standard deviation of the times since the earliest, in units of microseconds."""
        mean = self._seconds.mean * 1e6 + (self._first - self.low)
        return mean / unit, self._seconds.deviation * 1e6 / unit
