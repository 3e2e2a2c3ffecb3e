"""`--scale`: the model contains the scaling, so it takes and returns data in its own units."""

import json
import shutil

import keras
import numpy as np
import pytest

import tfae as package
from tfae.cli.data_options import open_data
from tfae.cli.new_model import new_model, scaling_of_model

SMALL = "--latent-dim 2 --hidden-units 8 --epochs 1 --likelihood squared_error --out run"


@pytest.fixture(scope="module")
def own_units(tmp_path_factory):
    """Columns of various means and deviations, and a file with test data that goes beyond them."""
    rng = np.random.default_rng(0)
    x = rng.normal([100, -3, 0.5], [20, 1, 0.01], size=(200, 3)).astype("float32")
    file = tmp_path_factory.mktemp("units") / "d.npz"
    np.savez(file, x_train=x, x_test=x[:50] * np.float32(1.5))
    return file, x


def config_of(own_units, scale, model="autoencoder", **of_data):
    """The configuration of a run, as `tfae train` makes it."""
    unset = dict.fromkeys(("data_dir", "binarize", "image_size", "channels", "label_column"))
    data = {"data": str(own_units[0]), "scale": scale, "validation_split": 0.0, "labels": False}
    return {
        "model": model,
        "hyperparameters": {"hidden_units": (8,), "likelihood": "squared_error"},
        "data": {**unset, **data, **of_data},
        "training": {"seed": 0, "latent_dim": 2, "architecture": "mlp"},
    }


@pytest.mark.parametrize("scale", ["standard", "minmax", "255"])
def test_the_model_scales_data_in_its_own_units(own_units, scale):
    _, x = own_units
    config = config_of(own_units, 255.0 if scale == "255" else scale)
    source = open_data(config["data"])
    model = new_model(config, source.describe(), scaling_of_model(config, source))
    scaled = model.scaling(x).numpy()
    if scale == "standard":
        np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-3)
    elif scale == "minmax":
        np.testing.assert_allclose(scaled.min(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(scaled.max(axis=0), 1, atol=1e-4)
    else:
        np.testing.assert_allclose(scaled, x / 255, rtol=1e-6)
    plain = package.Autoencoder(model.encoder, model.decoder, "squared_error")
    np.testing.assert_allclose(model.encode(x), plain.encode(scaled), rtol=1e-4, atol=1e-4)


@pytest.fixture
def standardized(make, own_units):
    """The data of a run with --scale standard, which lies in the folder "run"."""
    file, x = own_units
    options = SMALL.removesuffix(" --out run")
    make(f"autoencoder --data {file} --scale standard --validation-split 0 {options}")
    return x


def test_reconstructed_and_generated_data_is_in_the_units_of_the_data(tfae, standardized):
    model = keras.saving.load_model("run/model.keras")
    assert abs(model.reconstruct(standardized)[:, 0].mean() - 100) < 20
    tfae("fit run --prior gaussian")
    tfae("generate run -n 50 --out g.npy")
    assert abs(np.load("g.npy")[:, 0].mean() - 100) < 20


def test_other_data_is_measured_in_its_own_units(tfae, standardized):
    np.save("other.npy", standardized)
    other = json.loads(tfae("evaluate run --data other.npy --split train --json").output)["train"]
    own = json.loads(tfae("evaluate run --split train --json").output)["train"]
    assert other["loss"] == pytest.approx(own["loss"], rel=1e-4)


def test_a_scaling_that_the_likelihood_does_not_accept_is_refused_as_such(tfae, own_units):
    shutil.copy(own_units[0], "d.npz")
    command = SMALL.replace("--likelihood squared_error", "")
    output = tfae(f"train autoencoder --data d.npz --scale standard {command}", exit_code=2).output
    shown = " ".join(output.split())
    assert (
        "--scale standard gives values below 0 and above 1, which --likelihood Bernoulli" in shown
    )
    assert "add --likelihood gaussian or squared_error, or choose --scale minmax" in shown
