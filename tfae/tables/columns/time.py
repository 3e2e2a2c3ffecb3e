"""Dates and times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tfae.arguments import number, positive, whole_number
from tfae.tables.arrow_types import type_named
from tfae.tables.cells import Cells, as_microseconds
from tfae.tables.columns.column import Column
from tfae.tables.encoding_report import Report

if TYPE_CHECKING:
    import pyarrow as pa

UNITS = {"days": 86_400_000_000, "hours": 3_600_000_000, "minutes": 60_000_000, "seconds": 10**6}
"""Units of time, in microseconds."""

CYCLES = ("time of day", "day of week", "month")
"""Parts of a time that recur."""

_DAY = UNITS["days"]


class TimeColumn(Column):
    """Dates and times: a number of days, hours, minutes or seconds, and cyclic parts.

    The number counts from the earliest time of the training data, and is standardised. Each cyclic
    part is a sine and a cosine. Times with a zone are in UTC.

    A decoded time takes its day from the number and its time of day from the cyclic part, and is
    rounded to the resolution of the training data.

    Args:
        name, type, likelihood, missing, note: See `Column`.
        origin: The earliest time of the training data, in microseconds since 1970.
        unit: What the number counts, a key of `UNITS`.
        mean, deviation: Of that number in training.
        cycles: The cyclic parts, out of `CYCLES`.
        resolution: Microseconds of which all times since the origin were whole multiples.
        format: The format of times in text: "ISO 8601", or one of `strptime`.
    """

    kind = "time"
    default_likelihood: ClassVar = {"name": "gaussian", "scale": "learned", "min_scale": 0.01}

    def __init__(
        self,
        name: str,
        type: str = "timestamp[us]",
        likelihood: Any = None,
        missing: float = 0.0,
        note: str = "",
        origin: int = 0,
        unit: str = "days",
        mean: float = 0.0,
        deviation: float = 1.0,
        cycles: Sequence[str] = (),
        resolution: int = 1,
        format: str | None = None,
    ):
        super().__init__(name, type, likelihood, missing, note)
        self.origin = whole_number("origin", origin, minimum=-(2**63) + 1)
        self.mean, self.deviation = number("mean", mean), positive("deviation", deviation)
        self.resolution = whole_number("resolution", resolution, minimum=1)
        self.unit, self.cycles, self.format = unit, tuple(cycles), format
        if unit not in UNITS:
            raise ValueError(f"`unit` must be one of {', '.join(UNITS)}; received {unit!r}.")
        if not set(self.cycles) <= set(CYCLES):
            raise ValueError(f"`cycles` must be out of {CYCLES}; received {self.cycles}.")
        if format is not None and not isinstance(format, str):
            raise ValueError(f"`format` must be text or None; received {format!r}.")

    @property
    def elements(self) -> tuple[str, ...]:
        parts = [f"{self.name}: {cycle}, {f}" for cycle in self.cycles for f in ("sine", "cosine")]
        return (f"{self.name}: {self.unit}", *parts)

    def encode(self, values: np.ndarray) -> np.ndarray:
        number = (values - self.origin) / UNITS[self.unit]
        parts = [(number - self.mean) / self.deviation]
        for cycle in self.cycles:
            angle = 2 * np.pi * phase(values, cycle)
            parts += [np.sin(angle), np.cos(angle)]
        return np.stack(parts, axis=1).astype(np.float32)

    def decode(self, block: np.ndarray) -> np.ndarray:
        block = block.astype(np.float64)
        number = block[:, 0] * self.deviation + self.mean
        values = self.origin + number * UNITS[self.unit]
        if "time of day" in self.cycles:
            i = 1 + 2 * self.cycles.index("time of day")
            of_day = np.arctan2(block[:, i], block[:, i + 1]) / (2 * np.pi) % 1 * _DAY
            values = np.round((values - of_day) / _DAY) * _DAY + of_day
        steps = np.round((values - self.origin) / self.resolution)
        return self.origin + steps * self.resolution

    def read(self, cells: Cells, report: Report) -> np.ndarray:
        return as_microseconds(cells, self.format)

    def write(self, values: np.ndarray) -> pa.Array:
        import pyarrow as pa
        from pyarrow import compute

        is_missing = np.isnan(values)
        micro = pa.array(np.where(is_missing, 0, values).astype(np.int64), mask=is_missing)
        wanted = type_named(self.type)
        if pa.types.is_time(wanted):
            of_day = compute.cast(micro, pa.timestamp("us"))
            return compute.cast(of_day, wanted, safe=False)
        zone = getattr(wanted, "tz", None)
        return compute.cast(compute.cast(micro, pa.timestamp("us", zone)), wanted, safe=False)

    def describe(self) -> str:
        start = np.datetime64(int(self.origin), "us").astype("datetime64[s]")
        cyclic = f"; {', '.join(self.cycles)}" if self.cycles else ""
        return f"{self.unit} since {str(start).replace('T', ' ').removesuffix(' 00:00:00')}{cyclic}"

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "origin": self.origin,
            "unit": self.unit,
            "mean": self.mean,
            "deviation": self.deviation,
            "cycles": list(self.cycles),
            "resolution": self.resolution,
            "format": self.format,
        }


def phase(values: np.ndarray, cycle: str) -> np.ndarray:
    """Returns how far times are into a cycle, in [0, 1).

    Args:
        values: Microseconds since 1970, NaN where missing.
        cycle: One of `CYCLES`. The week begins on Monday.
    """
    if cycle == "time of day":
        return values / _DAY % 1
    days = np.floor(values / _DAY)
    if cycle == "day of week":
        return (days + 3) % 7 / 7  # 1970 began on a Thursday
    is_missing = np.isnan(days)
    months = np.where(is_missing, 0, days).astype("datetime64[D]").astype("datetime64[M]")
    return np.where(is_missing, np.nan, months.astype(np.int64) % 12 / 12)
