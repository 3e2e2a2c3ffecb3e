"""The columns of a table in a graph: the same as `TableSchema.encode` and `decode`."""

import datetime
import functools
import json

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from tfae import device
from tfae.export import graph_columns
from tfae.export.table_signatures import example_cells, names_of_columns
from tfae.tables import TableSchema

N = 200


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    start = datetime.datetime(1899, 12, 30)
    times = [start + datetime.timedelta(seconds=int(s)) for s in rng.integers(0, 6e9, N)]
    return pa.table(
        {
            "length": rng.normal(5, 2, N).round(2),
            "income": np.exp(rng.normal(7, 2, N)),
            "rent": np.where(rng.random(N) < 0.3, 0.0, rng.exponential(900, N).round()),
            "visits": rng.negative_binomial(2, 0.3, N),
            "sex": rng.choice(["male", "female"], N),
            "smokes": rng.random(N) < 0.3,
            "port": rng.choice(["Cobh", "Cherbourg", "Southampton"], N),
            "class": rng.integers(1, 4, N),
            "born": pa.array([t.date() for t in times], pa.date32()),
            "seen": pa.array(times, pa.timestamp("us")),
            "opens": pa.array([t.time() for t in times], pa.time64("us")),
        }
    )


@pytest.fixture(scope="module")
def schema(table):
    return TableSchema.infer(
        table,
        transforms={"income": "log", "rent": "quantile"},
        kinds={"class": "ordinal", "visits": "count"},
    )


def cells_of(column, table):
    """What a client sends of a column."""
    values = table[column.name].to_pylist()
    if graph_columns.dtype_of(column) == tf.string:
        return tf.constant(["" if value is None else str(value) for value in values])
    return tf.constant([np.nan if value is None else float(value) for value in values], tf.float64)


def test_the_table_has_every_kind(schema):
    kinds = {"numeric", "count", "binary", "categorical", "ordinal", "time"}
    assert {column.kind for column in schema.columns} == kinds
    assert len(schema.columns) == 11


def test_a_graph_encodes_as_the_schema_does(schema, table):
    holes = table.slice(0, 3)
    holes = pa.table(
        [pa.array([None, *c.to_pylist()[1:]], c.type) for c in holes], table.column_names
    )
    for rows in (table, holes):
        expected = schema.encode(rows)
        for column in schema.columns:
            encode = tf.function(functools.partial(graph_columns.encode, column), autograph=False)
            block = encode(cells_of(column, rows))
            np.testing.assert_allclose(
                block, expected[:, column.slice], rtol=1e-5, atol=2e-6, err_msg=column.name
            )


def test_a_graph_decodes_as_the_schema_does(schema):
    x = np.random.default_rng(1).standard_normal((N, schema.width)).astype("float32")
    x[:, schema.columns[3].slice] = np.abs(x[:, schema.columns[3].slice]) * 10
    expected = schema.decode(x)
    for column in schema.columns:
        cells = graph_columns.decode(column, tf.constant(x[:, column.slice])).numpy()
        wanted = cells_of(column, expected).numpy()
        if column.kind == "time":  # to a second
            wanted = np.array([text.split(b".")[0] for text in wanted])
            same = cells == wanted
            assert same.mean() > 0.95, (column.name, cells[~same][:3], wanted[~same][:3])
        elif cells.dtype == object:
            np.testing.assert_array_equal(cells, wanted)
        else:
            np.testing.assert_allclose(cells, wanted, rtol=1e-6, err_msg=column.name)


def test_what_is_unknown_or_no_time_is_missing(schema):
    by_name = {column.name: column for column in schema.columns}
    for name in ("sex", "port", "born", "seen", "opens"):
        block = graph_columns.encode(by_name[name], tf.constant(["nonsense", ""])).numpy()
        assert np.isnan(block).all(), name
    assert np.isnan(
        graph_columns.encode(by_name["class"], tf.constant([7.0, np.nan], tf.float64))
    ).all()


def test_times_may_have_a_zone_and_a_fraction(schema):
    seen = next(column for column in schema.columns if column.name == "seen")
    same = [
        "2024-05-31T12:30:00",
        "2024-05-31 12:30",
        "2024-05-31T14:30:00.0+02:00",
        "2024-05-31T12:30:00Z",
    ]
    block = graph_columns.encode(seen, tf.constant(same)).numpy()
    np.testing.assert_array_equal(block, block[:1].repeat(4, axis=0))
    west = graph_columns.encode(seen, tf.constant(["2024-05-31T09:00:00-0330"])).numpy()
    np.testing.assert_array_equal(west, block[:1])


def test_names_of_signatures_are_plain_and_differ():
    names = ["age", "hours per week", "hours-per-week", "Größe", "2nd", "label", "x"]
    table = pa.table({name: [1.5, 2.25, 3.125, 7.0] for name in names})
    assert names_of_columns(TableSchema.infer(table)) == [
        "age",
        "hours_per_week",
        "hours_per_week_2",
        "Gr__e",
        "column_2nd",
        "label_2",
        "x_2",
    ]


def test_made_up_cells_are_rows_of_the_table(schema):
    cells = example_cells(schema, 4)
    assert list(cells) == list(schema.column_names)
    assert all(len(values) == 4 for values in cells.values())
    for column in schema.columns:
        assert np.isfinite(graph_columns.encode(column, tf.constant(cells[column.name]))).all(), (
            column.name
        )


def test_a_device_encodes_and_decodes_as_the_schema_does(schema, table):
    config = json.loads(schema.to_json())
    holes = [pa.array([None, *c.to_pylist()[1:]], c.type) for c in table.columns]
    holes = pa.table(holes, table.column_names)
    expected = schema.encode(holes)
    for rows in (holes.to_pydict(), holes.to_pylist()):
        np.testing.assert_allclose(
            device.encode_table(config, rows), expected, rtol=1e-6, atol=1e-6
        )
    x = np.random.default_rng(1).standard_normal((N, schema.width)).astype("float32")
    x[0] = np.nan
    decoded, wanted = device.decode_table(config, x), schema.decode(x)
    for name in table.column_names:
        column, of_schema = decoded[name], wanted[name].to_pylist()
        assert column[0] is None
        assert [type(value) for value in column] == [type(value) for value in of_schema]
        if isinstance(column[1], float):
            np.testing.assert_allclose(column[1:], of_schema[1:], rtol=1e-6)
        else:
            same = [a == b for a, b in zip(column, of_schema, strict=True)]
            assert np.mean(same) > 0.98, name  # times may be rounded to the next step


def test_a_device_tells_what_is_wrong_with_a_table(schema, table):
    config, row = schema.get_config(), table.slice(0, 1).to_pylist()[0]
    assert np.isnan(device.encode_table(config, [{**row, "port": "Z", "sex": ""}])).any()
    with pytest.raises(ValueError, match="'length' holds numbers"):
        device.encode_table(config, [{**row, "length": "long"}])
    with pytest.raises(ValueError, match="'born' holds times"):
        device.encode_table(config, [{**row, "born": "yesterday"}])
    with pytest.raises(ValueError, match="lacks the columns 'income'"):
        device.encode_table(config, {k: [v] for k, v in row.items() if k != "income"})
