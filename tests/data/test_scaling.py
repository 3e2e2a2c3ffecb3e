"""Scaling of stored numbers to float32."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tfae import data
from tfae.data import examples
from tfae.data.statistics import extremes, moments


def loaded(tmp_path, x, **kwargs):
    np.save(tmp_path / "x.npy", x)
    dataset = data.load(tmp_path / "x.npy", shuffle=False, batch_size=len(x), **kwargs)
    return next(iter(dataset)).numpy()


@pytest.mark.parametrize(
    ("dtype", "top", "shape", "divisor"),
    [
        ("uint8", 255, (4, 2, 2), 255),
        ("uint8", 255, (4, 6), 255),
        ("uint16", 65535, (4, 2, 2), 65535),
        ("bool", 1, (4, 2, 2), 1),
        ("int64", 255, (4, 2, 2), 255),
        ("int32", 1, (4, 2, 2), 1),
        ("int64", 1000, (4, 2, 2), 1),
        ("int64", 255, (4, 6), 1),
        ("float32", 255, (4, 2, 2), 1),
        ("float64", 0.5, (4, 2, 2), 1),
        ("float16", 0.5, (4, 6), 1),
    ],
)
def test_auto(tmp_path, dtype, top, shape, divisor):
    x = (np.arange(np.prod(shape)).reshape(shape) * top / (np.prod(shape) - 1)).astype(dtype)
    scaled = loaded(tmp_path, x)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.ravel(), x.ravel() / divisor, rtol=2e-7)
    assert scaled.max() == np.float32(x.max() / divisor)  # never above 1


def test_none_number_minmax_and_standard(tmp_path):
    x = np.array([[0, 5, 3], [10, 5, 4], [5, 5, 8]], np.uint8)
    np.testing.assert_array_equal(loaded(tmp_path, x, scale=None), x)
    np.testing.assert_allclose(loaded(tmp_path, x, scale=10), x / 10, rtol=2e-7)
    np.testing.assert_allclose(
        loaded(tmp_path, x, scale="minmax"), [[0, 0, 0], [1, 0, 0.2], [0.5, 0, 1]], atol=1e-7
    )
    standard = loaded(tmp_path, x, scale="standard")
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(standard.std(axis=0), [1, 0, 1], atol=1e-6)


def test_statistics_are_those_of_the_training_split(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=[[0.0], [10.0]], x_test=[[-5.0], [5.0], [20.0]])
    test = data.load(tmp_path / "x.npz", "test", 3, scale="minmax")
    np.testing.assert_array_equal(next(iter(test)), [[-0.5], [0.5], [2]])
    test = data.load(tmp_path / "x.npz", "test", 3, scale="standard")
    np.testing.assert_array_equal(next(iter(test)), [[-2], [0], [3]])


def test_statistics_leave_out_the_held_out_examples(tmp_path):
    x = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    found = data.find(tmp_path / "x.npy")
    train = next(iter(found.load("train", 50, validation_split=0.3, scale="standard"))).numpy()
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-5)
    scaling = found.scaling("standard", validation_split=0.3)
    held_out = next(iter(found.load("validation", 50, validation_split=0.3, scale="standard")))
    original = next(iter(found.load("validation", 50, validation_split=0.3, scale=None)))
    np.testing.assert_array_equal(scaling.scale(original), held_out)
    np.testing.assert_allclose(scaling.unscale(held_out), original, rtol=1e-5)


@pytest.mark.parametrize("scale", ["minmax", "standard", "auto", 7])
def test_statistics_from_disk_are_those_from_memory(folder, scale):
    streamed, in_memory = (
        data.find(folder, memory_limit=limit).scaling(scale, validation_split=0.2)
        for limit in (0, 10**9)
    )
    np.testing.assert_allclose(streamed.shift, in_memory.shift, rtol=1e-6)
    np.testing.assert_allclose(streamed.factor, in_memory.factor, rtol=1e-6)


def test_moments_add_up_over_parts(monkeypatch):
    monkeypatch.setattr(examples, "_PART", 64)
    x = np.random.default_rng(0).normal(1e4, 1, (1001, 3)).astype(np.float32)
    x[:, 2] = 0.1
    mean, deviation = moments(examples.InMemory(x))
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(deviation[:2], x[:, :2].std(axis=0, dtype=np.float64), rtol=1e-9)
    assert deviation[2] == 0  # though 0.1 has no exact mean
    low, high = extremes(examples.InMemory(x))
    np.testing.assert_array_equal([low, high], [x.min(axis=0), x.max(axis=0)])


def test_a_scaling_can_be_given(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[0.0, 1], [4, 3]], np.float32))
    scaling = data.Scaling(np.float32([0, 1]), np.float32([0.5, 0.25]))
    loaded = data.load(tmp_path / "x.npy", batch_size=2, shuffle=False, scale=scaling)
    np.testing.assert_array_equal(next(iter(loaded)), [[0, 0], [2, 0.5]])
    loaded = data.load(
        tmp_path / "x.npy", batch_size=2, shuffle=False, scale=scaling, binarize="threshold"
    )
    np.testing.assert_array_equal(next(iter(loaded)), [[0, 0], [1, 1]])


def test_a_scaling_is_the_same_after_json(tmp_path):
    x = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    for scale in ("standard", "minmax", 255, None):
        scaling = data.find(tmp_path / "x.npy").scaling(scale)
        again = data.Scaling.from_config(json.loads(json.dumps(scaling.get_config())))
        np.testing.assert_array_equal(again.scale(x), scaling.scale(x))
        np.testing.assert_array_equal(scaling.scale(tf.constant(x)), scaling.scale(x))
        np.testing.assert_allclose(again.unscale(again.scale(x)), x, rtol=1e-5)


def test_scaling_does_not_change_its_argument():
    x = np.ones((2, 3), np.float32)
    data.Scaling(shift=np.float32(1)).scale(x)
    assert (x == 1).all()
