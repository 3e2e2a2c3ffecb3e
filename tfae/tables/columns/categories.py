"""What columns of categories have in common: binary, categorical and ordinal ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfae.tables.arrow_types import type_named
from tfae.tables.cells import Cells, as_numbers, as_text, is_text
from tfae.tables.columns.column import Column
from tfae.tables.encoding_report import Report

if TYPE_CHECKING:
    import pyarrow as pa


class ChoiceColumn(Column):
    """Values out of a known set; any other counts as missing, and is reported.

    Args:
        name, type, likelihood, missing, note: See `Column`.
        categories: The values, text or numbers, in order. Between `read` and `encode`, a value is
            represented by its index.

    Raises:
        ValueError: If there are fewer than two, or some are equal.
    """

    def __init__(
        self,
        name: str,
        type: str = "string",
        likelihood: Any = None,
        missing: float = 0.0,
        note: str = "",
        categories: Sequence[Any] = (),
    ):
        super().__init__(name, type, likelihood, missing, note)
        self.categories = tuple(categories)
        self.is_text = any(isinstance(category, str) for category in self.categories)
        if not self.is_text:
            try:
                are_numbers = np.isfinite(np.array(self.categories, np.float64)).all()
            except (TypeError, ValueError):
                are_numbers = False
            if not are_numbers:
                raise ValueError(
                    f"`categories` must be texts or numbers; received {list(self.categories)}."
                )
        if len(self.categories) < 2 or len(set(self.categories)) < len(self.categories):
            raise ValueError(
                f"A {self.kind} column needs at least two different categories; {name!r} has "
                f"{list(self.categories)}."
            )

    def read(self, cells: Cells, report: Report) -> np.ndarray:
        import pyarrow as pa
        from pyarrow import compute

        array = cells.array
        if pa.types.is_null(array.type):
            return np.full(len(array), np.nan)
        if self.is_text:
            values = as_text(cells)
            known = pa.array([str(category) for category in self.categories], pa.string())
            index = compute.index_in(values, known)
            codes = compute.cast(index, pa.float64()).to_numpy(zero_copy_only=False)
        else:
            values, codes = self._read_numbers(cells)
        unknown = compute.and_(compute.is_valid(values), pa.array(np.isnan(codes)))
        if compute.any(unknown).as_py():
            counts = compute.value_counts(values.filter(unknown))
            pairs = zip(*(counts.field(i).to_pylist() for i in (0, 1)), strict=True)
            report.add_unknown(self.name, {str(value): count for value, count in pairs})
        return codes

    def _read_numbers(self, cells: Cells) -> tuple[pa.Array, np.ndarray]:
        """The values and their codes; text that is not a number is an unknown category."""
        import pyarrow as pa
        from pyarrow import compute

        array = cells.array
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if is_text(array.type):
            values = compute.utf8_trim_whitespace(compute.cast(array, pa.string()))
            if cells.decimal == ",":
                values = compute.replace_substring(values, ",", ".")
            pattern = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
            is_number = compute.match_substring_regex(values, pattern)
            array = compute.if_else(is_number, values, pa.scalar(None, pa.string()))
            numbers = as_numbers(cells._replace(array=array))
        else:
            numbers = as_numbers(cells)
            values = pa.array(numbers, mask=np.isnan(numbers))
        categories = np.array(self.categories, np.float64)
        order = np.argsort(categories)
        place = np.minimum(np.searchsorted(categories[order], numbers), len(categories) - 1)
        codes = order[place].astype(np.float64)
        codes[categories[order[place]] != numbers] = np.nan
        return values, codes

    def write(self, values: np.ndarray) -> pa.Array:
        import pyarrow as pa
        from pyarrow import compute

        is_missing = np.isnan(values)
        codes = np.where(is_missing, 0, values).astype(np.int64)
        wanted = type_named(self.type)
        if not self.is_text:
            numbers = np.array(self.categories, np.float64)[codes]
            return self._as_type(np.where(is_missing, np.nan, numbers))
        array = pa.DictionaryArray.from_arrays(
            pa.array(codes.astype(np.int32), mask=is_missing),
            pa.array([str(category) for category in self.categories]),
        )
        if not pa.types.is_dictionary(wanted):
            return compute.cast(array.dictionary_decode(), wanted)
        return pa.DictionaryArray.from_arrays(
            compute.cast(array.indices, wanted.index_type),
            compute.cast(array.dictionary, wanted.value_type),
            ordered=wanted.ordered,
        )

    def describe(self) -> str:
        shown = ", ".join(map(str, self.categories[:4]))
        more = f", ... {self.categories[-1]}" if len(self.categories) > 4 else ""
        return shown + more

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "categories": list(self.categories)}
