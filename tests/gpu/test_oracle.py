"""The oracle agrees with TensorFlow, where that is installed."""

import numpy as np
import philox_oracle
import pytest


@pytest.mark.parametrize("seed", [(0, 0), (1, 2), (-1, -7), (2**40 + 3, -(2**62))])
def test_the_noise_is_that_of_tensorflow(seed):
    tf = pytest.importorskip("tensorflow")
    for count in (1, 5, 4098):
        expected = tf.random.stateless_normal([count], tf.constant(seed, "int64"), alg="philox")
        actual = philox_oracle.noise(seed, count)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=4e-6)


def test_any_part_of_the_noise_can_be_drawn_alone():
    whole = philox_oracle.noise((8, 9), 100)
    for first in range(8):
        np.testing.assert_array_equal(philox_oracle.noise((8, 9), 50, first), whole[first:][:50])
    far = philox_oracle.noise((8, 9), 4, 2**35)  # the counter exceeds 32 bits
    assert not np.isin(far, whole).any()


@pytest.mark.parametrize("samples", [1, 3])
def test_values_and_gradients_are_those_of_tensorflow(make_problem, samples):
    tf = pytest.importorskip("tensorflow")
    from tfae import ops

    arrays = make_problem(5, 7, "float64", samples)
    mean, log_variance, seed, z_gradient, kl_gradient = map(tf.constant, arrays)
    with tf.GradientTape() as tape:
        tape.watch([mean, log_variance])
        z, kl = ops.gaussian_sample_kl_reference(mean, log_variance, seed, samples)
    gradients = tape.gradient([z, kl], [mean, log_variance], [z_gradient, kl_gradient])
    expected = philox_oracle.evaluate(*arrays)
    for value, tensor in zip(expected.values(), (z, kl, *gradients), strict=True):
        np.testing.assert_allclose(tensor, value, rtol=1e-5, atol=1e-5)
