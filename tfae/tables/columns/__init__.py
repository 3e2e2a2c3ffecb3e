"""The kinds of columns, one a file. A new one is added to `KINDS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfae.tables.columns.binary import BinaryColumn
from tfae.tables.columns.categorical import CategoricalColumn
from tfae.tables.columns.categories import ChoiceColumn
from tfae.tables.columns.column import Column
from tfae.tables.columns.count import CountColumn
from tfae.tables.columns.numeric import NumericColumn
from tfae.tables.columns.ordinal import OrdinalColumn
from tfae.tables.columns.time import TimeColumn

KINDS: dict[str, type[Column]] = {
    kind.kind: kind
    for kind in (
        NumericColumn,
        CountColumn,
        BinaryColumn,
        CategoricalColumn,
        OrdinalColumn,
        TimeColumn,
    )
}
"""Columns by the name of their kind."""

__all__ = [
    "KINDS",
    "BinaryColumn",
    "CategoricalColumn",
    "ChoiceColumn",
    "Column",
    "CountColumn",
    "NumericColumn",
    "OrdinalColumn",
    "TimeColumn",
    "column_from_config",
]


def column_from_config(config: dict[str, Any]) -> Column:
    """Makes the column whose `get_config` returned `config`.

    Raises:
        ValueError: If there is no such kind, or an argument is wrong.
    """
    if not isinstance(config, Mapping):
        raise ValueError(f"The configuration of a column must be an object; received {config!r}.")
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"`kind` must be one of {', '.join(map(repr, KINDS))}; received {kind!r}.")
    try:
        return KINDS[kind](**arguments)
    except (TypeError, ValueError, OverflowError) as error:
        told = str(error).rstrip(".")
        raise ValueError(f"The {kind} column {config.get('name')!r}: {told}.") from error
