"""`tfae fit RUN`: what is fitted later is kept with the run."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import tfae as package
from tfae.cli.finished_run import changing

AUTOENCODER = "autoencoder --data digits --latent-dim 2 --hidden-units 8 --epochs 1"


def test_what_is_fitted_is_stored_in_the_run(tfae, make):
    make(AUTOENCODER)
    before = Path("run/model.keras").read_bytes()
    assert "--false-positive-rate" in tfae("fit run", exit_code=2).output
    output = tfae("fit run --prior categorical", exit_code=2).output
    assert "--prior must be gaussian_mixture or gaussian" in output
    assert "examples" in tfae("fit run --false-positive-rate 1e-6", exit_code=2).output
    assert Path("run/model.keras").read_bytes() == before

    shown = tfae("fit run --prior gaussian --false-positive-rate 0.05").output
    model = keras.saving.load_model("run/model.keras")
    assert f"Scores above {model.threshold:.6g} are anomalies" in shown
    assert "0.05 of the normal validation examples score higher" in " ".join(shown.split())
    data = {"batch_size": 256, "shuffle": False, "validation_split": 0.1}
    unseen = package.data.load("digits", "validation", **data)
    assert np.mean(model.is_anomaly(unseen)) <= 0.05
    assert np.isclose(model.anomaly_score(unseen), model.threshold).sum() == 1
    train = package.evaluation.random_sample(package.data.load("digits", "train", **data), 20_000)
    codes = model.encode(train)
    np.testing.assert_allclose(model.fitted_prior.means[0], codes.mean(axis=0), rtol=1e-4)
    tfae("generate run -n 5 --out samples.npy")
    np.testing.assert_array_equal(np.load("samples.npy"), model.generate(5, seed=0))

    Path("run/model.keras").rename("elsewhere.keras")
    Path("run/model.keras").symlink_to(Path("elsewhere.keras").resolve())
    tfae("fit run --false-positive-rate 0.2")
    assert Path("run/model.keras").is_symlink()
    again = keras.saving.load_model("run/model.keras")
    assert again.threshold < model.threshold
    np.testing.assert_array_equal(again.fitted_prior.means, model.fitted_prior.means)
    assert [p.name for p in Path("run").iterdir() if "model" in p.name] == ["model.keras"]


def test_a_run_that_another_command_is_changing_is_left_alone(tfae, own_run):
    before = (own_run / "model.keras").read_bytes()
    with changing(own_run):
        shown = tfae(f"fit {own_run} --prior gaussian", exit_code=2).output
    assert "is changing the run" in " ".join(shown.split())
    assert (own_run / "model.keras").read_bytes() == before


def test_a_threshold_is_not_set_on_training_data(tfae, make, of_table):
    file = make(of_table["autoencoder"]) / "config.json"
    config = json.loads(file.read_text())
    config["data"]["validation_split"] = 0.0
    file.write_text(json.dumps(config))
    shown = tfae("fit run --false-positive-rate 0.1", exit_code=2).output
    assert "only data that it was trained on" in " ".join(shown.split())


def test_discrete_codes_are_drawn_from_a_fitted_categorical_distribution(tfae, make, images):
    make(
        f"vector-quantized-variational --data {images} --latent-dim 4 --architecture conv "
        "--filters 2,4 --num-embeddings 16 --epochs 1"
    )
    assert "--prior categorical" in tfae("generate run", exit_code=2).output
    shown = tfae("fit run --prior gaussian", exit_code=2).output
    assert "--prior must be categorical" in shown
    tfae("fit run --prior categorical")
    tfae("generate run -n 5 --out a.npy")
    expected = keras.saving.load_model("run/model.keras").generate(5, seed=0)
    assert expected.shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(np.load("a.npy"), expected)


@pytest.mark.parametrize(
    "command", ["evaluate", "generate", "fit --prior gaussian", "export", "interpolate", "explore"]
)
def test_a_folder_that_is_not_a_run_is_refused(tfae, command):
    assert "is not the folder of a run" in tfae(f"{command} .", exit_code=2).output
    assert not list(Path().iterdir())
