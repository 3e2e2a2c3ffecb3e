"""A table becomes numbers, and these become the same table again."""

import datetime
import decimal

import keras
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from tfae.data import TableSchema
from tfae.tables import Report

DAY = datetime.date(2024, 2, 27)
MIXED = pa.table(
    {
        "height": [1.75, 1.8, None, 1.62, 1.75, 1.9],
        "visits": [0, 0, 0, 1, None, 9],
        "smokes": [True, False, None, True, False, False],
        "port": ["S", "C", "S", None, "Q", "S"],
        "stars": pa.array([5, 3, 3, 5, 4, 4], pa.int8()),
        "born": [DAY + datetime.timedelta(days) for days in (0, 1, 2, 3, 9, 40)],
        "seen": pa.array(
            [
                datetime.datetime(2024, 1, 1, 8, 15) + i * datetime.timedelta(hours=7)
                for i in range(6)
            ],
            pa.timestamp("ns", "UTC"),
        ),
        "size": pa.array(["S", "L", "M", "M", "S", "L"]).dictionary_encode(),
        "price": pa.array([decimal.Decimal("1.25"), decimal.Decimal("9.99"), None] * 2),
        "alarm": [datetime.time(6, 30), datetime.time(7, 0), None] * 2,
        "took": pa.array([10, 20, 30, 45, 61, 72], pa.duration("s")),
    }
)
KINDS = {"visits": "count", "stars": "ordinal"}


@pytest.fixture(scope="module")
def schema():
    return TableSchema.infer(MIXED, kinds=KINDS)


def test_each_column_gets_the_kind_that_a_person_would_give_it(schema):
    assert {column.name: column.kind for column in schema.columns} == {
        "height": "numeric",
        "visits": "count",
        "smokes": "binary",
        "port": "categorical",
        "stars": "ordinal",
        "born": "time",
        "seen": "time",
        "size": "categorical",
        "price": "binary",
        "alarm": "time",
        "took": "numeric",
    }


def test_decoding_restores_values_and_types(schema):
    encoded = schema.encode(MIXED)
    assert encoded.dtype == np.float32
    assert encoded.shape == (6, schema.width)
    decoded = schema.decode(encoded)
    assert decoded.schema.types == MIXED.schema.types
    assert decoded.to_pydict() == MIXED.to_pydict()


def test_blocks_lie_one_after_the_other(schema):
    assert schema.column_names == tuple(MIXED.column_names)
    assert [c.slice.start for c in schema.columns[1:]] == [
        c.slice.stop for c in schema.columns[:-1]
    ]
    assert (
        schema.width
        == schema.columns[-1].slice.stop
        == sum(len(c.elements) for c in schema.columns)
    )


def test_missing_values_are_nan_in_the_whole_block(schema):
    encoded = schema.encode(MIXED)
    for column in schema.columns:
        is_missing = np.array([value is None for value in MIXED[column.name].to_pylist()])
        block = np.isnan(encoded[:, column.slice])
        np.testing.assert_array_equal(block, np.tile(is_missing[:, None], column.width))


def test_encodings(schema):
    block = {c.name: schema.encode(MIXED)[:, c.slice] for c in schema.columns}
    heights = np.array([1.75, 1.8, 1.62, 1.75, 1.9])
    np.testing.assert_allclose(
        block["height"][0], (1.75 - heights.mean()) / heights.std(), rtol=1e-6
    )
    np.testing.assert_array_equal(block["visits"][:4, 0], [0, 0, 0, 1])
    np.testing.assert_array_equal(block["smokes"][:2, 0], [1, 0])
    np.testing.assert_array_equal(block["port"][0], [0, 0, 1])  # C, Q, S
    stars = np.array([2, 0, 0, 2, 1, 1])
    np.testing.assert_allclose(block["stars"][:, 0], (stars - 1) / stars.std(), rtol=1e-6)


