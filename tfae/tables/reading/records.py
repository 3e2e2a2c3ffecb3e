"""Cuts the bytes of a CSV file into blocks of whole rows, and knows the line of each row.

pyarrow parses the blocks. It could also cut the file itself, but would then say of a bad cell only
the row within one of its own blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

_QUOTE, _NEWLINE = ord('"'), ord("\n")


class Block(NamedTuple):
    """Whole rows of a file.

    Attributes:
        content: Their bytes.
        line: Number of the first line, counted from 1.
    """

    content: bytes
    line: int


def blocks(chunks: Iterable[bytes], delimiter: str, limit: int = 2**28) -> Iterator[Block]:
    r"""Cuts a file into blocks of whole rows; a row may hold line ends within quotes.

    Args:
        chunks: The file's bytes one after the other; lines end in "\n".
        delimiter: What stands between two cells.
        limit: The longest row, in bytes.

    Raises:
        ValueError: If there is a zero byte, a quote that is never closed, or a row longer than
            `limit`. The message begins with "line".
    """
    rest, line = b"", 1
    for chunk in _ended(chunks):
        zero = chunk.find(b"\0")
        if zero >= 0:
            number = line + (rest + chunk[:zero]).count(b"\n")
            raise ValueError(
                f"line {number}: a zero byte, so this is not UTF-8 text. Save it as UTF-8, or pass "
                "its encoding."
            )
        content = rest + chunk
        end = _end_of_rows(content, delimiter)
        if end:
            yield Block(content[:end], line)
            line += content.count(b"\n", 0, end)
        rest = content[end:]
        if len(rest) > limit:
            raise ValueError(f"line {line}: a row of more than {limit} bytes. {_ADVICE}")
    opened = quoted(rest, delimiter)[:, 0] if b'"' in rest else ()
    if len(opened) and quoted(rest, delimiter)[-1, 1] == len(rest):
        line += rest.count(b"\n", 0, int(opened[-1]))
        raise ValueError(f"line {line}: {_ADVICE}")


def _ended(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same chunks, except that the last one always ends in a line end."""
    last = b""
    for chunk in chunks:
        if last:
            yield last
        last = chunk
    if last:
        yield last if last.endswith(b"\n") else last + b"\n"


_ADVICE = "Is a quote opened there that is never closed?"


def quoted(content: bytes, delimiter: str) -> np.ndarray:
    """Finds the cells in quotes.

    A quote opens such a cell only at its beginning; within it, two quotes stand for one.

    Returns:
        int64 `(cells, 2)`: the positions of the quotes around each; the last one closes at
        `len(content)` if it is left open. A cell that holds quotes may count as several.
    """
    data = np.frombuffer(content, np.uint8)
    quotes = np.flatnonzero(data == _QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]
    if len(opening) > len(closing):
        closing = np.append(closing, len(content))
    before = data[opening - 1]
    begins = np.isin(before, (ord(delimiter), _NEWLINE, _QUOTE))
    if len(opening) and opening[0] == 0:
        begins[0] = True
    if begins.all():
        return np.stack([opening, closing], axis=1)
    return _quoted_one_by_one(content, delimiter)


def _quoted_one_by_one(content: bytes, delimiter: str) -> np.ndarray:
    """The same if quotes occur inside cells that are not quoted, such as `5" pipe`."""
    opener = re.compile(rb"(?:\A|[\n" + re.escape(delimiter.encode()) + rb'])"')
    closer = re.compile(rb'"(?:""|[^"])*+("|\Z)')
    found, position = [], 0
    while match := opener.search(content, position):
        start = match.end() - 1
        end = closer.match(content, start).start(1)
        found.append((start, end))
        position = end
        if end < len(content):
            position += 1
        else:
            break
    return np.array(found, np.int64).reshape(-1, 2)


def blanks(delimiter: str) -> str:
    """The characters of lines that are not rows; a tab may also separate empty cells."""
    return " \t\r\v\f".replace(delimiter, "")


def line_of_row(block: Block, row: int, delimiter: str, skip_blanks: bool = True) -> int:
    """Returns the number of the line in which a row of a block begins.

    Empty lines are not rows, nor are lines of blanks if `skip_blanks`.
    """
    ends = _line_ends(block.content, delimiter)
    starts = np.concatenate([[0], ends[:-1] + 1])
    first = np.frombuffer(block.content, np.uint8)[starts]
    is_empty = starts == ends
    if skip_blanks:
        skipped = blanks(delimiter).encode()
        for i in np.flatnonzero(np.isin(first, np.frombuffer(skipped, np.uint8))):
            is_empty[i] = not block.content[starts[i] : ends[i]].strip(skipped)
    return block.line + block.content.count(b"\n", 0, int(starts[~is_empty][row]))


def _line_ends(content: bytes, delimiter: str) -> np.ndarray:
    """Positions of the line ends that are not within quotes."""
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == _NEWLINE)
    if b'"' not in content:
        return ends
    cells = quoted(content, delimiter)
    if not len(cells):
        return ends
    cell = np.searchsorted(cells[:, 0], ends) - 1
    inside = (cell >= 0) & (ends < cells[cell, 1])
    return ends[~inside]


def _end_of_rows(content: bytes, delimiter: str) -> int:
    """Returns the position after the last line end that ends a row; 0 if there is none."""
    if b'"' not in content:
        return content.rfind(b"\n") + 1
    ends = _line_ends(content, delimiter)
    return int(ends[-1]) + 1 if len(ends) else 0
