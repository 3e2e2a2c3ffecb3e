"""Data beyond the training range, and scaling that sparse coding and binarized data keep."""

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


def the_run():
    model = keras.saving.load_model("run/model.keras")
    return model, json.loads(Path("run/config.json").read_text())["data"]


def test_what_is_read_is_in_its_own_units_and_not_clipped(tfae, bare, own_units):
    tfae(f"train autoencoder --data d.npz --scale minmax --validation-split 0 {SMALL}")
    model, of_data = the_run()
    dataset = load_split(model, open_data(of_data), of_data, "test", 50, shuffle=False)
    np.testing.assert_array_equal(
        next(dataset.as_numpy_iterator()), own_units[:50] * np.float32(1.5)
    )


def test_held_out_rows_beyond_a_bounded_likelihood_are_counted_and_left_out(tfae, own_units):
    test = own_units[:50] * np.where(np.arange(50) < 10, 1.5, 1)[:, None].astype("float32")
    np.savez("d.npz", x_train=own_units, x_test=test)
    small = SMALL.replace("squared_error", "bernoulli")
    tfae(f"train autoencoder --data d.npz --scale minmax --validation-split 0.5 {small}")
    model, of_data = the_run()
    low, high = model.data_contract().support
    outside = ((test < low) | (test > high)).any(axis=1)
    assert 0 < outside.sum() < 50  # else this test shows nothing
    dataset = load_split(model, open_data(of_data), of_data, "test", 7, shuffle=False)
    batches = list(dataset.as_numpy_iterator())
    np.testing.assert_array_equal(np.concatenate(batches), test[~outside])
    assert {len(batch) for batch in batches[:-1]} <= {7}
    told = f"Note: {outside.sum()} test examples exceed the range of the training data"
    result = tfae("evaluate run --json")
    assert told in " ".join(result.stderr.split())
    of_kept = model.evaluate(test[~outside], verbose=0, return_dict=True)["loss"]
    assert json.loads(result.stdout)["test"]["loss"] == pytest.approx(of_kept, rel=1e-4)


def test_rows_out_of_the_range_count_for_the_threshold(tfae, bare, own_units):
    small = SMALL.replace("squared_error", "bernoulli")
    tfae(f"train autoencoder --data d.npz --scale minmax --validation-split 0.5 {small}")
    assert "infinite score" in tfae("fit run --false-positive-rate 0.01", exit_code=2).output
    tfae("fit run --false-positive-rate 0.2")
    model, of_data = the_run()
    raw = next(
        open_data(of_data)
        .load("validation", 1000, validation_split=0.5, scale=None)
        .as_numpy_iterator()
    )
    low, high = model.data_contract().support
    outside = ((raw < low) | (raw > high)).any(axis=1)
    normal = (model.anomaly_score(raw[~outside]) <= model.threshold).sum()
    assert normal == np.ceil((len(raw) + 1) * 0.8)


@pytest.mark.slow
def test_sparse_coding_keeps_the_scaling(tfae, bare, own_units):
    tfae("train sparse-coding --data d.npz --scale standard --num-atoms 4 --epochs 1 --out run")
    model, _ = the_run()
    scaled = model.scaling(own_units).numpy()
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=0.1)
    plain = package.SparseCoding(4, model.penalty)
    plain.atoms = model.atoms
    np.testing.assert_allclose(model.encode(own_units), plain.encode(scaled), atol=1e-3)
    np.testing.assert_allclose(
        model.reconstruct(own_units),
        model.scaling.inverse(plain.reconstruct(scaled)),
        rtol=1e-3,
        atol=1e-3,
    )


@pytest.mark.parametrize("binarize", ["threshold", "static", "dynamic"])
def test_binarized_data_stays_in_its_own_units_and_the_model_scales_it(
    tfae, bare, own_units, binarize
):
    small = SMALL.replace("squared_error", "bernoulli")
    tfae(f"train autoencoder --data d.npz --scale minmax --binarize {binarize} {small}")
    model, of_data = the_run()
    dataset = load_split(model, open_data(of_data), of_data, "train", 200, shuffle=False)
    batch = next(dataset.as_numpy_iterator())
    scaled = model.scaling(batch).numpy()
    np.testing.assert_allclose(scaled, scaled.round(), atol=1e-4)
    assert {0, 1} == set(scaled.round().ravel())
    assert abs(batch[:, 0].mean() - 100) < 30
    np.save("other.npy", own_units[:20])  # prepared as the run's own data, not by its own range
    other = {**of_data, "data": "other.npy", "validation_split": 0.0}
    dataset = load_split(model, open_data(other), other, "train", 20, shuffle=False)
    ends = np.unique(next(dataset.as_numpy_iterator())[:, 0])
    np.testing.assert_allclose(ends, np.unique(batch[:, 0]))


def test_a_file_is_scored_with_its_rows_out_of_range(tfae, bare, own_units):
    small = SMALL.replace("squared_error", "bernoulli")
    tfae(f"train autoencoder --data d.npz --scale minmax --validation-split 0 {small}")
    rows = own_units[:20].copy()
    rows[[3, 7], 1] += 100
    np.save("new.npy", rows)
    tfae("score run --data new.npy --out scores.npy")
    scores = np.load("scores.npy")
    assert np.flatnonzero(np.isinf(scores)).tolist() == [3, 7]
    inside = np.delete(rows, [3, 7], axis=0)
    expected = the_run()[0].anomaly_score(inside)
    np.testing.assert_allclose(np.delete(scores, [3, 7]), expected, rtol=1e-4)
    output = tfae("encode run --data new.npy --out codes.npy", exit_code=2).output
    assert "row 3: element 1" in " ".join(output.split())
