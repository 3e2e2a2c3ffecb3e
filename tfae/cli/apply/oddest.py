"""The examples with the highest anomaly scores."""

from __future__ import annotations

import heapq
import math
from typing import Any, NamedTuple

from tfae.cli.apply.reader import Part, Reader
from tfae.cli.apply.verbs import Result

_SHOWN = 10


class Odd(NamedTuple):
    """An example with a high score.

    Attributes:
        order: What it is sorted by: its score, then its position.
        place: Its row, line or path.
        score: Its anomaly score.
        worst_column: The column that contributes most to it, or `None`.
        is_anomaly: Whether it is above the threshold; `None` without one.
    """

    order: tuple[float, int]
    place: Any
    score: float
    worst_column: Any
    is_anomaly: bool | None


class Oddest:
    """Keeps the ten examples with the highest scores, and counts the anomalies."""

    def __init__(self) -> None:
        self._heap: list[Odd] = []
        self.anomalies = 0

    def watch(self, reader: Reader, part: Part, result: Result) -> None:
        """Looks at the scores of a part of the data."""
        score = result.columns["anomaly_score"]
        is_anomaly = result.columns.get("is_anomaly")
        worst = result.columns.get("worst_column")
        self.anomalies += 0 if is_anomaly is None else int(is_anomaly.sum())
        for i in (-score).argsort(kind="stable")[:_SHOWN].tolist():
            order = (math.inf if score[i] != score[i] else float(score[i]), -(part.first + i))
            if len(self._heap) == _SHOWN and order < self._heap[0].order:
                continue
            odd = Odd(
                order,
                reader.place_of(part, i),
                float(score[i]),
                None if worst is None else worst[i],
                None if is_anomaly is None else bool(is_anomaly[i]),
            )
            keep = heapq.heappush if len(self._heap) < _SHOWN else heapq.heappushpop
            keep(self._heap, odd)

    def rows(self) -> list[Odd]:
        """Returns them, the oddest first."""
        return sorted(self._heap, key=lambda odd: odd.order, reverse=True)
