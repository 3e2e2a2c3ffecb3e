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
