"""Unusable tables are refused quickly, naming the file, line, column, and what to do."""

import re
import time
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tfae.data import TableSchema
from tfae.tables.reading import csv_table

ROWS = "1.5,a,2024-01-01\n2.5,b,2024-01-02\n,c,2024-01-05\n4,a,2024-01-09\n"
GOOD = "x,c,t\n" + ROWS


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.csv"
    path.write_text(GOOD)
    return TableSchema.infer(path)


def write(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x,c\n1,a\n", "lacks the column 't'. It has the columns 'x', 'c'"),
        ("x,c,t,u,v\n1,a,2024-01-01,1,2\n", "has the columns 'u', 'v', which the schema does not"),
        ("x;y|c\t1", "lacks the columns? .*delimiter"),
        (ROWS, "lacks the columns .*header"),
        (
            "x,c,t\n1,a,2024-01-01\none,b,2024-01-01\n",
            "line 3: column 'x' holds 'one', which is not a number",
        ),
        (
            "x,c,t\n1,a,2024-01-01\n2,b,yesterday\n",
            "line 3: column 't' holds 'yesterday', which is not a time in the format ISO",
        ),
        ("x,c,t\n1,a,2024-02-30\n", "line 2: column 't' holds '2024-02-30'"),
        (
            "x,c,t\n1e999,a,2024-01-01\n",
            "line 2: column 'x' holds '1e999', which is not a finite number",
        ),
        ('x,c,t\n1,"a\nb",2024-01-01\n\n\n2,b,2024-01-01,9\n', "line 6: 4 cells, but line 1 has 3"),
        ('x,c,t\n1,a,2024-01-01\n2,"b,2024-01-01\n', "line 3: Is a quote opened there"),
        ("x,c,t\n1,a\0,2024-01-01\n", "line 2: a zero byte"),
        ("x,c,t\n1,ä,2024-01-01\n".encode("cp1252"), "line 2 is not UTF-8 text.*encoding"),
        (GOOD.encode("utf-16"), "is not UTF-8 text"),
        ("x,x,t\n1,a,2024-01-01\n", "two columns called 'x'"),
        ("", "is empty"),
        (b"\x1f\x8b\x08", "zero byte|not UTF-8|lacks"),
    ],
)
def test_a_csv_file_that_does_not_fit_a_schema(schema, tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}.*({message})"):
        schema.encode(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": ["one"]}, "row 0: column 'x' holds 'one', which is not a number"),
        ({"x": [np.inf]}, "row 0: column 'x' holds inf"),
        ({"x": [[1.0]]}, "Column 'x' of .* holds list<.*numbers are expected"),
        ({"x": pa.array([0], pa.date32())}, "Column 'x' of .* holds date32"),
        ({"t": [20240101]}, "Column 't' of .* holds int64, but dates or times are expected"),
        ({"t": [0.5]}, "Column 't' of .* holds double"),
        ({"c": [[1]]}, "Column 'c' of .* holds list<.*text is expected"),
        ({"c": ["a", 1], "x": [1, 2], "t": [None] * 2}, "cannot be read.*values of one type"),
    ],
)
def test_a_table_of_other_types(schema, columns, message):
    given = {"x": [1.0], "c": ["a"], "t": ["2024-01-01"], **columns}
    with pytest.raises(ValueError, match=message):
        schema.encode(given)


@pytest.mark.parametrize("table", [3, None, [1, 2], np.zeros((2, 3)), []])
def test_what_is_not_a_table_is_refused(schema, table):
    with pytest.raises(ValueError, match="A table must be a path, a data frame"):
        schema.encode(table)
    with pytest.raises(ValueError, match="A table must be a path, a data frame"):
        TableSchema.infer(table)


