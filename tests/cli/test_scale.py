"""`--scale`: the model keeps what was done to the data, so that all is in the data's own units."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import tfae as package
from tfae.cli.data_options import load_split, open_data

SMALL = "--latent-dim 2 --hidden-units 8 --epochs 1 --likelihood squared_error --out run"


@pytest.fixture
def own_units(tmp_path):
    """Training data with columns of other means and deviations, and test data beyond them."""
    rng = np.random.default_rng(0)
    x = rng.normal([100, -3, 0.5], [20, 1, 0.01], size=(200, 3)).astype("float32")
    np.savez(tmp_path / "d.npz", x_train=x, x_test=x[:50] * np.float32(1.5))
    return x


@pytest.mark.parametrize("scale", ["standard", "minmax", "255"])
def test_model_and_generated_data_are_in_the_units_of_the_data(tfae, bare, own_units, scale):
    tfae(f"train autoencoder --data d.npz --scale {scale} --validation-split 0 {SMALL}")
    model = keras.saving.load_model("run/model.keras")
    scaled = model.scaling(own_units).numpy()
    if scale == "standard":
        np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-3)
    elif scale == "minmax":
        np.testing.assert_allclose(scaled.min(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(scaled.max(axis=0), 1, atol=1e-4)
    else:
        np.testing.assert_allclose(scaled, own_units / 255, rtol=1e-6)
    plain = package.Autoencoder(model.encoder, model.decoder, "squared_error")
    np.testing.assert_allclose(model.encode(own_units), plain.encode(scaled), rtol=1e-4, atol=1e-4)
    if scale == "standard":
        assert abs(model.reconstruct(own_units)[:, 0].mean() - 100) < 20
        tfae("fit run --prior gaussian")
        tfae("generate run -n 50 --out g.npy")
        assert abs(np.load("g.npy")[:, 0].mean() - 100) < 20


def test_what_is_read_is_in_its_own_units_and_under_minmax_within_the_training_range(
    tfae, bare, own_units
):
    tfae(f"train autoencoder --data d.npz --scale minmax --validation-split 0 {SMALL}")
    of_data = json.loads(Path("run/config.json").read_text())["data"]
    dataset = load_split(open_data(of_data), of_data, "test", 50, shuffle=False)
    expected = np.clip(own_units[:50] * np.float32(1.5), own_units.min(0), own_units.max(0))
    np.testing.assert_allclose(next(dataset.as_numpy_iterator()), expected, rtol=1e-5)


def test_other_data_is_measured_in_its_own_units(tfae, bare, own_units):
    tfae(f"train autoencoder --data d.npz --scale standard --validation-split 0 {SMALL}")
    np.save("other.npy", own_units)
    other = json.loads(tfae("evaluate run --data other.npy --split train --json").output)["train"]
    own = json.loads(tfae("evaluate run --split train --json").output)["train"]
    assert other["loss"] == pytest.approx(own["loss"], rel=1e-4)


def test_data_that_is_binarized_or_of_models_without_a_scaling_comes_scaled(tfae, bare, own_units):
    def said(command):
        return " ".join(tfae(command).output.split())

    coding = said(
        "train sparse-coding --data d.npz --scale standard --num-atoms 4 --epochs 1 --out coding"
    )
    binarized = said(f"train autoencoder --data d.npz --scale minmax --binarize threshold {SMALL}")
    assert "with this model --scale standard is not kept" in coding
    assert "with data that is binarized --scale minmax is not kept" in binarized
    for run in ("coding", "run"):
        of_data = json.loads(Path(run, "config.json").read_text())["data"]
        assert "scaled_by" not in of_data
        batch = next(load_split(open_data(of_data), of_data, "train", 200).as_numpy_iterator())
        assert np.abs(batch).max() < 6


def test_a_scaling_that_the_likelihood_does_not_take_is_told_as_such(tfae, bare, own_units):
    command = SMALL.replace("--likelihood squared_error", "")
    output = tfae(f"train autoencoder --data d.npz --scale standard {command}", exit_code=2).output
    shown = " ".join(output.split())
    assert "--scale standard gives values below 0 and above 1" in shown
    assert "add --likelihood gaussian or squared_error, or choose --scale minmax" in shown
