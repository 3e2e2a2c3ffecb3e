"""A served model of tables takes rows as a client has them, and gives rows."""

import json
import subprocess
import sys
import urllib.request

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

import tfae
from tfae.export import saved_model

pytestmark = pytest.mark.xdist_group("serving")

ROWS = [
    {"age": 31.0, "sex": "male", "visits": 2, "port": "A", "born": "1993-02-28"},
    {"age": None, "sex": "", "visits": 3, "port": "Z", "born": "1960-12-01"},
    {"age": 70.0, "sex": "female", "visits": 60, "port": "B", "born": ""},
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model of a table, and its export."""
    rng, n = np.random.default_rng(0), 64
    born = np.datetime64("1950-01-01") + rng.integers(0, 20_000, n)
    table = {
        "age": rng.normal(50, 9, n).round(1),
        "sex": rng.choice(["male", "female"], n),
        "visits": rng.negative_binomial(2, 0.3, n),
        "port": rng.choice(["A", "B", "C"], n),
        "born": born,
    }
    schema = tfae.data.TableSchema.infer(pa.table(table), kinds={"visits": "count"})
    model = tfae.VariationalAutoencoder.from_schema(schema, 2, hidden_units=(8,), seed=0)
    model.compile(run_eagerly=True)
    model.fit(pa.table(table), verbose=0)
    model.fit_threshold(pa.table(table), 0.05)
    directory = tmp_path_factory.mktemp("exported") / "people"
    saved_model(model, directory)
    return model, directory


@pytest.fixture(scope="module")
def expected(exported):
    """The rows as a table, in which what is missing is null."""
    rows = [{k: None if v in ("", "Z") else v for k, v in row.items()} for row in ROWS]
    return pa.Table.from_pylist(rows)


def of_clients(rows):
    """Cells as JSON has them: NaN for a number that is missing."""
    return [{k: float("nan") if v is None else v for k, v in row.items()} for row in rows]


def test_signatures_take_and_give_rows(exported, expected):
    model, directory = exported
    loaded = tf.saved_model.load(str(directory / "1"))
    cells = {name: [row[name] for row in of_clients(ROWS)] for name in ROWS[0]}
    specs = loaded.signatures["score"].structured_input_signature[1]
    cells = {name: tf.constant(values, specs[name].dtype) for name, values in cells.items()}

    def ask(signature, **inputs):
        outputs = loaded.signatures[signature](**inputs)
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    scored = ask("score", **cells)
    np.testing.assert_allclose(scored["anomaly_score"], model.anomaly_score(expected), rtol=1e-4)
    assert [name.decode() for name in scored["worst_column"]] == list(model.worst_column(expected))
    drawn = ask("generate", seed=tf.constant([3], tf.int64))
    assert drawn["port"][0].decode() == model.generate(1, seed=3)["port"][0].as_py()
    rows = ask("reconstruct", **cells)
    assert set(rows) == set(ROWS[0])
    np.testing.assert_array_equal(rows["age"], model.reconstruct(expected)["age"])


@pytest.mark.slow
def test_a_rest_client_sends_rows_and_gets_rows(exported, expected, serve):
    model, directory = exported
    with serve(directory) as (_, port):

        def ask(signature, instances):
            url = f"http://127.0.0.1:{port}/v1/models/people:predict"
            body = json.dumps({"signature_name": signature, "instances": instances}).encode()
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)["predictions"]

        scored = ask("score", of_clients(ROWS))
        scores = [row["anomaly_score"] for row in scored]
        np.testing.assert_allclose(scores, model.anomaly_score(expected), rtol=1e-4)
        assert [row["worst_column"] for row in scored] == list(model.worst_column(expected))
        assert [row["is_anomaly"] for row in scored] == list(model.is_anomaly(expected))
        of_columns = np.array([row["column_scores"] for row in scored])
        of_model = model.column_scores(model.schema.encode(expected))
        np.testing.assert_allclose(of_columns, of_model, rtol=1e-4, atol=1e-4)
        codes = [row["code"] for row in ask("encode", of_clients(ROWS))]
        np.testing.assert_allclose(codes, model.encode(expected), rtol=1e-4, atol=1e-5)
        rows = ask("reconstruct", of_clients(ROWS))
        assert rows == as_served(model.reconstruct(expected))
        drawn = ask("generate", [{"seed": 3}, {"seed": 7}])
        assert drawn == as_served(
            pa.concat_tables([model.generate(1, seed=3), model.generate(1, seed=7)])
        )
        said = run_client(directory, port)
        assert said.count("as expected") == 5


def as_served(table):
    """Rows of a table in the types in which they come from a server."""
    return [
        {
            k: float(v) if isinstance(v, int) else v if isinstance(v, str | float) else str(v)
            for k, v in row.items()
        }
        for row in table.to_pylist()
    ]


def run_client(directory, port):
    result = subprocess.run(
        [sys.executable, "-I", "-S", "rest_client.py", f"http://127.0.0.1:{port}"],
        cwd=directory / "serving",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_signatures_name_the_columns_and_their_types(exported):
    _, directory = exported
    loaded = tf.saved_model.load(str(directory / "1"))
    specs = loaded.signatures["reconstruct"].structured_input_signature[1]
    assert {name: spec.dtype for name, spec in specs.items()} == {
        "age": tf.float64,
        "sex": tf.string,
        "visits": tf.float64,
        "port": tf.string,
        "born": tf.string,
    }
    text = (directory / "1" / "assets.extra" / "signatures.md").read_text()
    assert "`sex` string (n)" in text