def test_other_columns_can_be_ignored_and_those_left_out_may_be_present_or_absent(tmp_path):
    rows = {"id": [1, 2, 3], "x": [1.5, 2.5, 4.0]}
    with pytest.warns(UserWarning, match="'id' numbers the rows"):
        schema = TableSchema.infer(rows)
    expected = schema.encode(rows)
    np.testing.assert_array_equal(schema.encode({"x": rows["x"]}), expected)
    more = {**rows, "more": ["a", "b", "c"]}
    np.testing.assert_array_equal(schema.encode(more, other_columns="ignore"), expected)
    with pytest.raises(ValueError, match="`other_columns` must be"):
        schema.encode(more, other_columns="drop")


def test_nothing_at_the_path(schema, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        schema.encode(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="holds no tables"):
        schema.encode(tmp_path)


def test_a_damaged_parquet_file_is_named(schema, tmp_path):
    pa.parquet.write_table(pa.table({"x": np.arange(1000.0)}), tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    path = write(tmp_path, content[:-20], "t.parquet")
    with pytest.raises(ValueError, match=r"t\.parquet cannot be read as a Parquet file"):
        TableSchema.infer(path)
    path = write(tmp_path, content[:50] + b"\xff" * 3000 + content[3050:], "t.parquet")
    with pytest.raises(ValueError, match=r"t\.parquet cannot be read as a Parquet file"):
        TableSchema.infer(path)


def test_files_of_a_folder_must_have_the_same_columns(schema, tmp_path):
    write(tmp_path, GOOD, "a.csv")
    write(tmp_path, GOOD.replace("x,c", "x,d"), "b.csv")
    with pytest.raises(ValueError, match=r"b\.csv has different columns from .*a\.csv: .*'c', 'd'"):
        schema.encode(tmp_path)


def test_a_wrong_cell_in_a_folder_is_found_in_its_file(schema, tmp_path):
    write(tmp_path, GOOD, "a.csv")
    write(tmp_path, GOOD.replace("2.5", "?!"), "b.csv")
    with pytest.raises(ValueError, match=r"b\.csv, line 3: column 'x' holds '\?!'"):
        schema.encode(tmp_path)


def test_text_in_a_column_of_numbers_at_line_a_million_is_named_quickly(tmp_path):
    lines = [b"1.25,7", b"2.5,8", b"3,9", b"4.75,12"] * 250_000
    path = write(tmp_path, b"\n".join([b"x,y", *lines, b"cat,7"]))
    begun = time.perf_counter()
    with pytest.raises(ValueError, match=r"line 1000002: column 'x' holds 'cat'.*kinds={'x': 'cat"):
        TableSchema.infer(path)
    assert time.perf_counter() - begun < 10


def test_a_million_columns_are_refused_quickly(tmp_path):
    header = b",".join(b"c%d" % i for i in range(10**6))
    path = write(tmp_path, header + b"\n" + b",".join([b"1"] * 10**6) + b"\n")
    begun = time.perf_counter()
    with pytest.raises(ValueError, match="has 1,000,000 columns, more than the 20,000 allowed"):
        TableSchema.infer(path)
    assert time.perf_counter() - begun < 10


def test_a_column_that_turns_out_to_be_text_is_read_again(tmp_path):
    lines = [f"{i % 7},{i / 3:.2f}" for i in range(3000)] + [f"k{i % 7},1.5" for i in range(3000)]
    path = write(tmp_path, "\n".join(["c,x", *lines]))
    with mock.patch.object(csv_table, "_CHUNK", 10_000):
        schema = TableSchema.infer(path)
        assert [column.kind for column in schema.columns] == ["categorical", "numeric"]
        assert schema.columns[0].width == 14
        assert not np.isnan(schema.encode(path)).any()


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": "ab"},
        {"delimiter": "ä"},
        {"decimal": ";"},
        {"encoding": "utf-99"},
        {"delimiter": ",", "decimal": ","},
    ],
)
def test_options_of_reading_are_checked(tmp_path, options):
    with pytest.raises(ValueError, match=r"`(delimiter|decimal|encoding)`.* (must be|cannot)"):
        TableSchema.infer(write(tmp_path, GOOD), **options)
