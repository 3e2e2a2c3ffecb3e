"""The inferred kinds are those that a person would choose."""

import datetime
import decimal
import warnings

import numpy as np
import pyarrow as pa
import pytest

from tfae.data import TableSchema

RNG = np.random.default_rng(0)
N = 200


def inferred(column, name="x", **choices):
    """The column that a schema has for some values, or why it is left out."""
    table = {name: column, "other": RNG.normal(size=len(column))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = TableSchema.infer(table, **choices)
    return schema.left_out.get(name) or schema.columns[0]


def from_csv(tmp_path, cells, name="x", **choices):
    """The same, from a CSV file."""
    text = "\n".join([f"{name};other", *(f"{cell};{i * i % 11}" for i, cell in enumerate(cells))])
    (tmp_path / "t.csv").write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = TableSchema.infer(tmp_path / "t.csv", **choices)
    return schema.left_out.get(name) or schema.columns[0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RNG.normal(size=N), "numeric"),
        (RNG.normal(size=N).astype("float16"), "numeric"),
        (RNG.integers(20, 80, N), "numeric"),
        (RNG.integers(0, 2, N), "binary"),
        (RNG.integers(0, 2, N) * 1.0, "binary"),
        (RNG.choice([1, 2], N), "binary"),
        (RNG.choice([True, False], N), "binary"),
        (RNG.choice(["yes", "no"], N), "binary"),
        (RNG.choice(["a", "b", "c"], N), "categorical"),
        (RNG.integers(1, 6, N), "ordinal"),
        (RNG.choice([4, 6, 8], N), "ordinal"),
        (RNG.poisson(1.5, N), "count"),
        (RNG.negative_binomial(1, 0.02, N), "count"),
        (np.where(RNG.random(N) < 0.3, np.nan, RNG.negative_binomial(2, 0.4, N)), "count"),
        (np.arange(N) * 86400 + np.datetime64("2020-01-01", "s"), "time"),
        (np.arange(N) + np.datetime64("2020-01-01", "D"), "time"),
        ([decimal.Decimal(i) / 4 for i in range(N)], "numeric"),
        (np.arange(N) * np.timedelta64(7, "s"), "numeric"),
        (RNG.normal(size=N) * 1e150, "numeric"),
    ],
)
def test_kinds(values, kind):
    assert inferred(pa.array(values)).kind == kind


@pytest.mark.parametrize(
    ("cells", "kind", "type_name"),
    [
        (["1.5", "2", "3.25", "8"] * 9, "numeric", "double"),
        (
            ["", "1", "NA", "3", "17", "-4", "8", "none", "99", "5", "6", "7", "12", "14"],
            "numeric",
            "int64",
        ),
        ([f"{i},5" for i in range(30)], "numeric", "double"),
        (["01067", "80331", "20095"] * 9, "categorical", "string"),
        (["true", "false"] * 9, "binary", "string"),
        (["3", "4", "5", "6", "8", "rotary"] * 9, "categorical", "string"),
        ([f"2024-01-{i:02}" for i in range(1, 30)], "time", "date32[day]"),
        ([f"2024-01-{i:02} 08:30" for i in range(1, 30)], "time", "timestamp[us]"),
        ([f"2024-01-{i:02}T08:30:00Z" for i in range(1, 30)], "time", "timestamp[us, tz=UTC]"),
        ([f"{i:02}.01.2024" for i in range(1, 30)], "time", "date32[day]"),
        ([f"1/{i}/2024" for i in range(1, 30)], "time", "date32[day]"),
        ([f"{i}/1/2024 12:45" for i in range(1, 30)], "time", "timestamp[us]"),
    ],
)
def test_kinds_of_text_in_a_csv_file(tmp_path, cells, kind, type_name):
    column = from_csv(tmp_path, cells)
    assert (column.kind, column.type) == (kind, type_name)


@pytest.mark.parametrize(
    ("values", "name", "reason"),
    [
        (np.arange(N), "x", "numbers the rows, from 0 to 199"),
        (RNG.permutation(N) + 1, "x", "numbers the rows, from 1 to 200"),
        (RNG.permutation(10 * N)[:N], "PassengerId", "names every row"),
        (RNG.permutation(10 * N)[:N], "account_no", "names every row"),
        ([f"name {i}" for i in range(N)], "x", "names every row: all its texts are different"),
        ([f"t{i % 150}" for i in range(N)], "x", "names rows rather than groups of them: 150"),
        (RNG.integers(1, 9, N), "customer_id", "seems to number things.*'categorical'"),
        (RNG.integers(1, 100, N), "user_id", "seems to number things"),
        ([3] * N, "x", "is constant: 3"),
        (["same"] * N, "x", "is constant: 'same'"),
        ([None] * N, "x", "is empty"),
        ([np.nan] * N, "x", "is empty"),
        ([None, "same"] * N, "x", "is constant"),
        (["01/02/2024", "03/04/2024", "05/06/2024"] * 9, "x", "the day or the month comes first"),
        ([[1, 2]] * N, "x", "holds list"),
        ([b"raw"] * N, "x", "holds binary"),
    ],
)
def test_columns_that_are_left_out_are_reported_with_the_reason(values, name, reason):
    with pytest.warns(UserWarning, match=f"Left out of the table: column '{name}' .*{reason}"):
        TableSchema.infer({name: pa.array(values), "other": RNG.normal(size=len(values))})


