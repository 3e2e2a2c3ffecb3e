import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfae.losses import Bernoulli, Gaussian, SquaredError, likelihoods

RNG = np.random.default_rng(0)
TARGET = RNG.random((5, 4, 3, 2)).astype("float32")
OUTPUT = RNG.normal(size=(5, 4, 3, 2)).astype("float32")


def test_bernoulli_is_the_negative_log_probability_of_binary_data():
    binary = (TARGET > 0.5).astype("float32")
    p = 1 / (1 + np.exp(-OUTPUT.astype("float64")))
    expected = -scipy.stats.bernoulli.logpmf(binary, p).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(Bernoulli().loss(binary, OUTPUT), expected, rtol=1e-5)
    np.testing.assert_allclose(Bernoulli().mean(OUTPUT), p, rtol=1e-5)


def test_bernoulli_stays_finite_for_huge_logits():
    logits = tf.constant([[1e4, -1e4, 1e30, -1e30]])
    loss = Bernoulli().loss(tf.constant([[1.0, 0.0, 1.0, 0.0]]), logits)
    np.testing.assert_array_equal(loss, [0.0])


@pytest.mark.parametrize("scale", [1.0, 0.25, 3])
def test_gaussian_is_the_negative_log_density_in_nats(scale):
    expected = -scipy.stats.norm.logpdf(TARGET, OUTPUT, scale).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(Gaussian(scale).loss(TARGET, OUTPUT), expected, rtol=1e-5)


def test_a_learned_scale_starts_at_one_and_finds_the_residuals_scale():
    likelihood = Gaussian(scale="learned")
    np.testing.assert_allclose(
        likelihood.loss(TARGET, OUTPUT), Gaussian(1.0).loss(TARGET, OUTPUT), rtol=1e-6
    )
    residual = RNG.normal(scale=0.3, size=(2000, 4)).astype("float32")
    optimizer = keras.optimizers.Adam(0.05)
    for _ in range(200):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(likelihood.loss(residual, tf.zeros_like(residual)))
        optimizer.apply(tape.gradient(loss, likelihood.trainable_variables),
                        likelihood.trainable_variables)  # fmt: skip
    assert float(tf.exp(likelihood.log_scale)) == pytest.approx(0.3, rel=0.05)


def test_squared_error_is_the_plain_sum():
    expected = ((TARGET - OUTPUT) ** 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(SquaredError().loss(TARGET, OUTPUT), expected, rtol=1e-5)
    assert not SquaredError().is_density


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(), SquaredError()])
def test_several_decodings_of_each_example_give_a_loss_each(likelihood):
    outputs = tf.stack([OUTPUT, 2 * OUTPUT, 0 * OUTPUT])
    losses = likelihood.loss(TARGET, outputs)
    assert losses.shape == (3, 5)
    np.testing.assert_allclose(losses[1], likelihood.loss(TARGET, 2 * OUTPUT), rtol=1e-6)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(), SquaredError()])
def test_half_precision_outputs_are_summed_in_float32(likelihood):
    target, output = np.full((1, 4096), 0.3, "float32"), np.full((1, 4096), 0.1, "float16")
    loss = likelihood.loss(target, tf.constant(output))
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, likelihood.loss(target, output.astype("float32")), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float64"])
def test_targets_of_any_numeric_dtype_are_taken(dtype):
    binary = (TARGET > 0.5).astype(dtype)
    np.testing.assert_allclose(
        Bernoulli().loss(binary, OUTPUT), Bernoulli().loss(binary.astype("float32"), OUTPUT)
    )


def test_names_are_shortcuts_and_unknown_ones_are_named():
    assert isinstance(likelihoods.get("squared_error"), SquaredError)
    own = Gaussian(0.5)
    assert likelihoods.get(own) is own
    with pytest.raises(ValueError, match=r"one of \['bernoulli', 'gaussian', 'squared_error'\]"):
        likelihoods.get("mse")
    for scale in (0, -1.0, float("nan"), "adaptive"):
        with pytest.raises(ValueError, match="scale"):
            Gaussian(scale)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.5), Gaussian("learned")])
def test_likelihoods_serialise(likelihood):
    again = likelihoods.get(keras.saving.serialize_keras_object(likelihood))
    assert type(again) is type(likelihood)
    assert again.get_config() == likelihood.get_config()
