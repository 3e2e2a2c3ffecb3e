"""Models of tables: tables in, tables out, for every model with an encoder and a decoder."""

import warnings

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

import tfae
from tfae.bases import table_interface

N = 96
MODELS = [m for m in tfae.models.MODELS.values() if hasattr(m, "from_schema")]


@pytest.fixture(scope="module")
def table():
    """Ages, some missing; a sex that depends on them; counts; and three ports."""
    rng = np.random.default_rng(0)
    old = rng.random(N) < 0.5
    age = np.where(old, rng.normal(70, 3, N), rng.normal(30, 3, N)).round()
    return {
        "age": [
            None if hole else float(a) for hole, a in zip(rng.random(N) < 0.1, age, strict=True)
        ],
        "sex": ["female" if o else "male" for o in old],
        "visits": (rng.poisson(2, N) * (rng.random(N) < 0.8)).tolist(),
        "port": rng.choice(["A", "B", "C"], N).tolist(),
    }


@pytest.fixture(scope="module")
def schema(table):
    return tfae.data.TableSchema.infer(table)


@pytest.fixture(scope="module")
def model(schema, table):
    model = tfae.VariationalAutoencoder.from_schema(schema, 2, hidden_units=(16,), seed=0)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    model.fit(table, epochs=30, batch_size=32, verbose=0)
    model.fit_threshold(table, 0.05)
    return model


def few(table, rows=5):
    return {name: values[:rows] for name, values in table.items()}


def test_tables_give_the_same_results_as_their_encoded_arrays(model, schema, table):
    x = schema.encode(table)
    assert np.isnan(x).any()
    np.testing.assert_array_equal(model.encode(table), model.encode(x))
    np.testing.assert_array_equal(model.anomaly_score(pa.table(table)), model.anomaly_score(x))
    of_table = model.evaluate(table, verbose=0, return_dict=True)
    assert set(of_table) == {"loss", "reconstruction_loss", "kl_loss"}
    assert model.reconstruct(table) == schema.decode(model.reconstruct(x)).to_pydict()
    assert model.predict(few(table), verbose=0) == model.reconstruct(few(table))
    assert isinstance(model.reconstruct(x), np.ndarray)
    rows = model.train_on_batch(few(table), few(table))
    assert np.isfinite(rows).all()


def test_results_are_tables_of_the_type_that_was_passed(model, table):
    of_arrow, of_dict = model.reconstruct(pa.table(few(table))), model.reconstruct(few(table))
    assert of_arrow.schema == pa.table(table).schema
    assert of_dict == of_arrow.to_pydict()
    assert model.reconstruct(pa.table(few(table)).to_pylist()) == of_arrow.to_pylist()
    assert model.sample(pa.table(few(table)), seed=1).schema == of_arrow.schema


def test_pandas_tables_keep_their_index():
    class Frame:
        index = range(0)

    class Converted:
        def to_pandas(self):
            return Frame()

    given = Frame()
    given.index = ["first", "second"]
    Frame.__module__ = "pandas.core.frame"
    assert table_interface.in_type_of(given, Converted()).index == ["first", "second"]


def test_generated_rows_have_the_columns_types_and_categories_of_the_table(model, table):
    rows = model.generate(200, seed=1)
    assert rows.schema == pa.table(table).schema
    assert rows.equals(model.generate(200, seed=1))
    assert set(rows["sex"].to_pylist()) == {"male", "female"}
    assert set(rows["port"].to_pylist()) <= {"A", "B", "C"}
    assert min(rows["visits"].to_pylist()) >= 0
    age, is_male = (np.array(rows[name]) for name in ("age", "sex"))
    is_male = is_male == "male"
    assert age[~is_male].mean() > age[is_male].mean() + 20  # as in the table
    means = model.generate(200, seed=1, sample=False)
    assert np.std(means["age"]) < np.std(age)


def test_losses_of_columns_add_up_and_are_zero_where_a_value_is_missing(model, table):
    scores = model.column_scores(pa.table(table))
    assert scores.column_names == ["age", "sex", "visits", "port"]
    of_rows = sum(np.array(scores[name]) for name in scores.column_names)
    of_array = model.column_scores(model.schema.encode(table))
    np.testing.assert_allclose(of_array.sum(axis=1), of_rows, rtol=1e-6)
    encoded = model.encode(table, return_dict=True)
    mean, log_variance = encoded["code"], encoded["log_variance"]
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
    np.testing.assert_allclose(of_rows + kl, model.anomaly_score(table), rtol=1e-4)
    is_missing = np.array([age is None for age in table["age"]])
    np.testing.assert_array_equal(np.array(scores["age"])[is_missing], 0.0)


