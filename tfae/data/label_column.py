"""Which column of a table holds the label."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from tfae.tables.reading.dialect import LABEL_NAMES

_LIKELY_DATA = ("y", "target", "targets")  # label names that often are not a class


def label_index(
    names: Sequence[str] | None, width: int, asked: Any, origin: str | None = None
) -> int | None:
    """Returns the index of the column that holds the labels, or `None` if there is none.

    Args:
        names: The names of the columns; `None` if they have none.
        width: Number of columns.
        asked: What `label_column` of `tfae.data.load` says.
        origin: What the table is called in errors; `None` if a column that is not there is none.

    Raises:
        ValueError: If there is no such column.
    """
    if asked is None:
        lower = [name.lower() for name in names or []]
        found = next((name for name in LABEL_NAMES if name in lower), None)
        return None if found is None else lower.index(found)
    if isinstance(asked, str) and names and asked in names:
        return list(names).index(asked)
    if asked is False or asked == "none":
        return None
    is_index = isinstance(asked, int) and not isinstance(asked, bool)
    if is_index and -width <= asked < width:
        return asked % width
    if origin is None:
        return None
    if names:
        more = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
        known = f"the columns {', '.join(names[:20])}{more}"
    else:
        known = f"{width} columns and no header"
    raise ValueError(f"label_column={asked!r} is not in {origin}, which has {known}.")


def note_label(name: str, origin: str) -> None:
    """Warns if a column that was taken for the label, since nobody said, is likely to be data."""
    if name.lower() in _LIKELY_DATA:
        warnings.warn(
            f"The column {name!r} of {origin} is taken for the label. If it is data, pass "
            "label_column='none'.",
            stacklevel=4,
        )
