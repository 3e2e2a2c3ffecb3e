import keras
import numpy as np
import pytest
import tensorflow as tf

from tfae import ops
from tfae.layers import GaussianSampling, next_seed

MEAN = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)
LOG_VARIANCE = np.linspace(-2, 1, 12, dtype="float32").reshape(4, 3)


def test_it_calls_the_op_with_seeds_of_its_generator():
    layer = GaussianSampling(seed=5)
    for draw in range(2):
        z, kl = layer(MEAN, LOG_VARIANCE, training=True)
        expected_z, expected_kl = ops.gaussian_sample_kl(MEAN, LOG_VARIANCE, tf.constant([5, draw]))
        np.testing.assert_array_equal(z, expected_z)
        np.testing.assert_array_equal(kl, expected_kl)


def test_evaluation_does_not_change_what_training_draws():
    layer, same = GaussianSampling(seed=5), GaussianSampling(seed=5)
    for _ in range(3):
        layer(MEAN, LOG_VARIANCE, training=False)
    z, _ = layer(MEAN, LOG_VARIANCE, training=True)
    expected, _ = same(MEAN, LOG_VARIANCE, training=True)
    np.testing.assert_array_equal(z, expected)
    evaluated, _ = layer(MEAN, LOG_VARIANCE, training=False)
    assert np.any(evaluated.numpy() != z.numpy())


def test_several_samples_get_a_leading_axis():
    z, kl = GaussianSampling(num_samples=7, seed=1)(MEAN, LOG_VARIANCE)
    assert z.shape == (7, 4, 3)
    assert kl.shape == (4,)


def test_it_works_in_a_functional_model():
    mean, log_variance = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([mean, log_variance], GaussianSampling(seed=1)(mean, log_variance))
    again = keras.Model.from_config(model.get_config())
    z, kl = again([MEAN, LOG_VARIANCE])
    assert z.shape == (4, 3)
    np.testing.assert_allclose(kl, model([MEAN, LOG_VARIANCE])[1], rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_float32_heads_stay_in_float32_under_mixed_precision(policy):
    layer = GaussianSampling(seed=1, dtype=policy)
    z, kl = layer(MEAN, LOG_VARIANCE)
    assert z.dtype == tf.float32
    assert kl.dtype == tf.float32


def test_next_seed_counts_and_never_repeats():
    generator = keras.random.SeedGenerator(3)
    seeds = [tuple(next_seed(generator).numpy()) for _ in range(50)]
    assert len(set(seeds)) == 50
    assert next_seed(generator).dtype == tf.int64