def test_the_most_anomalous_column_of_a_row_is_named(model):
    odd = [
        {"age": 31.0, "sex": "male", "visits": 60, "port": "A"},
        {"age": 300.0, "sex": "female", "visits": 2, "port": "B"},
    ]
    assert model.worst_column(odd).tolist() == ["visits", "age"]
    assert model.is_anomaly(odd).all()
    assert set(model.column_scores(odd)[0]) == {"age", "sex", "visits", "port"}


def test_unknown_categories_and_empty_cells_are_missing(model, table):
    row = {"age": 30.0, "sex": "male", "visits": 2, "port": "C"}
    with pytest.warns(UserWarning, match="'Z'"):
        unknown = model.encode([{**row, "port": "Z"}])
    empty = model.encode(pa.table({k: pa.array([v]) for k, v in {**row, "port": None}.items()}))
    np.testing.assert_array_equal(unknown, empty)
    assert not np.array_equal(unknown, model.encode([row]))


def test_the_schema_is_saved_with_the_model(model, table, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.schema == model.schema
    assert loaded.reconstruct(few(table)) == model.reconstruct(few(table))
    np.testing.assert_array_equal(loaded.worst_column(table), model.worst_column(table))
    assert loaded.generate(5, seed=3).equals(model.generate(5, seed=3))


def test_counts_enter_the_network_as_logarithms(model):
    columns = model.likelihood
    x = np.zeros((1, columns.width), "float32")
    x[0, columns.slices["visits"]] = np.expm1(3.0)
    seen = columns.network_input(tf.constant(x)).numpy()
    np.testing.assert_allclose(seen[0, columns.slices["visits"]], 3.0, rtol=1e-6)
    assert seen.sum() == pytest.approx(3.0)


def test_fractional_counts_are_refused_and_other_columns_may_be_fractional(model):
    x = np.zeros((2, model.schema.width), "float32")
    x[:, model.likelihood.slices["age"]] = 0.5
    model.anomaly_score(x)
    x[:, model.likelihood.slices["visits"]] = 0.5
    with pytest.raises(ValueError, match="must hold integers"):
        model.anomaly_score(x)
    with pytest.raises(ValueError, match="must hold integers"):
        model.anomaly_score(tf.data.Dataset.from_tensors(x))


@pytest.mark.parametrize(
    "model_class",
    [
        m if m is tfae.DenoisingAutoencoder else pytest.param(m, marks=pytest.mark.slow)
        for m in MODELS
    ],
    ids=lambda m: m.__name__,
)
def test_every_model_accepts_and_returns_tables(model_class, schema, table):
    options = {"num_classes": 2} if model_class is tfae.ConditionalVariationalAutoencoder else {}
    model = model_class.from_schema(schema, 3, hidden_units=(8,), seed=0, **options)
    model.compile(run_eagerly=True)
    x = {"x": table, "label": np.arange(N) % 2} if model.num_classes else table
    model.fit(x, batch_size=48, verbose=0)
    if model.sampling_prior is None:
        model.fit_prior(x, **({} if "categorical" in model.prior_kinds else {"num_components": 2}))
    assert model.generate(3, seed=0).schema == pa.table(table).schema
    assert set(model.reconstruct(x)) == set(table)
    assert model.worst_column(x).shape == (N,)


def test_a_column_called_x_is_not_mistaken_for_the_input_x():
    table = {"x": [1.5, 2.5, 3.25], "label": [0.5, 0.25, 1.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = tfae.data.TableSchema.infer(table)
    assert table_interface.is_table(schema, table)
    assert not table_interface.is_table(schema, {"x": table})
    np.testing.assert_array_equal(
        table_interface.encoded(schema, {"x": table})["x"], schema.encode(table)
    )


def test_invalid_schemas_and_tables_are_refused(schema):
    with pytest.raises(ValueError, match=r"`schema` turns a row into 6 numbers"):
        tfae.Autoencoder.from_shape((5,), 2, hidden_units=(), schema=schema)
    with pytest.raises(ValueError, match=r"must be a tfae\.data\.TableSchema"):
        tfae.Autoencoder.from_schema({"age": "numeric"}, 2)
    plain = tfae.Autoencoder.from_shape((5,), 2, hidden_units=())
    with pytest.raises(ValueError, match=r"tfae\.losses\.Columns"):
        plain.worst_column(np.zeros((2, 5), "float32"))
