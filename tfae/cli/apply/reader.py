"""The interface of every kind of data to the commands: its examples in order, part by part."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np


class Part(NamedTuple):
    """Some examples, in the order of the data.

    Attributes:
        first: How many examples come before them.
        x: The numbers as they are stored, `(n, *shape)`; NaN where one is missing.
        label: Class of each example, int64 `(n,)`, -1 where it is unknown; `None` for no labels.
        done: The fraction of the data that has been read, or `None` if that is not known.
        kept: What the reader needs to name these examples, or to write them back.
    """

    first: int
    x: np.ndarray
    label: np.ndarray | None = None
    done: float | None = None
    kept: Any = None


class Reader(abc.ABC):
    """Data that is read once, part by part.

    Attributes:
        name: Name of the data, for messages.
        shape: Shape of one example.
        dtype: Type of the numbers as they are stored.
        place: What `place_of` gives, such as "row" or "path"; the name of that column, too.
        counted: What the examples are called when they are counted: "rows", "images".
        delimiter: The character between the cells of a .csv file that is written.
        typed: Whether numbers stored as text are returned as numbers, for a file that has types.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    place: str = "row"
    counted: str = "rows"
    delimiter: str = ","
    typed: bool = False

    @abc.abstractmethod
    def parts(self, rows: int) -> Iterator[Part]:
        """Yields all examples, `rows` at a time.

        Raises:
            ValueError: If something cannot be read; the message says where.
        """

    def place_of(self, part: Part, i: int) -> Any:
        """Returns where to find an example of a part: its row, line or path."""
        return part.first + i

    def where(self, part: Part, i: int) -> str:
        """Says where an example of a part is, for messages."""
        return f"{self.name}, {self.place} {self.place_of(part, i)}"

    def element(self, index: tuple[int, ...]) -> str:
        """Names an element of an example, for messages."""
        return f"element {index[0] if len(index) == 1 else index}"

    def worst_columns(self, score_map: np.ndarray) -> list[Any]:
        """Returns the column with the highest score in each row, given `(n, columns)` scores."""
        return score_map.argmax(axis=-1).tolist()

    def notes(self) -> list[str]:
        """Returns what the user should know about the data once all of it has been read."""
        return []

    def columns(self, part: Part) -> dict[str, list[Any]]:
        """Returns the columns of a table to which the command adds its own."""
        return {self.place: [self.place_of(part, i) for i in range(len(part.x))]}

    def columns_of(
        self, part: Part, values: np.ndarray, only_missing: bool = False
    ) -> dict[str, Any]:
        """Returns the columns with new values in them.

        Args:
            part: The part.
            values: `(n, *shape)`, as `part.x` is.
            only_missing: Whether only missing cells are replaced; the others stay as they are.
        """
        raise ValueError(f"{self.name} is not a table, so its values cannot be written as one.")
