"""Decides from a column's tally what kind of column it is, or why it is left out."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from tfae.tables.cells import ISO
from tfae.tables.columns import (
    BinaryColumn,
    CategoricalColumn,
    Column,
    CountColumn,
    NumericColumn,
    OrdinalColumn,
    TimeColumn,
)
from tfae.tables.columns.quantiles import Quantiles
from tfae.tables.columns.time import UNITS
from tfae.tables.inference.guess import AMBIGUOUS
from tfae.tables.inference.scan import Scan
from tfae.tables.inference.tally import MOST_VALUES, NumberTally, TextTally, TimeTally

_ID = re.compile(
    r"(.*[_\W])?(id|ids|uid|uuid|guid|zip|zip_?codes?|postcodes?|customer|user|account|patient"
    r"|person|subject)\d*|.*[a-z](Id|ID)",
    re.IGNORECASE,
)
_ROW_NAME = re.compile(
    r"(.*[_\W])?(key|index|idx|rownames?|row|unnamed: 0|nr|no|code)\d*|.*[a-z](Key|Index|Code)",
    re.IGNORECASE,
)
_OF_TIME = re.compile(
    r"(.*[_\W])?(year|yr|month|week|day|hour|minute|time|date|age)s?", re.IGNORECASE
)
_FIRST = ("false", "f", "no", "n", "off", "0", "-", "negative", "absent", "female", "dead")
_MOST_LEVELS = 12  # of an ordinal column of integers
_HEAVY_TAIL = 10  # standard deviations from the mean


class LeftOut(NamedTuple):
    """Why a column is not part of a schema."""

    reason: str


def decide(scan: Scan) -> Column | LeftOut:
    """Makes the column from what was tallied.

    Raises:
        ValueError: If the kind that was asked for does not fit what the column holds.
    """
    name, wanted, tally = scan.name, scan.wanted, scan.tally
    if scan.problem:
        return LeftOut(scan.problem)
    if tally is None or not tally.present:
        return _only_if_ignored(scan, "is empty: every value is missing")
    if scan.content == AMBIGUOUS:
        return LeftOut(
            f"holds dates such as {scan.sample[0]!r}; formats={{{name!r}: '%d/%m/%Y'}} (or "
            "'%m/%d/%Y') says whether the day or the month comes first"
        )
    if isinstance(tally, TimeTally):
        return _time(scan, tally)
    if wanted in ("binary", "categorical", "ordinal"):
        return _of_categories(scan, wanted, _categories(scan))
    if isinstance(tally, TextTally):
        return _text(scan, tally)
    if wanted == "count":
        return _count(scan, tally)
    if wanted == "numeric":
        return _numeric(scan, tally)
    return _numbers(scan, tally)


def _only_if_ignored(scan: Scan, reason: str) -> LeftOut:
    if scan.wanted is None:
        return LeftOut(reason)
    raise ValueError(
        f"`kinds` says {scan.wanted!r} for the column {scan.name!r}, which {reason}. Ignore it: "
        f"kinds={{{scan.name!r}: 'ignore'}}."
    )


# ---------------------------------------------------------------------- text


def _text(scan: Scan, tally: TextTally) -> Column | LeftOut:
    values, present = tally.values, tally.present
    different = len(values.counts)
    if different == 1:
        return LeftOut(f"is constant: {next(iter(values.counts))!r}")
    if values.are_all_different and present > 2 and not scan.categories:
        return LeftOut("names every row: all its texts are different")
    if different > 20 and different > present / 2:
        return LeftOut(
            f"names rows rather than groups of them: {different:,} different texts in "
            f"{present:,} rows"
        )
    limit = scan.choices.max_categories
    if different > limit:
        more = "more than " if values.is_full else ""
        return LeftOut(
            f"has {more}{different:,} categories, more than the {limit} allowed; "
            f"max_categories={different} or kinds={{{scan.name!r}: 'categorical'}} keeps it"
        )
    kind = "ordinal" if scan.categories else "binary" if different == 2 else "categorical"
    return _of_categories(scan, kind, _categories(scan))


def _categories(scan: Scan) -> list[Any]:
    """The categories in order: as given, as an ordered type has them, else sorted."""
    if scan.name in scan.choices.categories:
        return list(scan.choices.categories[scan.name])
    if scan.categories:
        return scan.categories
    if scan.tally.values.is_full:
        raise ValueError(
            f"`kinds` says {scan.wanted!r} for the column {scan.name!r}, which has more than "
            f"{MOST_VALUES:,} different values."
        )
    values = list(scan.tally.values.counts)
    if len(values) == 2 and not isinstance(scan.tally, NumberTally):
        return sorted(values, key=lambda value: (value.lower() not in _FIRST, value))
    values = sorted(values)
    return [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]


def _of_categories(scan: Scan, kind: str, categories: list[Any]) -> Column | LeftOut:
    if len(categories) < 2:
        return _only_if_ignored(scan, f"is constant: {categories}")
    if kind == "binary" and len(categories) != 2:
        raise ValueError(
            f"`kinds` says 'binary' for the column {scan.name!r}, which has {len(categories):,} "
            f"different values: {', '.join(map(repr, categories[:5]))}, ..."
        )
    arguments = {**_common(scan), "categories": categories}
    if kind == "binary":
        return BinaryColumn(**arguments)
    if kind == "categorical":
        return CategoricalColumn(**arguments)
    counts = scan.tally.values.counts
    weights = np.array([counts.get(category, 0) for category in categories], np.float64)
    if not weights.sum():
        weights[:] = 1
    codes = np.arange(len(categories))
    mean = float(np.average(codes, weights=weights))
    deviation = float(np.sqrt(np.average((codes - mean) ** 2, weights=weights))) or 1.0
    arguments["likelihood"] = arguments["likelihood"] or _gaussian(1 / deviation)
    return OrdinalColumn(**arguments, mean=mean, deviation=deviation)


# ---------------------------------------------------------------------- numbers


def _numbers(scan: Scan, tally: NumberTally) -> Column | LeftOut:
    if tally.low == tally.high:
        return LeftOut(f"is constant: {_shown(tally.low)}")
    values, different = tally.values, len(tally.values.counts)
    if different == 2 and tally.present > 2:
        return _of_categories(scan, "binary", _categories(scan))
    if not tally.are_whole:
        return _numeric(scan, tally)
    if reason := _names_rows(scan, tally):
        return LeftOut(reason)
    if _ID.fullmatch(scan.name):
        more = "more than " if values.is_full else ""
        return LeftOut(
            f"seems to number things, by its name: {more}{different:,} different integers. "
            f"kinds={{{scan.name!r}: 'categorical'}} keeps them as categories, 'numeric' as numbers"
        )
    if _is_count(tally):
        return _count(scan, tally)
    if different <= _MOST_LEVELS and not values.is_full and different * 2 < tally.present:
        return _of_categories(scan, "ordinal", _categories(scan))
    return _numeric(scan, tally)


def _names_rows(scan: Scan, tally: NumberTally) -> str:
    """Why integers are taken for names of rows; empty if they are not."""
    if tally.present < 3 or tally.missing or _OF_TIME.fullmatch(scan.name):
        return ""
    if tally.are_steps_of_one or (tally.present >= 20 and tally.is_permutation):
        return f"numbers the rows, from {_shown(tally.low)} to {_shown(tally.high)}"
    is_name = not scan.name or _ID.fullmatch(scan.name) or _ROW_NAME.fullmatch(scan.name)
    if is_name and tally.values.are_all_different:
        return "names every row: all its numbers are different, and its name is that of an id"
    return ""


def _is_count(tally: NumberTally) -> bool:
    """Whether integers look like counts: none below 0, many zeros, and a tail."""
    if tally.low != 0 or tally.transform:
        return False
    common = max(0.01, 0.5 / len(tally.values.counts)) * tally.present
    tail = tally.moments.mean + 2.5 * tally.moments.deviation
    return tally.zeros >= common and tally.high >= max(tail, 4)


def _count(scan: Scan, tally: NumberTally) -> CountColumn:
    if tally.low < 0 or not tally.are_whole:
        raise ValueError(
            f"`kinds` says 'count' for the column {scan.name!r}, which has values such as "
            f"{_shown(tally.low)} that are not whole numbers from 0 on."
        )
    arguments, mean = _common(scan), tally.moments.mean
    scatters = tally.moments.deviation**2 > 1.2 * mean
    arguments["likelihood"] = arguments["likelihood"] or (
        "negative_binomial" if scatters else "poisson"
    )
    return CountColumn(**arguments, mean=mean)


def _numeric(scan: Scan, tally: NumberTally) -> NumericColumn:
    moments = tally.moments
    note, deviation = "", moments.deviation
    if not np.isfinite(deviation):
        raise ValueError(
            f"The numbers of the column {scan.name!r} lie between {tally.low:g} and "
            f"{tally.high:g}, too far apart to standardise. Pass "
            f"transforms={{{scan.name!r}: 'log'}}."
        )
    if not deviation > abs(moments.mean) * 1e-12:
        note, deviation = "constant", 1.0
    elif not tally.transform:
        far = max(tally.high - moments.mean, moments.mean - tally.low) / deviation
        if far > _HEAVY_TAIL:
            note = (
                f"heavy tail: up to {far:.0f} standard deviations from the mean. "
                f"transforms={{{scan.name!r}: 'log'}} brings it closer"
            )
    arguments = {**_common(scan), "note": note}
    step = 0.0 if tally.decimals is None or tally.transform else 10.0**-tally.decimals
    arguments["likelihood"] = arguments["likelihood"] or _gaussian(step / deviation)
    return NumericColumn(
        **arguments,
        mean=moments.mean,
        deviation=deviation,
        decimals=tally.decimals,
        transform=tally.transform,
        quantiles=None if tally.sample is None else Quantiles.of(tally.sample.numbers),
    )


def _gaussian(step: float) -> dict[str, Any]:
    """A Gaussian that learns a scale, which is at least the error of rounding to such steps.

    Without that bound, the density of predictable values is unbounded.
    """
    return {"name": "gaussian", "scale": "learned", "min_scale": max(0.01, step / 12**0.5)}


# ---------------------------------------------------------------------- times


def _time(scan: Scan, tally: TimeTally) -> Column | LeftOut:
    if scan.wanted not in (None, "time"):
        raise ValueError(
            f"`kinds` says {scan.wanted!r} for the column {scan.name!r}, which holds dates or "
            "times. Convert it, or omit its kind."
        )
    if tally.low == tally.high:
        return _only_if_ignored(scan, "is constant")
    span = tally.high - tally.low
    unit = next((unit for unit, size in UNITS.items() if span >= 2 * size), "seconds")
    mean, deviation = tally.moments(UNITS[unit])
    arguments = _common(scan)
    arguments["likelihood"] = arguments["likelihood"] or _gaussian(0)
    return TimeColumn(
        **arguments,
        origin=int(tally.low),
        unit=unit,
        mean=mean,
        deviation=deviation,
        cycles=tally.cycles,
        resolution=max(1, tally.resolution),
        format=scan.content if scan.sample else None,
    )


# ---------------------------------------------------------------------- all


def _common(scan: Scan) -> dict[str, Any]:
    tally = scan.tally
    return {
        "name": scan.name,
        "type": str(scan.type) if scan.type is not None else _type(scan),
        "likelihood": scan.choices.likelihoods.get(scan.name),
        "missing": tally.missing / tally.rows,
    }


def _type(scan: Scan) -> str:
    """The type of a column of a CSV file."""
    tally = scan.tally
    if isinstance(tally, NumberTally):
        numbers = [text for text in scan.sample if re.search(r"\d", text)]
        is_integer = tally.are_whole and not any(set(".,eE") & set(text) for text in numbers)
        return "int64" if is_integer and max(abs(tally.low), abs(tally.high)) < 2**53 else "double"
    if isinstance(tally, TimeTally):
        if scan.content == ISO:
            of_day = scan.sample[0][10:]
            has_time, has_zone = bool(of_day), re.search(r"Z|[+-]\d\d(:?\d\d)?$", of_day)
        else:
            has_time, has_zone = "%H" in scan.content, "%z" in scan.content
        return (
            "timestamp[us, tz=UTC]" if has_zone else "timestamp[us]" if has_time else "date32[day]"
        )
    return "string"


def _shown(number: float) -> str:
    return f"{number:.15g}"
