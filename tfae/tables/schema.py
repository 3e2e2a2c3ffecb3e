"""A table's columns: what each holds, and how it becomes numbers and back."""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tfae.tables.cells import Cells
from tfae.tables.columns import Column, column_from_config
from tfae.tables.encoding_report import Report
from tfae.tables.inference import Choices, LeftOut, decide, scan_table
from tfae.tables.reading import Rows, Table, open_table
from tfae.tables.reading.table import no_rows

if TYPE_CHECKING:
    import pyarrow as pa

MOST_COLUMNS = 20_000
"""The most columns that a table may have; each has a likelihood of its own."""


@keras.saving.register_keras_serializable("tfae")
class TableSchema:
    """The columns of a table, and how they become float32 numbers for a model, and back.

    `TableSchema.infer` makes one of a table. `encode` turns tables with the same columns into one
    float32 array, NaN where a value is missing; `decode` turns such an array, or what a model makes
    of it, into a table of the same columns and types.

    | kind | becomes | likelihood |
    |---|---|---|
    | `numeric` | the number, standardised | `gaussian` of learned scale |
    | `count` | the count itself | `poisson` or `negative_binomial` |
    | `binary` | 0 or 1 | `bernoulli` |
    | `categorical` | one column for each category, one of them 1 and the others 0 | `categorical` |
    | `ordinal` | the number in the order, standardised | the same as `numeric` |
    | `time` | a number of days, ..., seconds, standardised, and cyclic parts | the same |

    Args:
        columns: The columns, see `tfae.tables.columns`.
        left_out: Names of further columns of the table, and why they are not part of the schema.
            Other tables may have them or not.
        rows: Number of rows that the schema was inferred from.

    Attributes:
        columns: Each has `name`, `kind`, `width`, `slice` (its place in the encoded table),
            `elements` (a name for each of its numbers), `likelihood`, `type` (of Arrow), `missing`
            (the fraction in training), `note`, and whatever its kind needs.
        column_names: Their names.
        width: Number of float32 columns of an encoded table.

    Raises:
        ValueError: If there is no column, or two have the same name.
    """

    def __init__(
        self, columns: Sequence[Column], left_out: Mapping[str, str] | None = None, rows: int = 0
    ):
        self.columns = tuple(columns)
        self.left_out = dict(left_out or {})
        self.rows = rows
        self.column_names = tuple(column.name for column in self.columns)
        if not self.columns:
            raise ValueError("A schema needs at least one column.")
        if len(set(self.column_names)) < len(self.columns):
            raise ValueError("`columns` must have different names.")
        ends = list(itertools.accumulate(column.width for column in self.columns))
        for column, end in zip(self.columns, ends, strict=True):
            column.start = end - column.width
        self.width = ends[-1]

    # ------------------------------------------------------------------ inference

    @classmethod
    def infer(
        cls,
        table: Any,
        *,
        kinds: Mapping[str, str] | None = None,
        categories: Mapping[str, Sequence[Any]] | None = None,
        transforms: Mapping[str, str] | None = None,
        likelihoods: Mapping[str, Any] | None = None,
        formats: Mapping[str, str] | None = None,
        max_categories: int = 250,
        **reading: Any,
    ) -> TableSchema:
        """Infers what the columns of a table hold.

        The table is read in parts, so it may be larger than memory; a CSV file is read a second
        time if a column that begins with numbers turns out to be text. A warning says which columns
        are left out, and why. `print(schema.describe())` shows the result.

        Args:
            table: Anything with Arrow's interface (a pandas, polars or pyarrow table), a dict of
                columns, a list of dicts, or the path of a CSV file, a Parquet file, or a folder of
                such files.
            kinds: Kinds by column: "numeric", "count", "binary", "categorical", "ordinal", "time",
                or "ignore" to leave a column out.
            categories: By column, its categories in order. The column is then "binary" or
                "categorical", unless `kinds` says "ordinal".
            transforms: `{"income": "log"}` standardises the logarithm, for numbers of many
                magnitudes; `"quantile"` takes the normal scores of their ranks, so that generated
                rows have the distribution of the training values.
            likelihoods: Likelihoods by column, instead of the default of its kind: a short name, or
                `{"name": "student_t", "scale": "learned"}`.
            formats: The format of times in text, by column, such as `{"born": "%d.%m.%Y"}`; ISO
                8601 and whatever is unambiguous is recognised.
            max_categories: A column of text with more distinct values is left out.
            **reading: How CSV files are written: `delimiter`, `decimal`, `header`, `encoding` and
                `missing`; what is not given is detected.

        Raises:
            ValueError: If the table cannot be read or a choice does not fit. The message names the
                file, line and column, and says what to do.
            FileNotFoundError: If there is nothing at the path.
        """
        choices = Choices(
            kinds or {},
            categories or {},
            transforms or {},
            likelihoods or {},
            formats or {},
            max_categories,
        )
        opened = open_table(table, **reading)
        choices.check(opened.names, opened.origin)
        if len(opened.names) > MOST_COLUMNS:
            raise ValueError(
                f"{opened.origin} has {len(opened.names):,} columns, more than the "
                f"{MOST_COLUMNS:,} allowed. If it has another delimiter, pass it. Keep so many "
                "numbers in a .npy file."
            )
        scans = scan_table(opened, choices)
        if scans and not any(scan.tally or scan.problem or scan.empty_rows for scan in scans):
            raise no_rows(opened)
        columns, reasons = [], {}
        for scan in scans:
            column = decide(scan)
            if isinstance(column, LeftOut):
                reasons[scan.name] = column.reason
            else:
                columns.append(column)
        if reasons:
            told = "; ".join(f"{name!r} {reason}" for name, reason in reasons.items())
            warnings.warn(f"Left out of {opened.origin}: column {told}.", stacklevel=2)
        if not columns:
            raise ValueError(f"{opened.origin} has no column that a model could learn from.")
        ignored = {n: "ignored" for n in opened.names if choices.kind(n) == "ignore"}
        first = scans[0]
        rows = first.tally.rows if first.tally is not None else first.empty_rows
        return cls(columns, {**ignored, **reasons}, rows)

    # ------------------------------------------------------------------ there and back

    def encode(self, table: Any, *, other_columns: str = "raise", **reading: Any) -> np.ndarray:
        """Turns a table into numbers.

        Categories that the schema does not know count as missing; a warning counts them and gives
        examples, and `encode_batches` takes a `Report` to keep that.

        Args:
            table: Whatever `infer` takes, with the schema's columns in any order.
            other_columns: What to do if it has further columns, besides those in `left_out`:
                "raise", or "ignore" them.
            **reading: As for `infer`.

        Returns:
            float32 `(rows, width)`, NaN where a value is missing.

        Raises:
            ValueError: If a column is missing, there are further ones, or a cell is not what its
                column holds. The message names the file, line and column, and says what to do.
        """
        report = Report()
        parts = list(self.encode_batches(table, report, other_columns=other_columns, **reading))
        report.warn()
        return np.concatenate(parts) if parts else np.zeros((0, self.width), np.float32)

    def encode_batches(
        self,
        table: Any,
        report: Report | None = None,
        *,
        other_columns: str = "raise",
        **reading: Any,
    ) -> Iterator[np.ndarray]:
        """Does the same as `encode`, part by part, for tables that are larger than memory.

        Args:
            table, other_columns, reading: As for `encode`.
            report: Counts what is missing and unknown. If it is `None`, a warning says so at the
                end.

        Yields:
            float32 `(some, width)`.
        """
        opened = open_table(table, **reading)
        self._check_columns(opened, other_columns)
        counts = Report() if report is None else report
        counts.origin = opened.origin
        for part in opened.parts(self.column_names):
            yield self.encode_part(part, counts, opened.decimal)
        if report is None:
            counts.warn()

    def encode_part(self, part: Rows, report: Report, decimal: str = ".") -> np.ndarray:
        """Encodes the rows of a part of a table: float32 `(rows, width)`."""
        encoded = np.empty((part.columns.num_rows, self.width), np.float32)
        report.rows += part.columns.num_rows
        for column in self.columns:
            array = part.columns.column(column.name).combine_chunks()
            cells = Cells(_array(array), column.name, part.where, decimal)
            values = column.read(cells, report)
            report.missing[column.name] += int(np.isnan(values).sum())
            encoded[:, column.slice] = column.encode(values)
        return encoded

    def decode(self, encoded: np.ndarray) -> pa.Table:
        """Turns numbers back into a table.

        Args:
            encoded: `(rows, width)`: an encoded table, or what a model makes of one. The category
                is that of the largest number, and a binary value is the second one from 0.5 on.
                Counts, ordinal values and numbers that had few decimals in training are rounded.

        Returns:
            A `pyarrow.Table` of the schema's columns, with the types they had in training; null
            where NaN.

        Raises:
            ValueError: If the array has the wrong shape.
        """
        import pyarrow as pa

        encoded = np.asarray(encoded)
        if encoded.ndim != 2 or encoded.shape[1] != self.width:
            raise ValueError(
                f"An encoded table of this schema has shape (rows, {self.width}); received "
                f"{encoded.shape}."
            )
        with np.errstate(invalid="ignore"):
            columns = [c.write(c.decode(encoded[:, c.slice])) for c in self.columns]
        return pa.table(columns, names=list(self.column_names))

    def _check_columns(self, table: Table, other_columns: str) -> None:
        if other_columns not in ("raise", "ignore"):
            raise ValueError(
                f"`other_columns` must be 'raise' or 'ignore'; received {other_columns!r}."
            )
        absent = [name for name in self.column_names if name not in set(table.names)]
        if absent:
            raise ValueError(
                f"{table.origin} lacks {_columns(absent)}. It has {_columns(table.names)}. If it "
                "is a CSV file, was its delimiter detected correctly, and does it have a header? "
                "`delimiter` and `header` set them. A column of missing values may be added."
            )
        known = {*self.column_names, *self.left_out}
        others = [name for name in table.names if name not in known]
        if others and other_columns == "raise":
            raise ValueError(
                f"{table.origin} has {_columns(others)}, which the schema does not know. Remove "
                "what is not needed, or pass other_columns='ignore'."
            )

    # ------------------------------------------------------------------ for models

    def likelihood(self) -> Any:
        """Returns `tfae.losses.Columns`: one likelihood per column, in the order of `columns`."""
        from tfae.losses import likelihoods

        parts = []
        for column in self.columns:
            given = column.likelihood
            arguments = {"name": given} if isinstance(given, str) else dict(given)
            kind = arguments.pop("name")
            if not isinstance(kind, str) or kind not in likelihoods.LIKELIHOODS:
                raise ValueError(
                    f"The likelihood of the column {column.name!r} must be one of "
                    f"{sorted(likelihoods.LIKELIHOODS)}; it is {kind!r}."
                )
            try:
                likelihood = likelihoods.LIKELIHOODS[kind](**arguments)
            except (TypeError, ValueError) as error:
                told = str(error).rstrip(".")
                raise ValueError(
                    f"The likelihood {given!r} of the column {column.name!r}: {told}."
                ) from error
            parts.append((column.name, likelihood, column.width))
        return likelihoods.Columns(parts)

    def column_scores(self, elementwise: np.ndarray) -> np.ndarray:
        """Sums an elementwise map, such as `model.anomaly_map(x)`, over the numbers of each column.

        Args:
            elementwise: `(rows, width)`.

        Returns:
            `(rows, number of columns)`, in the order of `column_names`.
        """
        elementwise = np.asarray(elementwise)
        if elementwise.ndim != 2 or elementwise.shape[1] != self.width:
            raise ValueError(
                f"`elementwise` must have shape (rows, {self.width}); received {elementwise.shape}."
            )
        starts = [column.start for column in self.columns]
        return np.add.reduceat(elementwise, starts, axis=1)

    # ------------------------------------------------------------------ description, saving

    def describe(self) -> str:
        """Returns a table of the columns, those left out included, as text."""
        rows = [("column", "kind", "width", "likelihood", "missing", "what it is")]
        for column in self.columns:
            likelihood = column.likelihood
            name = likelihood if isinstance(likelihood, str) else likelihood["name"]
            what = f"{column.describe()} ({column.note})" if column.note else column.describe()
            missing = f"{100 * column.missing:.3g} %" if column.missing else ""
            rows.append((column.name, column.kind, str(column.width), name, missing, what))
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        if any(c.kind == "ordinal" and not c.is_text for c in self.columns):
            lines.append("integers that are codes without an order: kinds={name: 'categorical'}")
        lines += [f"left out: {name!r} {reason}" for name, reason in self.left_out.items()]
        return "\n".join(lines)

    def get_config(self) -> dict[str, Any]:
        """Returns the schema as values that JSON can hold; `from_config` takes them back."""
        return {
            "columns": [column.get_config() for column in self.columns],
            "left_out": dict(self.left_out),
            "rows": self.rows,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TableSchema:
        """Makes the schema whose `get_config` returned `config`.

        Raises:
            ValueError: If it is not one.
        """
        kinds = {"columns": list, "left_out": dict, "rows": int}
        for key, kind in kinds.items():
            if not isinstance(config, Mapping) or not isinstance(config.get(key), kind):
                raise ValueError(
                    "This is not the configuration of a schema, which has a list 'columns', an "
                    "object 'left_out' and a whole number 'rows'."
                )
        columns = [column_from_config(column) for column in config["columns"]]
        return cls(columns, config["left_out"], config["rows"])

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """Returns the schema as JSON, and writes it to a file if there is a path."""
        text = json.dumps(self.get_config(), indent=2, ensure_ascii=False)
        if path is not None:
            from tfae.files import atomic_write

            with atomic_write(path, replace=True) as new:
                new.write_text(text + "\n", encoding="utf-8")
        return text

    @classmethod
    def from_json(cls, text_or_path: str | os.PathLike) -> TableSchema:
        """Makes a schema from JSON, or from the path of a JSON file.

        Raises:
            ValueError: If it is not a schema.
        """
        text = os.fspath(text_or_path)
        origin = "The text"
        if not text.lstrip().startswith("{"):
            origin, text = text, Path(text).read_text(encoding="utf-8")
        try:
            return cls.from_config(json.loads(text))
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{origin} is not JSON: {error}.") from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableSchema) and self.get_config() == other.get_config()

    __hash__ = None  # two may be equal without being the same

    def __repr__(self) -> str:
        names = ", ".join(self.column_names[:6]) + (", ..." if len(self.columns) > 6 else "")
        return f"<TableSchema of {len(self.columns)} columns ({names}), width {self.width}>"


def _array(column: Any) -> Any:
    """A column of at most one chunk as one Arrow array."""
    import pyarrow as pa

    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _columns(names: Sequence[str], count: int = 8) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    noun = "the column" if len(names) == 1 else "the columns"
    return f"{noun} {', '.join(map(repr, names[:count]))}{more}"
