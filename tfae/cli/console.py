"""The console that commands print to, and what they print in the same form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from rich.table import Table

console = Console(highlight=False)


def shown(value: Any) -> str:
    """Escapes a path or name, so that rich and the terminal print it unchanged."""
    return escape(click.format_filename(str(value)))


def table_of(title: str, rows: Mapping[str, tuple[str, ...]], columns: tuple[str, ...]) -> Table:
    """Makes a table whose rows have a name and right-aligned values."""
    from rich.table import Table

    table = Table(title=shown(title), title_justify="left")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    for name, values in rows.items():
        table.add_row(shown(name), *map(shown, values))
    return table


def measurements(title: str, measured: Mapping[str, float]) -> Table:
    """Makes a table of values by name; losses are means over the examples."""
    rows = {name.replace("_", " "): (f"{value:.5g}",) for name, value in measured.items()}
    return table_of(title, rows, ("", "value"))
