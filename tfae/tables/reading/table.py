"""A table from any source, read in parts of bounded size."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_A_PART = 2**16
"""Most rows in a part, unless bytes limit it first."""


class Rows(NamedTuple):
    """Consecutive rows of a table.

    Attributes:
        columns: The rows, as a `pyarrow.Table` of one chunk a column.
        where: Gives the place of a row of the part, such as "data.csv, line 12".
    """

    columns: pa.Table
    where: Callable[[int], str]


class Table(abc.ABC):
    """A table from any source.

    Attributes:
        origin: What messages call it, such as a path.
        names: The names of its columns.
        is_text: Whether all cells are text, as in a CSV file, so that the kind of a column has to
            be inferred.
        decimal: The decimal sign of numbers in text.
    """

    origin: str
    names: tuple[str, ...]
    is_text: bool = False
    decimal: str = "."

    @abc.abstractmethod
    def parts(self, names: Sequence[str] | None = None) -> Iterator[Rows]:
        """Yields all rows, in order.

        Args:
            names: The columns to read; `None` for all.

        Raises:
            ValueError: If the table cannot be read; the message names the file, and the line or row
                where there is one.
        """

    def check_names(self) -> None:
        """Raises `ValueError` if a name occurs twice."""
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(
                f"{self.origin} has two columns called {twice!r}. Give each a name of its own."
            )


def no_rows(table: Table) -> ValueError:
    """Returns the error of a table that has columns but no rows."""
    shown = ", ".join(table.names[:5]) + (", ..." if len(table.names) > 5 else "")
    return ValueError(f"{table.origin} holds a header ({shown}) but no examples.")
