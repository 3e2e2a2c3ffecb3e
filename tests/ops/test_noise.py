"""The noise is TensorFlow's own, and it is of good quality."""

import numpy as np
import pytest
import tensorflow as tf

from tfae import ops

TOLERANCE = 4e-6  # what the contract allows between implementations

SHAPES = [
    *[(1,), (5,), (4097,)],
    *[(7, 1), (9, 2), (5, 3), (2, 5), (3, 31), (128, 64), (10, 100), (3, 4097)],
    *[(2, 3, 5), (2, 1, 2, 31)],
    *[(0,), (0, 5), (3, 0), (2, 0, 3)],
]
SEEDS = [(0, 0), (1, 2), (-1, -7), (2**40 + 3, -(2**62))]


def noise_of(op, shape, seed, num_samples=None):
    """Returns what `op` draws for a standard Gaussian."""
    zeros = tf.zeros(shape)
    return op(zeros, zeros, seed, num_samples)[0]


def tensorflows_noise(shape, seed):
    return tf.random.stateless_normal(shape, seed, alg="philox")


@pytest.mark.parametrize("op", [ops.gaussian_sample_kl, ops.gaussian_sample_kl_reference])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_noise_equals_tensorflows(op, shape):
    for values in SEEDS:
        seed = tf.constant(values, tf.int64)
        expected = tensorflows_noise(shape, seed)
        np.testing.assert_allclose(noise_of(op, shape, seed), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("op", [ops.gaussian_sample_kl, ops.gaussian_sample_kl_reference])
@pytest.mark.parametrize("num_samples", [1, 2, 7])
def test_several_samples_are_one_stream_of_noise(op, num_samples):
    seed = tf.constant([3, 4])
    noise = noise_of(op, (5, 3), seed, num_samples)
    np.testing.assert_allclose(
        noise, tensorflows_noise((num_samples, 5, 3), seed), rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("shape", [(3, 31), (1000, 37)], ids=str)
def test_the_reference_draws_the_same_noise_in_compiled_functions(shape, jit_compile):
    # The seed is an argument: a literal would be folded into constants, outside XLA.
    compiled = tf.function(
        lambda seed: noise_of(ops.gaussian_sample_kl_reference, shape, seed),
        jit_compile=jit_compile,
    )
    for values in SEEDS:
        seed = tf.constant(values, tf.int64)
        expected = tensorflows_noise(shape, seed)
        np.testing.assert_allclose(compiled(seed), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_every_dtype_gets_the_float32_noise(dtype):
    seed = tf.constant([8, 9])
    zeros = tf.zeros((50, 7), dtype)
    z, _ = ops.gaussian_sample_kl(zeros, zeros, seed)
    assert z.dtype == dtype
    expected = tf.cast(noise_of(ops.gaussian_sample_kl, (50, 7), seed), dtype)
    np.testing.assert_array_equal(tf.cast(z, "float64"), tf.cast(expected, "float64"))


def test_int32_and_int64_seeds_give_the_same_noise():
    narrow, wide = (tf.constant([-11, 12], dtype) for dtype in ("int32", "int64"))
    np.testing.assert_array_equal(
        noise_of(ops.gaussian_sample_kl, (9, 9), narrow),
        noise_of(ops.gaussian_sample_kl, (9, 9), wide),
    )


def test_noise_has_the_moments_of_a_standard_normal():
    count = 2**20
    noise = noise_of(ops.gaussian_sample_kl, (count,), tf.constant([5, 6])).numpy()
    noise = noise.astype("float64")
    # Five standard errors: those of the first moments of n normal numbers.
    for power, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(noise**power) - expected) < 5 * np.sqrt(variance / count)
    assert np.max(np.abs(noise)) < 6


def test_rows_columns_samples_and_seeds_are_independent():
    def draw(*seed):
        return noise_of(ops.gaussian_sample_kl, (64, 4096), tf.constant(seed), 2).numpy()

    noise = draw(1, 2)
    rows = np.corrcoef(noise.reshape(128, 4096))
    assert np.max(np.abs(rows - np.eye(128))) < 6 / np.sqrt(4096)
    columns = np.corrcoef(noise[..., :64].reshape(128, 64), rowvar=False)
    assert np.max(np.abs(columns - np.eye(64))) < 6 / np.sqrt(128)
    for seed in ((1, 3), (2, 2), (2, 1), (0, 0), (-1, -2)):
        correlation = np.corrcoef(noise.ravel(), draw(*seed).ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(noise.size)
