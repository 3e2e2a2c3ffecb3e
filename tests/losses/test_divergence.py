import numpy as np
import scipy.stats
import tensorflow as tf

from tfae.losses import free_bits, gaussian_kl, gaussian_kl_per_dimension, gaussian_log_density

RNG = np.random.default_rng(1)
MEAN = RNG.normal(size=(6, 4))
LOG_VARIANCE = RNG.normal(size=(6, 4))


def test_the_kl_equals_its_integral():
    z = np.linspace(-15, 15, 20_001)
    for mean, log_variance in zip(MEAN[0], LOG_VARIANCE[0], strict=True):
        q = scipy.stats.norm(mean, np.exp(0.5 * log_variance))
        integral = np.trapezoid(q.pdf(z) * (q.logpdf(z) - scipy.stats.norm.logpdf(z)), z)
        np.testing.assert_allclose(gaussian_kl_per_dimension(mean, log_variance), integral, 1e-6)


def test_the_kl_is_zero_only_at_the_prior_and_sums_over_the_last_axis():
    assert float(gaussian_kl(tf.zeros([3]), tf.zeros([3]))) == 0
    per_dimension = gaussian_kl_per_dimension(MEAN, LOG_VARIANCE)
    assert (per_dimension.numpy() > 0).all()
    np.testing.assert_allclose(gaussian_kl(MEAN, LOG_VARIANCE), per_dimension.numpy().sum(-1))


def test_free_bits_floors_the_batch_mean_of_each_dimension():
    kl = tf.constant([[0.1, 3.0], [0.3, 1.0]])
    np.testing.assert_allclose(free_bits(kl, 0.5), [0.5 + 3.0, 0.5 + 1.0])
    np.testing.assert_allclose(free_bits(kl, 0.0), [3.1, 1.3], rtol=1e-6)


def test_free_bits_gives_no_gradient_below_the_floor():
    kl = tf.constant([[0.1, 3.0], [0.3, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(kl)
        value = tf.reduce_sum(free_bits(kl, 0.5))
    np.testing.assert_array_equal(tape.gradient(value, kl), [[0, 1], [0, 1]])


def test_the_log_density_agrees_with_scipy():
    x = RNG.normal(size=(6, 4))
    expected = scipy.stats.norm.logpdf(x, MEAN, np.exp(0.5 * LOG_VARIANCE)).sum(-1)
    np.testing.assert_allclose(
        gaussian_log_density(tf.constant(x), MEAN, LOG_VARIANCE), expected, rtol=1e-9
    )
    np.testing.assert_allclose(
        gaussian_log_density(tf.constant(x), 0.0, 0.0), scipy.stats.norm.logpdf(x).sum(-1)
    )
