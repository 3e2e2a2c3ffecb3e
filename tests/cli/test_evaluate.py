"""`tfae evaluate RUN`."""

import json

import keras
import numpy as np
import pytest

import tfae as package
from tfae.cli import measured_run
from tfae.cli.data_options import open_data


def evaluation(run, split="test"):
    return json.loads((run / "evaluation.json").read_text())[split]


def test_it_prints_and_stores_the_numbers(tfae, own_run):
    before = evaluation(own_run)
    measured = json.loads(tfae(f"evaluate {own_run} --json").output)["test"]
    assert measured == before
    assert measured["elbo"] == -measured["reconstruction_loss"] - measured["kl_loss"]
    assert measured["loss"] == pytest.approx(
        measured["reconstruction_loss"] + 0.5 * measured["kl_loss"], rel=1e-6
    )
    assert measured["squared_error"] == pytest.approx(64 * measured["mean_squared_error"])
    assert 0.1 < measured["linear_probe_accuracy"] <= 1
    assert {"active_units", "mutual_information", "prior_mmd_p_value"} < set(measured)
    shown = tfae(f"evaluate {own_run} --importance-samples 8 --split validation").output
    assert "log likelihood" in shown
    assert evaluation(own_run) == before
    kept = evaluation(own_run, "validation")
    assert kept["log_likelihood"] > kept["elbo"]


def test_the_squared_error_is_that_of_the_models_reconstructions(run):
    model = keras.saving.load_model(run / "model.keras")
    test = np.concatenate(list(package.data.load("digits", "test", 100)))
    error = np.square(model.reconstruct(test) - test).sum() / len(test)
    assert evaluation(run)["squared_error"] == pytest.approx(error, rel=1e-5)


def test_numbers_of_other_data_are_not_stored(tfae, run, monkeypatch):
    before = (run / "evaluation.json").read_text()
    np.save("x.npy", np.zeros((5, 8, 8, 1), np.float32))
    measured = json.loads(tfae(f"evaluate {run} --data x.npy --split train --json").output)
    assert measured["train"]["squared_error"] > 0
    assert (run / "evaluation.json").read_text() == before


def test_generated_data_is_compared_in_a_space_of_features(own_run, tfae, monkeypatch):
    spaces = []

    def measure(model, source, config, split, importance_samples, features, seed):
        spaces.append(features)
        return {"precision": 1.0}

    monkeypatch.setattr(measured_run, "measure", measure)
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()]).save("features.keras")
    for space in ("data", "features.keras"):
        assert "precision" in tfae(f"evaluate {own_run} --features {space}").output
    assert spaces[0] == "data"
    assert spaces[1].output_shape == (None, 64)


def test_a_measurement_that_the_model_does_not_allow_is_explained(tfae, make, of_table):
    make(of_table["autoencoder"])
    output = tfae("evaluate run --features data", exit_code=2).output
    assert "tfae fit run --prior gaussian_mixture" in " ".join(output.split())
    shown = tfae("evaluate run --importance-samples 3", exit_code=2).output
    assert "no log-likelihood to estimate" in shown


def test_a_damaged_evaluation_is_reported_before_anything_is_measured(tfae, own_run, monkeypatch):
    monkeypatch.setattr(measured_run, "measure", lambda *_: pytest.fail("it was measured"))
    (own_run / "evaluation.json").write_text('{"test": ')
    shown = tfae(f"evaluate {own_run}", exit_code=2).output
    assert "evaluation.json is damaged" in " ".join(shown.split())


def test_without_any_label_there_is_no_linear_probe(tmp_path):
    x = np.random.default_rng(0).random((60, 4), np.float32)
    np.savez(
        tmp_path / "d.npz", x_train=x, y_train=np.arange(60) % 3, x_test=x, y_test=np.full(60, -1)
    )
    model = package.Autoencoder.from_shape((4,), 2, hidden_units=())
    model.compile(jit_compile=False)
    config = {
        "data": {
            **dict.fromkeys(("data_dir", "binarize", "image_size", "channels", "label_column")),
            "data": str(tmp_path / "d.npz"),
            "validation_split": 0.0,
            "labels": False,
            "scale": "auto",
        },
        "training": {"batch_size": 32},
    }
    values = measured_run.measure(model, open_data(config["data"]), config, "test")
    assert values["loss"] > 0
    assert "linear_probe_accuracy" not in values
