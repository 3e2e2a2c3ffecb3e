"""CSV files of every kind are read as intended, and each row knows its line."""

import csv
import io
from unittest import mock

import numpy as np
import pytest

from tfae.tables.reading import csv_table, open_table
from tfae.tables.reading.records import Block, blocks, line_of_row, quoted


def rows_and_lines(path, **options):
    """All rows as lists of text, and the line of each."""
    rows, lines = [], []
    for part in open_table(path, **options).parts():
        rows += [list(row.values()) for row in part.columns.to_pylist()]
        lines += [int(part.where(i).rsplit(" ", 1)[1]) for i in range(part.columns.num_rows)]
    return rows, lines


@pytest.mark.parametrize(
    ("content", "rows", "lines"),
    [
        (b"a,b\n1,2\n3,4\n", [["1", "2"], ["3", "4"]], [2, 3]),
        (b"a,b\r\n1,2\r\n\r\n3,4", [["1", "2"], ["3", "4"]], [2, 4]),
        (b"a,b\r1,2\r3,4\r", [["1", "2"], ["3", "4"]], [2, 3]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [["1", "2"]], [2]),
        (b'a,b\n"1\n2","3 ""x"""\n  \n4,5\n', [["1\n2", '3 "x"'], ["4", "5"]], [2, 5]),
        (
            b'a,b\n5" pipe,2\n6" pipe,"3\n4"\n7,8\n',
            [['5" pipe', "2"], ['6" pipe', "3\n4"], ["7", "8"]],
            [2, 3, 5],
        ),
        (b"a,b\n 1 , x y\n", [["1", "x y"]], [2]),
        (b"a,b\n,NA\nnull,?\nN/A,-\n", [[None, None], [None, None], [None, "-"]], [2, 3, 4]),
        (b"\n\na,b\n1,2\n", [["1", "2"]], [4]),
        (b"a;b\n1,5;x\n", [["1,5", "x"]], [2]),
        (b"x\n1\n2\n", [["1"], ["2"]], [2, 3]),
        # Tabs that separate empty cells are a row, and blanks are none.
        (b"a\tb\n\t\n  \n1\t2\n", [[None, None], ["1", "2"]], [2, 4]),
        (b'a\tb\n"x"\ty\n\t\n', [["x", "y"], [None, None]], [2, 3]),
    ],
)
@pytest.mark.parametrize("chunk", [5, 2**20])
def test_rows_and_their_lines(tmp_path, content, rows, lines, chunk):
    (tmp_path / "t.csv").write_bytes(content)
    with mock.patch.object(csv_table, "_CHUNK", chunk):
        assert rows_and_lines(tmp_path / "t.csv") == (rows, lines)


def test_other_encodings(tmp_path):
    (tmp_path / "t.csv").write_bytes("a;b\n1,5;größer\n".encode("cp1252"))
    assert rows_and_lines(tmp_path / "t.csv", encoding="cp1252")[0] == [["1,5", "größer"]]
    (tmp_path / "t.csv").write_bytes("a;b\n1,5;größer\n".encode("utf-16"))
    assert rows_and_lines(tmp_path / "t.csv", encoding="utf-16")[0] == [["1,5", "größer"]]


def test_blocks_hold_whole_rows_wherever_the_file_is_cut():
    """As Python's csv module reads them, for random text full of quotes."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        rows = [
            ["".join(rng.choice(list('ab", \n'), rng.integers(0, 6))) for _ in range(3)]
            for _ in range(rng.integers(1, 12))
        ]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        content = text.getvalue().encode()
        size = int(rng.integers(1, 40))
        chunks = [content[i : i + size] for i in range(0, len(content), size)]
        number = 0
        for block in blocks(chunks, ","):
            found = list(csv.reader(io.StringIO(block.content.decode(), newline="")))
            assert found == rows[number : number + len(found)]
            begin = "\n".join(",".join(row) for row in rows[:number]).count("\n")
            assert block.line == 1 + begin + (number > 0)
            number += len(found)
        assert number == len(rows)


def test_cells_in_quotes_are_found_among_stray_quotes():
    content = b'a,5" pipe,"b,c"\n"d"'
    assert quoted(content, ",").tolist() == [[10, 14], [16, 18]]
    assert line_of_row(Block(content + b"\n", 7), 1, ",") == 8
