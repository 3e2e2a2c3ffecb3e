"""How stored numbers become float32."""

import numpy as np
import pytest

from tfae import data


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
    np.testing.assert_array_equal(
        scaled.ravel(), x.ravel().astype(np.float32) / np.float32(divisor)
    )


def test_none_number_minmax_and_standard(tmp_path):
    x = np.array([[0, 5, 3], [10, 5, 4], [5, 5, 8]], np.uint8)
    np.testing.assert_array_equal(loaded(tmp_path, x, scale=None), x)
    np.testing.assert_array_equal(loaded(tmp_path, x, scale=10), x / np.float32(10))
    np.testing.assert_allclose(
        loaded(tmp_path, x, scale="minmax"), [[0, 0, 0], [1, 0, 0.2], [0.5, 0, 1]], atol=1e-7
    )
    standard = loaded(tmp_path, x, scale="standard")
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(standard.std(axis=0), [1, 0, 1], atol=1e-6)


def test_statistics_are_those_of_the_training_split(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=[[0.0], [10.0]], x_test=[[-5.0], [5.0], [20.0]])
    test = data.load(tmp_path / "x.npz", "test", 3, scale="minmax")
    np.testing.assert_array_equal(next(iter(test)), [[0], [0.5], [1]])
    test = data.load(tmp_path / "x.npz", "test", 3, scale="standard")
    np.testing.assert_array_equal(next(iter(test)), [[-2], [0], [3]])


def test_statistics_need_memory(folder):
    with pytest.raises(ValueError, match="memory_limit"):
        data.load(folder, scale="minmax", memory_limit=0)
