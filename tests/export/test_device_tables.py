"""A .tflite file of a model of tables: `tfae.device` takes and gives rows."""

import numpy as np
import pyarrow as pa
import pytest

import tfae
from tfae.device import DeviceModel
from tfae.export import tflite

N = 64


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "age": rng.normal(50, 9, N).round(1),
            "sex": rng.choice(["male", "female"], N),
            "visits": rng.negative_binomial(2, 0.3, N),
            "port": rng.choice(["A", "B", "C"], N),
            "born": np.datetime64("1950-01-01") + rng.integers(0, 20_000, N),
        }
    )
    schema = tfae.data.TableSchema.infer(table, kinds={"visits": "count"})
    model = tfae.VariationalAutoencoder.from_schema(schema, 2, hidden_units=(8,), seed=0)
    model.compile(run_eagerly=True)
    model.fit(table, verbose=0)
    model.fit_threshold(table, 0.05)
    path = tmp_path_factory.mktemp("device") / "model.tflite"
    report = tflite(model, path, validation=table)
    return model, table, DeviceModel(path), report


def test_rows_on_a_device_give_what_the_model_gives(exported):
    model, table, device, _ = exported
    rows = [*table.slice(0, 4).to_pylist(), {"age": 60.5, "sex": None, "visits": 1, "port": "Z"}]
    with pytest.warns(UserWarning, match="'Z'"):
        x = model.schema.encode([{"born": None, **row} for row in rows])
    np.testing.assert_allclose(device.encode(rows)["code"], model.encode(x), atol=1e-5)
    np.testing.assert_allclose(device.anomaly_score(rows), model.anomaly_score(x), rtol=1e-4)
    np.testing.assert_array_equal(device.is_anomaly(rows), model.is_anomaly(x))
    of_columns = table.slice(0, 4).to_pydict()
    assert device.reconstruct(of_columns) == model.reconstruct(of_columns)


def test_the_file_has_the_schema_and_still_takes_numbers(exported):
    model, table, device, report = exported
    assert tfae.data.TableSchema.from_config(device.metadata["schema"]) == model.schema
    x = model.schema.encode(table)
    np.testing.assert_allclose(device.reconstruct(x), model.reconstruct(x), atol=1e-4)
    assert report.score_correlation > 0.999
