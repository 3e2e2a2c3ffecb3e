import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae

IWAE = tfae.ImportanceWeightedAutoencoder


def losses(model, data, draws=20):
    """Returns the logged terms, averaged over draws of the noise."""
    model.compile(jit_compile=False)
    logs = [model.test_on_batch(data, return_dict=True) for _ in range(draws)]
    return {name: np.mean([log[name] for log in logs]) for name in logs[0]}


@pytest.fixture
def gradients(linear_gaussian):
    """Computes gradients of encoder and decoder, (draws, weights), for copies of an example."""

    def compute(variance_factor, doubly_reparameterized, draws=30):
        model, data, _ = linear_gaussian(
            variance_factor, IWAE, num_samples=8, doubly_reparameterized=doubly_reparameterized
        )
        model.compile()
        many = tf.repeat(data[:1], 200, axis=0)

        @tf.function
        def gradient():
            with tf.GradientTape() as tape:
                loss = model.compute_loss(many, training=True)
            networks = (model.encoder, model.decoder)
            found = tape.gradient(loss, [network.trainable_variables for network in networks])
            return [tf.concat([tf.reshape(g, [-1]) for g in of_one], axis=0) for of_one in found]

        return [
            np.array(of_one) for of_one in zip(*(gradient() for _ in range(draws)), strict=True)
        ]

    return compute


def test_with_one_sample_the_bound_is_the_elbo(linear_gaussian):
    weighted = losses(*linear_gaussian(2.0, IWAE, num_samples=1)[:2], draws=60)
    plain = losses(*linear_gaussian(2.0)[:2], draws=60)
    assert weighted["importance_weighting_loss"] == pytest.approx(0.0, abs=1e-5)
    for name in ("loss", "reconstruction_loss", "kl_loss"):
        assert weighted[name] == pytest.approx(plain[name], abs=0.05)


def test_the_bound_rises_with_the_samples_to_the_log_likelihood(linear_gaussian):
    gaps = []
    for num_samples in (1, 4, 32):
        model, data, log_p = linear_gaussian(2.0, IWAE, num_samples=num_samples)
        gaps.append(losses(model, data)["loss"] + log_p.mean())
    assert gaps[0] > gaps[1] > gaps[2] > -0.01
    assert gaps[2] < 0.05


def test_with_the_exact_posterior_every_weight_is_p_of_x(linear_gaussian):
    model, data, log_p = linear_gaussian(1.0, IWAE, num_samples=3)
    logs = losses(model, data, draws=1)
    assert logs["loss"] == pytest.approx(-log_p.mean(), rel=1e-4)
    assert logs["importance_weighting_loss"] == pytest.approx(0.0, abs=1e-4)


def test_the_importance_weighting_loss_is_never_positive(few_digits):
    model = IWAE.from_shape((8, 8, 1), 3, hidden_units=(24,), num_samples=4, seed=1)
    terms = model.loss_terms(tfae.batches.batch.unpack(few_digits), training=True)
    assert float(tf.reduce_max(terms["importance_weighting_loss"])) <= 1e-4


def test_the_doubly_reparameterised_gradient_has_the_same_mean_and_a_smaller_variance(gradients):
    plain, double = gradients(2.0, False), gradients(2.0, True)
    for a, b in zip(plain, double, strict=True):
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / len(a))
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 4.5 * error + 1e-6).all()
    of_encoder, of_encoder_double = plain[0], double[0]
    assert (of_encoder_double.std(axis=0) < 0.8 * of_encoder.std(axis=0)).mean() > 0.9


def test_the_doubly_reparameterised_encoder_gradient_is_zero_at_the_exact_posterior(
    gradients,
):
    np.testing.assert_allclose(gradients(1.0, True, draws=1)[0], 0.0, atol=1e-3)
    assert np.abs(gradients(1.0, False, draws=1)[0]).max() > 1e-2


def test_a_learned_prior_gets_a_gradient(few_digits):
    model = IWAE.from_shape(
        (8, 8, 1), 3, hidden_units=(8,), prior="learned_mixture", doubly_reparameterized=True
    )
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    before = np.asarray(model.prior.mean)
    model.train_on_batch(few_digits)
    assert (np.asarray(model.prior.mean) != before).any()


def test_importance_weights_need_a_density():
    with pytest.raises(ValueError, match="is a density"):
        IWAE.from_shape((8,), 2, likelihood="squared_error")


@pytest.mark.parametrize("name", ["beta", "free_bits"])
def test_beta_and_free_bits_are_not_hyperparameters(name):
    with pytest.raises(ValueError, match=f"has no hyperparameter {name}"):
        IWAE.from_shape((8,), 2, **{name: 1.0})
