"""What the columns of every kind have in common."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tfae.arguments import non_negative
from tfae.tables.arrow_types import type_named
from tfae.tables.cells import Cells
from tfae.tables.encoding_report import Report

if TYPE_CHECKING:
    import pyarrow as pa

Likelihood = str | dict[str, Any]
"""A short name of `tfae.losses`, or `{"name": name, argument: value, ...}`."""


class Column(abc.ABC):
    """A column of a table, and how its values become numbers for a network.

    A value takes two steps. `read` and `write` translate between Arrow and a float64 array
    `(rows,)`, NaN where missing: the number itself, the index of a category, or microseconds since
    1970. `encode` and `decode` translate between that and the float32 block `(rows, width)` that a
    network sees. The second step is plain NumPy.

    Args:
        name: The column's name.
        type: The Arrow type that `write` gives, by its name.
        likelihood: What the decoder's output for this block means; `None` for the kind's own.
        missing: The fraction of values that were missing in training.
        note: What users should know about it.

    Attributes:
        kind: The kind's name.
        width: Number of float32 columns of the block.
        start: Index of the block's first column in the encoded table; the schema sets it.
    """

    kind: ClassVar[str]
    default_likelihood: ClassVar[Likelihood]
    start: int = 0
    is_text: bool = False  # whether a category is text

    def __init__(
        self,
        name: str,
        type: str,
        likelihood: Likelihood | None = None,
        missing: float = 0.0,
        note: str = "",
    ):
        for argument, text in (("name", name), ("type", type), ("note", note)):
            if not isinstance(text, str):
                raise ValueError(f"`{argument}` must be text; received {text!r}.")
        self.name, self.type, self.note = name, type, note
        self.missing = non_negative("missing", missing)
        self.likelihood = self.default_likelihood if likelihood is None else likelihood
        is_object = isinstance(self.likelihood, dict) and "name" in self.likelihood
        if not (is_object or isinstance(self.likelihood, str)):
            raise ValueError(
                "`likelihood` must be a short name, or an object with a 'name' and arguments; "
                f"received {likelihood!r}."
            )

    # ------------------------------------------------------------------ the block

    @property
    def elements(self) -> tuple[str, ...]:
        """A name for each column of the block."""
        return (self.name,)

    @property
    def width(self) -> int:
        return len(self.elements)

    @property
    def slice(self) -> slice:
        """Where the block lies in the encoded table: `encoded[:, column.slice]`."""
        return slice(self.start, self.start + self.width)

    @abc.abstractmethod
    def encode(self, values: np.ndarray) -> np.ndarray:
        """Turns float64 `(rows,)` into float32 `(rows, width)`, NaN where missing."""

    @abc.abstractmethod
    def decode(self, block: np.ndarray) -> np.ndarray:
        """Turns a block `(rows, width)`, such as a model's output, into float64 `(rows,)`."""

    # ------------------------------------------------------------------ Arrow

    @abc.abstractmethod
    def read(self, cells: Cells, report: Report) -> np.ndarray:
        """Turns cells of a table into float64 `(rows,)`.

        Raises:
            ValueError: If a cell is not what the column holds; the message names its place.
        """

    @abc.abstractmethod
    def write(self, values: np.ndarray) -> pa.Array:
        """Turns float64 `(rows,)` into an array of the column's type."""

    def _as_type(self, values: np.ndarray) -> pa.Array:
        """Numbers as an array of the column's type, null where they are NaN."""
        import pyarrow as pa
        from pyarrow import compute

        wanted = type_named(self.type)
        is_missing = np.isnan(values)
        if pa.types.is_floating(wanted):
            return compute.cast(pa.array(values, mask=is_missing), wanted, safe=False)
        if pa.types.is_decimal(wanted):
            array = pa.array(values, mask=is_missing)
            return compute.cast(compute.round(array, wanted.scale), wanted, safe=False)
        if pa.types.is_boolean(wanted):
            return pa.array(values >= 0.5, mask=is_missing)
        whole = np.where(is_missing, 0, np.rint(values))
        if pa.types.is_integer(wanted):
            low, high = _limits(wanted)
            whole = np.clip(whole, low, high)
            return pa.array(whole.astype(wanted.to_pandas_dtype()), wanted, mask=is_missing)
        return compute.cast(pa.array(whole.astype(np.int64), mask=is_missing), wanted)

    # ------------------------------------------------------------------ description

    def describe(self) -> str:
        """A few words about the encoding, for users."""
        return ""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments and the kind, as values that JSON can hold."""
        return {
            "kind": self.kind,
            "name": self.name,
            "type": self.type,
            "likelihood": self.likelihood,
            "missing": self.missing,
            "note": self.note,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Column) and self.get_config() == other.get_config()

    __hash__ = None  # two may be equal without being the same

    def __repr__(self) -> str:
        return f"<{self.kind} column {self.name!r}: {self.describe()}>"


def _limits(wanted: pa.DataType) -> tuple[float, float]:
    """The smallest and the largest float64 that an integer type holds."""
    info = np.iinfo(wanted.to_pandas_dtype())
    high = float(info.max)
    return float(info.min), high if int(high) <= info.max else np.nextafter(high, 0)