def test_times_are_a_number_and_the_cyclic_parts_that_vary(schema):
    born, seen = (next(c for c in schema.columns if c.name == name) for name in ("born", "seen"))
    assert (born.unit, born.cycles) == ("days", ("day of week", "month"))
    assert (seen.unit, seen.cycles) == ("hours", ("time of day", "day of week"))
    angle = 2 * np.pi * np.array([8.25, 15.25]) / 24
    block = schema.encode(MIXED)[:2, seen.slice]
    np.testing.assert_allclose(block[:, 1], np.sin(angle), atol=1e-6)
    np.testing.assert_allclose(block[:, 2], np.cos(angle), atol=1e-6)
    days = np.array([0, 1, 2, 3, 9, 40])
    block = schema.encode(MIXED)[:, born.slice]
    np.testing.assert_allclose(block[:, 0], (days - days.mean()) / days.std(), rtol=1e-5)
    np.testing.assert_allclose(block[0, 1], np.sin(2 * np.pi / 7), atol=1e-6)  # a Tuesday


def test_outputs_of_a_model_are_decoded_to_whole_values(schema):
    noise = np.random.default_rng(0).normal(0, 0.3, (6, schema.width)).astype("float32")
    decoded = schema.decode(np.nan_to_num(schema.encode(MIXED)) + noise).to_pydict()
    assert set(decoded["port"]) <= {"S", "C", "Q"}
    assert set(decoded["stars"]) <= {3, 4, 5}
    assert min(decoded["visits"]) >= 0
    assert all(round(height, 2) == height for height in decoded["height"])
    assert {time.minute for time in decoded["seen"]} == {15}  # as all times in training


def test_json_and_keras_restore_a_schema(schema, tmp_path):
    for restored in (
        TableSchema.from_json(schema.to_json()),
        TableSchema.from_config(schema.get_config()),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schema)),
    ):
        assert restored == schema
        np.testing.assert_array_equal(restored.encode(MIXED), schema.encode(MIXED))
    schema.to_json(tmp_path / "schema.json")
    assert TableSchema.from_json(tmp_path / "schema.json") == schema
    assert TableSchema.infer(MIXED) != schema


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"columns": [{"kind": "other"}]}',
        '{"columns": [{"kind": "binary"}], "left_out": {}, "rows": 1}',
    ],
)
def test_what_is_not_a_schema_is_refused(text):
    with pytest.raises(ValueError, match=r"JSON|configuration|column"):
        TableSchema.from_json(text)


def test_the_same_rows_are_encoded_alike_whatever_their_source(tmp_path):
    table = MIXED.select(["height", "visits", "port", "born"])
    pa.csv.write_csv(table, tmp_path / "t.csv")
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    (tmp_path / "folder").mkdir()
    for i in range(2):
        pa.csv.write_csv(table.slice(3 * i, 3), tmp_path / "folder" / f"{i}.csv")
    schema = TableSchema.infer(table)
    expected = schema.encode(table)
    rows = table.to_pylist()
    for same in (
        *(tmp_path / "t.csv", tmp_path / "t.parquet", tmp_path / "folder", str(tmp_path / "t.csv")),
        *(
            table.to_pydict(),
            rows,
            table.to_batches()[0],
            table.to_reader(),
            table.select([3, 2, 1, 0]),
        ),
        {
            name: np.array(column.to_pylist(), object)
            for name, column in zip(table.column_names, table.columns, strict=True)
        },
    ):
        np.testing.assert_array_equal(schema.encode(same), expected)
    assert TableSchema.infer(tmp_path / "t.csv").encode(table).shape == expected.shape


def test_unknown_categories_count_as_missing_and_are_reported(schema):
    table = MIXED.set_column(3, "port", pa.array(["S", "X", "X", "Y", None, "Q"]))
    with pytest.warns(
        UserWarning, match=r"the table: column 'port': 3 of 6 .*'X' \(2\), 'Y' \(1\)"
    ):
        encoded = schema.encode(table)
    port = schema.columns[3].slice
    np.testing.assert_array_equal(np.isnan(encoded[:, port.start]), [0, 1, 1, 1, 1, 0])
    report = Report()
    list(schema.encode_batches(table, report))
    assert report.unknown == {"port": {"X": 2, "Y": 1}}
    assert report.missing["port"] == 4
    assert "column 'height': 1 values missing" in str(report)


