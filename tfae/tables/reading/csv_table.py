"""CSV files, read by pyarrow in blocks."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfae.endings import COMPRESSIONS
from tfae.tables.reading.dialect import MISSING, Dialect, find_dialect
from tfae.tables.reading.records import Block, blanks, blocks, line_of_row
from tfae.tables.reading.table import Rows, Table

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK = 2**23  # bytes that are read and parsed at a time
_START = 2**16  # bytes from which the dialect is detected


class CellsPart(NamedTuple):
    """Consecutive rows of a table.

    Attributes:
        cells: Text, row by row.
        where: Gives the place of a row of the part, such as "data.csv, line 12".
    """

    cells: pa.Array
    where: Callable[[int], str]


class CsvTable(Table):
    """A CSV file whose cells are text; those that say that a value is missing are null.

    Args:
        path: The file. It may be compressed, as .csv.gz, .bz2, .zst or .lz4.
        delimiter: The character between two cells; `None` to detect it, as for the next two.
        decimal: The decimal sign, "." or ",".
        header: Whether the first row holds names.
        encoding: How text is encoded; a byte order mark is left out.
        missing: Cells that stand for missing values; `None` for the usual ones.
        label_column: A name that makes the first row a header if it occurs there.

    Raises:
        ValueError: If the file is empty or is not text.
    """

    is_text = True

    def __init__(
        self,
        path: Path,
        delimiter: str | None = None,
        decimal: str | None = None,
        header: bool | None = None,
        encoding: str = "utf-8",
        missing: Sequence[str] | None = None,
        label_column: str | int | bool | None = None,
    ):
        _check_options(delimiter, decimal, encoding)
        self.path, self.origin = path, os.fspath(path)
        self.encoding = "utf-8" if codecs.lookup(encoding).name == "utf-8" else encoding
        self.missing = list(MISSING if missing is None else missing)
        start = self._start()
        found = find_dialect(start, delimiter, decimal, header, label_column)
        if found is None:
            raise ValueError(f"{path} is empty; it should hold one example per line.")
        self.dialect: Dialect = found
        self.decimal = found.decimal
        lines = enumerate(start.splitlines(), 1)
        self.first_line = next(line for line, text in lines if text.strip(blanks(found.delimiter)))
        self.width = len(found.first)
        self.names = tuple(
            cell.strip() if found.header else f"column_{i}" for i, cell in enumerate(found.first)
        )

    def parts(self, names: Sequence[str] | None = None) -> Iterator[Rows]:
        chosen = set(self.names if names is None else names)
        wanted = [i for i, name in enumerate(self.names) if name in chosen]
        skipped = 1 if self.dialect.header else 0
        for block in self._blocks():
            columns = self._parse(block, wanted)
            if columns.num_rows > skipped:
                columns = columns.slice(skipped).rename_columns([self.names[i] for i in wanted])
                yield Rows(columns.combine_chunks(), self._where(block, skipped))
            if columns.num_rows:
                skipped = 0

    def cells(self) -> Iterator[CellsPart]:
        """Yields all cells as they are written, row by row.

        Also fast for very many columns; pyarrow itself handles only a few thousand.
        """
        skipped = 1 if self.dialect.header else 0
        for block in self._blocks():
            cells = self._flat(block) if b'"' not in block.content else self._transposed(block)
            if len(cells) > skipped * self.width:
                yield CellsPart(cells.slice(skipped * self.width), self._where(block, skipped))
            if len(cells):
                skipped = 0

    def _flat(self, block: Block) -> pa.Array:
        """Parses a block without quotes as if each cell were a row."""
        import pyarrow as pa
        from pyarrow import csv

        delimiter = self.dialect.delimiter.encode()
        skipped = blanks(self.dialect.delimiter).encode() if self.width > 1 else b""
        rows = [row for row in block.content.split(b"\n") if row.strip(skipped)]
        for i, row in enumerate(rows):
            if row.count(delimiter) + 1 != self.width:
                raise self._wrong_width(block, i, row.count(delimiter) + 1)
        content = b"\n".join(rows).replace(delimiter, b"\n") + b"\n"
        try:
            cells = csv.read_csv(
                pa.BufferReader(content),
                csv.ReadOptions(column_names=["cell"], block_size=len(content) + 1),
                csv.ParseOptions(delimiter="\1", quote_char=False, ignore_empty_lines=False),
                csv.ConvertOptions(column_types={"cell": pa.string()}, strings_can_be_null=False),
            )
        except pa.ArrowInvalid as error:
            self._raise(error, block, [])
        return cells.column(0).combine_chunks() if rows else pa.array([], pa.string())

    def _transposed(self, block: Block) -> pa.Array:
        import pyarrow as pa

        columns = self._parse(block, range(self.width)).combine_chunks()
        index = np.arange(len(columns) * self.width).reshape(self.width, -1).T.reshape(-1)
        cells = [pa.array([], pa.string()), *(c for x in columns.columns for c in x.chunks)]
        return pa.concat_arrays(cells).take(pa.array(index))

    def _where(self, block: Block, skipped: int) -> Callable[[int], str]:
        delimiter = self.dialect.delimiter

        def where(row: int) -> str:
            line = line_of_row(block, row + skipped, delimiter, self.width > 1)
            return f"{self.path}, line {line}"

        return where

    def _parse(self, block: Block, wanted: Sequence[int]) -> pa.Table:
        import pyarrow as pa
        from pyarrow import csv

        wrong = []

        def wrong_width(row: csv.InvalidRow) -> str:
            if not row.text.strip(blanks(self.dialect.delimiter)):
                return "skip"
            wrong.append(row)
            return "error"

        keys = [str(i) for i in range(self.width)]
        names = [keys[i] for i in wanted]
        try:
            columns = csv.read_csv(
                pa.BufferReader(block.content),
                csv.ReadOptions(
                    column_names=keys, block_size=len(block.content) + 1, use_threads=False
                ),
                csv.ParseOptions(
                    delimiter=self.dialect.delimiter,
                    newlines_in_values=b'"' in block.content,
                    invalid_row_handler=wrong_width,
                ),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    include_columns=names,
                    null_values=self.missing,
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            self._raise(error, block, wrong)
        return self._trimmed(columns, block.content)

    def _trimmed(self, columns: pa.Table, content: bytes) -> pa.Table:
        """Removes blanks around cells, if there may be any."""
        import pyarrow as pa
        from pyarrow import compute

        if not _has_blanks_at_edges(content, self.dialect.delimiter):
            return columns
        missing = pa.array(self.missing, pa.string())
        trimmed = []
        for column in columns.columns:
            cells = compute.utf8_trim_whitespace(column)
            is_missing = compute.is_in(cells, missing)
            trimmed.append(compute.if_else(is_missing, pa.scalar(None, pa.string()), cells))
        return pa.table(trimmed, names=columns.column_names)

    def _raise(self, error: Exception, block: Block, wrong: list) -> None:
        if wrong:
            row = wrong[0]
            raise self._wrong_width(block, row.number - 1, row.actual_columns, False) from None
        raise ValueError(f"{self.path}, from line {block.line} on: {error}") from error

    def _wrong_width(
        self, block: Block, row: int, width: int, skip_blanks: bool = True
    ) -> ValueError:
        line = line_of_row(block, row, self.dialect.delimiter, skip_blanks)
        return ValueError(
            f"{self.path}, line {line}: {width} cells, but line {self.first_line} has "
            f"{self.width}. Is there a delimiter too many or too few, or is the delimiter not "
            f"{self.dialect.delimiter!r}?"
        )

    # ------------------------------------------------------------------ bytes

    def _blocks(self) -> Iterator[Block]:
        try:
            for block in blocks(self._chunks(), self.dialect.delimiter):
                self._check_text(block)
                yield block
        except ValueError as error:
            if str(error).startswith("line "):
                raise ValueError(f"{self.path}, {error}") from None
            raise

    def _check_text(self, block: Block) -> None:
        try:
            if not block.content.isascii():
                block.content.decode()
        except UnicodeDecodeError as error:
            line = block.line + block.content.count(b"\n", 0, error.start)
            raise self._not_text(line, error) from None

    def _chunks(self) -> Iterator[bytes]:
        r"""The file's bytes: decompressed, in UTF-8, without a byte order mark, lines end in \n."""
        import pyarrow as pa

        compression = COMPRESSIONS.get(self.path.suffix.lower())
        decoder = codecs.getincrementaldecoder(self.encoding)()
        try:
            with pa.input_stream(self.origin, compression=compression) as file:
                is_first, ended_in_return = True, False
                while chunk := file.read(_CHUNK):
                    if self.encoding != "utf-8":
                        chunk = decoder.decode(chunk).encode()
                    if is_first:
                        chunk, is_first = chunk.removeprefix(codecs.BOM_UTF8), False
                    if ended_in_return:  # whose line end has been given already
                        chunk = chunk.removeprefix(b"\n")
                    ended_in_return = chunk.endswith(b"\r")
                    if b"\r" in chunk:
                        chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                    yield chunk
        except UnicodeDecodeError as error:
            raise self._not_text(None, error) from None
        except OSError as error:
            raise ValueError(f"{self.path} cannot be read: {error}") from error

    def _start(self) -> str:
        """The first lines, as text."""
        content = b""
        for chunk in self._chunks():
            content += chunk
            if len(content) >= _START and (content.count(b"\n") > 2 or len(content) > 2**26):
                break
        if content.count(b"\n", 0, _START) > 2:
            content = content[:_START]
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":  # the last character may be cut off
                raise self._not_text(1 + content.count(b"\n", 0, error.start), error) from None
            return content[: error.start].decode()

    def _not_text(self, line: int | None, error: UnicodeDecodeError) -> ValueError:
        place = self.origin if line is None else f"{self.path}, line {line}"
        encoding = self.encoding.upper()
        return ValueError(
            f"{place} is not {encoding} text: {error.reason}. Save the file as UTF-8, or pass its "
            "encoding, such as 'cp1252'."
        )


def _has_blanks_at_edges(content: bytes, delimiter: str) -> bool:
    """Whether any cell may begin or end with a blank."""
    data = np.frombuffer(content, np.uint8)
    blanks = np.flatnonzero(data == ord(" "))
    if not len(blanks):
        return False
    edges = np.zeros(256, bool)
    edges[[ord(character) for character in (delimiter, "\n", "\r", '"')]] = True
    after = data[np.minimum(blanks + 1, len(data) - 1)]
    return bool(blanks[0] == 0 or edges[data[blanks - 1]].any() or edges[after].any())


def _check_options(delimiter: str | None, decimal: str | None, encoding: str) -> None:
    if delimiter is not None and not (isinstance(delimiter, str) and len(delimiter.encode()) == 1):
        raise ValueError(f"`delimiter` must be one character of ASCII; received {delimiter!r}.")
    if decimal not in (None, ".", ","):
        raise ValueError(f"`decimal` must be '.' or ','; received {decimal!r}.")
    if decimal == "," and delimiter == ",":
        raise ValueError("`decimal` and `delimiter` cannot both be ','.")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError(
            f"`encoding` must be a text encoding that Python knows, such as 'utf-8' or 'cp1252'; "
            f"received {encoding!r}."
        ) from None
