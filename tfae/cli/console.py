"""Where the commands write."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)


def table_of(title: str, rows: Mapping[str, tuple[str, ...]], columns: tuple[str, ...]) -> Table:
    """A table with a name and right-aligned values a row."""
    table = Table(title=title, title_justify="left")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def measurements(title: str, measured: Mapping[str, float]) -> Table:
    """A table of values by name; losses are means over the examples."""
    rows = {name.replace("_", " "): (f"{value:.5g}",) for name, value in measured.items()}
    return table_of(title, rows, ("", "value"))