@pytest.mark.parametrize("name", ["year", "birth_year", "Month", "age"])
def test_consecutive_years_do_not_number_the_rows(name):
    assert inferred(np.arange(1900, 2000), name).kind == "numeric"


def test_too_many_categories_are_left_out_unless_they_are_wanted():
    values = np.array([f"c{i % 300}" for i in range(900)])
    assert "max_categories=300" in inferred(values)
    assert inferred(values, max_categories=300).width == 300
    assert inferred(values, kinds={"x": "categorical"}).width == 300


def test_everything_inferred_can_be_overridden():
    ids = RNG.integers(1, 6, N)
    assert inferred(ids, "id", kinds={"id": "categorical"}).categories == (1, 2, 3, 4, 5)
    assert inferred(ids, kinds={"x": "numeric"}).kind == "numeric"
    assert inferred(ids, kinds={"x": "count"}).likelihood == "poisson"
    assert inferred(ids, kinds={"x": "ignore"}) == "ignored"
    sizes = RNG.choice(["S", "M", "L"], N)
    ordinal = inferred(sizes, kinds={"x": "ordinal"}, categories={"x": ["S", "M", "L"]})
    assert (ordinal.kind, ordinal.categories) == ("ordinal", ("S", "M", "L"))
    assert inferred(sizes, categories={"x": ["L", "M"]}).kind == "binary"
    log = inferred(np.exp(RNG.normal(size=N) * 3), transforms={"x": "log"})
    assert (log.transform, log.kind) == ("log", "numeric")
    student = {"name": "student_t", "scale": "learned"}
    assert inferred(ids, likelihoods={"x": student}).likelihood == student
    days = inferred(["01/02/2024", "03/04/2024"] * 9, formats={"x": "%d/%m/%Y"})
    assert (days.kind, days.describe()) == ("time", "days since 2024-02-01; day of week, month")


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"kinds": {"xx": "numeric"}}, "names the column 'xx'.*Did you mean 'x'"),
        ({"kinds": {"x": "number"}}, "'numeric', .*'ignore'; received 'number' for 'x'"),
        ({"kinds": {"x": "binary"}}, "'binary' for the column 'x', which has 3 different values"),
        ({"kinds": {"x": "time"}}, "how to read them as times is not clear.*formats="),
        ({"kinds": {"x": "numeric"}}, "row 0: column 'x' holds 'a', which is not a number"),
        ({"kinds": {"x": "count"}}, "row 0: column 'x' holds 'a', which is not a number"),
        ({"transforms": {"x": "sqrt"}}, "must be 'log'"),
        ({"categories": {"x": ["a"]}}, "at least two different categories"),
        ({"categories": {"x": ["a", "a", "b"]}}, "at least two different categories"),
        (
            {"kinds": {"x": "numeric"}, "categories": {"x": ["a", "b"]}},
            "but `kinds` says 'numeric'",
        ),
        ({"max_categories": 1}, "max_categories"),
        ({"kinds": {"other": "count"}}, "'count' for the column 'other'.*not whole numbers"),
        ({"kinds": {"x": "ignore", "other": "ignore"}}, "no column that a model could learn from"),
        ({"kinds": {"huge": "numeric"}}, "'huge' lie between .* too far apart.*'log'"),
    ],
)
def test_overrides_that_cannot_be_met_are_refused(choices, message):
    table = {"x": ["a", "b", "c"] * 9, "other": RNG.normal(size=27)}
    if "huge" in choices.get("kinds", {}):
        table["huge"] = RNG.normal(size=27) * 1e200
    with pytest.raises(ValueError, match=message):
        TableSchema.infer(table, **choices)


def test_statistics_do_not_depend_on_the_parts_in_which_a_table_comes():
    numbers = RNG.normal(1e6, 1, 3000)
    times = pa.array(np.sort(RNG.integers(0, 10**9, 3000)) * 10**6, pa.timestamp("us"))
    table = pa.table({"x": numbers, "t": times, "c": RNG.choice(["a", "b", "c"], 3000)})
    batches = [*table.slice(0, 10).to_batches(), *table.slice(10).to_batches(max_chunksize=700)]
    parts = TableSchema.infer(pa.RecordBatchReader.from_batches(table.schema, batches))
    encoded = TableSchema.infer(table).encode(table)
    np.testing.assert_allclose(parts.encode(table), encoded, atol=2e-6)
    np.testing.assert_allclose(encoded[:, :2].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(encoded[:, :2].std(axis=0), 1, rtol=1e-5)


def test_heavy_tails_are_noted_and_a_logarithm_is_undone():
    x = np.round(np.exp(RNG.normal(size=500) * 3), 2)
    assert "heavy tail" in TableSchema.infer({"x": x}).describe()
    schema = TableSchema.infer({"x": x}, transforms={"x": "log"})
    assert "heavy tail" not in schema.describe()
    np.testing.assert_allclose(
        schema.decode(schema.encode({"x": x}))["x"], x, atol=0.011, rtol=1e-5
    )


def test_times_are_restored_to_their_resolution():
    start = datetime.datetime(1999, 12, 31, 23, 59, 53)
    for step in (datetime.timedelta(seconds=7), datetime.timedelta(minutes=5, seconds=1)):
        times = [start + i * 4321 * step for i in range(1000)]  # up to 40 years
        schema = TableSchema.infer({"t": times})
        assert schema.decode(schema.encode({"t": times}))["t"].to_pylist() == times
