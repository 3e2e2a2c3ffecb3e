"""Tables that do not fit a run: an error, or a counted report, that says where and what to do."""

import datetime
import gzip
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

import tfae as package
from tfae.cli import main
from tfae.cli.apply.table_files import TableReader
from tfae.cli.data_options import DATA
from tfae.cli.errors import in_terms_of_options
from tfae.cli.json_files import write_json
from tfae.tables import TableSchema

GOOD = "age,city\n30,Bonn\n41,Ulm\n,Bonn\n55,Ulm\n"


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "train.csv"
    rng = np.random.default_rng(0)
    rows = [f"{rng.normal(40, 9):.1f},{('Bonn', 'Ulm')[rng.integers(2)]}" for _ in range(50)]
    file.write_text("\n".join(["age,city", *rows, ",Ulm"]))
    return TableSchema.infer(file)


def reader(path, schema=None, names=("a", "b"), width=2, **options):
    """A reader for a run on `schema`, or on numbers in columns `names`."""
    width = width if schema is None else schema.width
    contract = SimpleNamespace(input_shape=(width,))
    model = SimpleNamespace(schema=schema, data_contract=lambda: contract, conditional=False)
    config = {"data": {"label_column": None, "columns": names and list(names)}}
    return TableReader(Path(path), model, config, **options)


def read(path, schema=None, **options):
    """Reads all of a table; returns the encoded rows."""
    opened = reader(path, schema, **options)
    return np.concatenate([part.x for part in opened.parts(256)]), opened


def error(path, schema=None, **options):
    with pytest.raises(ValueError, match=r"\w") as raised:
        read(path, schema, **options)
    return in_terms_of_options(str(raised.value), DATA)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("age,town\n30,Bonn\n", "new.csv lacks the column 'city' that the run was trained on"),
        ("Age,city\n30,Bonn\n", "Is 'Age' what was 'age'? Then rename it."),
        ("age^city\n30^Bonn\n", "it has 'age^city'. It was read with a header and the delimiter"),
        ("30,Bonn\n41,Ulm\n", "read with no header"),
        ("age,city\n30,Bonn\nabc,Ulm\n", "new.csv, line 3: column 'age' holds 'abc'"),
        ("age,city\n30,Bonn\n41,Ulm,x\n", "new.csv, line 3"),
        ("age,city\n30,Bonn\n41\n", "new.csv, line 3"),
        ("age,city\n30,Bonn\n41,U\0lm\n", "new.csv, line 3: a zero byte"),
        ('age,city\n30,"Bonn\n41,Ulm\n', "new.csv, line 2"),
        ("age,city\n30,Bonn\n1e999,Ulm\n", "new.csv, line 3: column 'age'"),
        ("age,age,city\n1,30,Bonn\n", "two columns called 'age'"),
        ("", "new.csv is empty"),
    ],
)
def test_an_error_names_the_file_the_line_and_the_column(schema, text, said):
    Path("new.csv").write_text(text)
    assert said in error("new.csv", schema)


def test_another_delimiter_is_found_out_or_given(schema):
    Path("good.csv").write_text(GOOD)
    expected = read("good.csv", schema)[0]
    for delimiter in ";\t|^":
        Path("new.csv").write_text(GOOD.replace(",", delimiter))
        given = {"delimiter": "^"} if delimiter == "^" else {}
        np.testing.assert_array_equal(read("new.csv", schema, **given)[0], expected)


def test_categories_never_seen_and_empty_columns_are_counted(schema):
    Path("new.csv").write_text("age,city\n,Bonn\nNA,Rome\n,Rome\n,Oslo\n")
    x, opened = read("new.csv", schema)
    assert np.isnan(x[:, schema.columns[0].slice]).all()
    first, second = sorted(opened.notes())
    assert first == "new.csv: column 'age' is empty: all 4 values are missing."
    assert "column 'city': 3 of 4 values are categories that the schema does not know" in second
    assert "'Rome' (2), 'Oslo' (1)" in second


def test_a_type_that_a_column_cannot_have_is_refused(schema):
    dates = [datetime.date(2024, 1, 1)] * 2
    parquet.write_table(pa.table({"age": dates, "city": ["Ulm", "Bonn"]}), "new.parquet")
    assert "Column 'age' of new.parquet holds date32[day], but numbers are" in error(
        "new.parquet", schema
    )
    Path("new.parquet").write_bytes(Path("new.parquet").read_bytes()[:-9])
    assert "new.parquet cannot be read as a Parquet file" in error("new.parquet", schema)


def test_text_among_the_numbers_of_a_long_file_is_found():
    with gzip.open("new.csv.gz", "wt", compresslevel=1) as file:
        file.write("a,b\n" + 999_998 * "1,2.5\n" + "3,4.5x\n" + 10 * "1,2.5\n")
    said = error("new.csv.gz")
    assert "new.csv.gz, line 1000000: column 'b' holds '4.5x', which is not a number" in said
    assert "train with --column 'b=categorical'" in said


def test_a_table_of_a_million_columns_is_refused_at_once(schema):
    names = ",".join(map(str, range(1_000_000)))
    Path("new.csv").write_text(f"{names}\n{names}\n")
    said = error("new.csv", schema)
    assert "new.csv lacks the columns 'age', 'city'" in said
    assert len(said) < 1000


def test_columns_without_names_go_by_their_number():
    Path("new.csv").write_text("1,2\n3,4\n")
    np.testing.assert_array_equal(read("new.csv", names=None)[0], [[1, 2], [3, 4]])
    said = error("new.csv", names=None, width=3)
    assert "new.csv has 2 columns, but the run was trained on 3 columns without names" in said


def test_what_has_been_written_is_not_left_half(tmp_path):
    """A bad cell in a later part."""
    model = package.Autoencoder.from_shape((2,), 1, hidden_units=(), likelihood="gaussian")
    model.compile(jit_compile=False)
    run = tmp_path / "run"
    run.mkdir()
    model.save(run / "model.keras")
    of_data = dict.fromkeys(("data_dir", "binarize", "scale", "image_size", "channels"))
    of_data |= {"data": "x", "validation_split": 0.0, "label_column": None, "labels": False}
    training = {"epochs": 1, "batch_size": 1, "seed": 0}
    config = {"model": "autoencoder", "hyperparameters": {}, "training": training}
    write_json(run / "config.json", {**config, "data": {**of_data, "columns": ["a", "b"]}})
    Path("new.csv").write_text("a,b\n" + 9000 * "1,2\n" + "1,oops\n")
    result = CliRunner().invoke(main, ["score", "run", "--data", "new.csv", "--out", "out.csv"])
    assert result.exit_code == 2
    assert "new.csv, line 9002: column 'b' holds 'oops'" in result.output
    assert sorted(os.listdir()) == ["new.csv", "run"]
