"""Numeric columns by rank: normal scores, and back."""

import json

import numpy as np
import pyarrow as pa
import pytest

from tfae.tables import TableSchema
from tfae.tables.columns.quantiles import MOST_KNOTS, Quantiles, Sample


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    income = np.where(rng.random(3000) < 0.4, 0.0, rng.exponential(1000, 3000).round(2))
    return pa.table(
        {"income": income, "rooms": rng.integers(1, 8, 3000), "z": rng.normal(size=3000)}
    )


@pytest.fixture(scope="module")
def schema(table):
    return TableSchema.infer(table, transforms=dict.fromkeys(table.column_names, "quantile"))


def test_values_come_back_exactly(schema, table):
    decoded = schema.decode(schema.encode(table))
    assert decoded.schema == table.schema
    for name in table.column_names:
        np.testing.assert_allclose(decoded[name], table[name], rtol=1e-5, atol=1e-5)


def test_normal_noise_decodes_to_the_distribution_of_training(schema, table):
    noise = np.random.default_rng(1).normal(size=(3000, 3)).astype("float32")
    drawn = schema.decode(noise)
    for name in table.column_names:
        grid = np.unique(table[name])
        below = [np.searchsorted(np.sort(t[name]), grid, "right") / 3000 for t in (drawn, table)]
        assert np.abs(below[0] - below[1]).max() < 0.04  # Kolmogorov and Smirnov's distance
    assert set(drawn["rooms"].to_pylist()) == set(range(1, 8))


def test_scores_keep_increasing_beyond_the_values_of_training(schema):
    income = np.array([-500.0, 0, 10, 1000, 9000, 1e6])
    x = schema.encode({"income": income, "rooms": [1] * 6, "z": [0.0] * 6})[:, 0]
    assert (np.diff(x) > 0).all()
    assert x[-1] > 500


def test_missing_values_stay_missing(schema):
    x = schema.encode({"income": [None, 1.0], "rooms": [1, None], "z": [0.5, 0.5]})
    np.testing.assert_array_equal(np.isnan(x), [[True, False, False], [False, True, False]])
    assert schema.decode(x)["income"].to_pylist() == [None, 1.0]


def test_the_schema_goes_through_json(schema):
    assert TableSchema.from_json(schema.to_json()) == schema
    assert len(json.dumps(schema.columns[0].get_config())) < 60_000


@pytest.mark.parametrize("n", [1, 2, 3, 5000])
def test_the_number_of_knots_is_bounded(n):
    quantiles = Quantiles.of(np.random.default_rng(0).random(n))
    assert len(quantiles.values) <= MOST_KNOTS
    assert np.isfinite(quantiles.scores).all()
    assert (np.diff(quantiles.scores) > 0).all()


def test_a_sample_is_bounded_and_takes_from_all_parts():
    sample = Sample(size=100)
    for i in range(50):
        sample.add(np.full(30, float(i)))
    assert len(sample.numbers) == 100
    assert len(np.unique(sample.numbers)) > 30