def test_a_column_without_any_values_is_reported(schema):
    table = MIXED.set_column(0, "height", pa.nulls(6))
    with pytest.warns(UserWarning, match="column 'height' is empty: all 6 values are missing"):
        assert np.isnan(schema.encode(table)[:, 0]).all()


def test_scores_of_elements_add_up_to_scores_of_columns(schema):
    scores = np.arange(2 * schema.width, dtype="float32").reshape(2, schema.width)
    by_column = schema.column_scores(scores)
    assert by_column.shape == (2, len(schema.columns))
    for i, column in enumerate(schema.columns):
        np.testing.assert_allclose(by_column[:, i], scores[:, column.slice].sum(axis=1))
    with pytest.raises(ValueError, match="must have shape"):
        schema.column_scores(scores[:, 1:])
    with pytest.raises(ValueError, match="has shape"):
        schema.decode(scores[:, 1:])


def test_the_description_is_a_table_of_the_columns():
    with pytest.warns(UserWarning, match="Left out of the table: column 'id' numbers the rows"):
        schema = TableSchema.infer(
            {"id": [1, 2, 3, 4], "x": [0.5, 1.5, None, 2.5], "y": list("abba")}
        )
    assert schema.describe().splitlines() == [
        "column  kind     width  likelihood  missing  what it is",
        "x       numeric  1      gaussian    25 %     mean 1.5, standard deviation 0.8165",
        "y       binary   1      bernoulli            a, b",
        "left out: 'id' numbers the rows, from 1 to 4",
    ]
    assert repr(schema) == "<TableSchema of 2 columns (x, y), width 2>"


@pytest.mark.parametrize(
    ("kind", "argument", "value"),
    [
        ("numeric", "name", 3),
        ("numeric", "mean", "x"),
        ("numeric", "mean", float("nan")),
        ("numeric", "deviation", 0),
        ("numeric", "decimals", 1.5),
        ("numeric", "transform", "root"),
        ("numeric", "quantiles", [[1, 2], [0, 1], [0]]),
        ("numeric", "quantiles", 3),
        ("numeric", "likelihood", {"scale": 1}),
        ("numeric", "likelihood", 3),
        ("numeric", "missing", -1),
        ("count", "mean", -1),
        ("ordinal", "deviation", -1),
        ("ordinal", "categories", [None, 1]),
        ("time", "origin", 2.5),
        ("time", "unit", "weeks"),
        ("time", "cycles", ["moon"]),
        ("time", "resolution", 0),
        ("time", "format", 3),
    ],
)
def test_a_wrong_argument_of_a_column_is_named(kind, argument, value):
    right = {"kind": kind, "name": "a"}
    if kind == "ordinal":
        right["categories"] = [1, 2]
    config = {"columns": [right], "left_out": {}, "rows": 1}
    assert TableSchema.from_config(config).column_names == ("a",)
    config["columns"] = [{**right, argument: value}]
    with pytest.raises(ValueError, match=f"{kind} column .*`{argument}`"):
        TableSchema.from_config(config)


@pytest.mark.parametrize(
    "config",
    [3, [], {}, {"columns": 3}, {"columns": [], "left_out": [], "rows": 1}],
)
def test_what_is_not_the_configuration_of_a_schema_is_refused(config):
    with pytest.raises(ValueError, match="This is not the configuration of a schema"):
        TableSchema.from_config(config)


def test_what_is_not_the_configuration_of_a_column_is_refused():
    for column in (3, {"kind": []}, {"kind": "numeric"}):
        with pytest.raises(ValueError, match=r"column|`kind`"):
            TableSchema.from_config({"columns": [column], "left_out": {}, "rows": 1})


def test_a_likelihood_with_a_wrong_argument_is_named():
    column = {"kind": "numeric", "name": "a", "likelihood": {"name": "gaussian", "scales": 1}}
    schema = TableSchema.from_config({"columns": [column], "left_out": {}, "rows": 1})
    with pytest.raises(ValueError, match=r"of the column 'a'.*scales"):
        schema.likelihood()
