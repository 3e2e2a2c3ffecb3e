"""The variational autoencoder with other priors than N(0, I)."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from scipy.special import logsumexp

import tfae
from tfae.priors import LearnedMixture, Prior, VampPrior


def vae(prior, **hyperparameters):
    keras.utils.set_random_seed(7)
    model = tfae.VariationalAutoencoder.from_shape(
        (8, 8, 1), 3, hidden_units=(24,), prior=prior, seed=7, **hyperparameters
    )
    # Eagerly: for a few steps that is faster than tracing.
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    return model


MAKE = {"mixture": lambda: LearnedMixture(4), "vamp": lambda: VampPrior(5)}
every_prior = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


@every_prior
def test_the_prior_is_trained_saved_and_cloned_with_the_model(make, few_digits, tmp_path):
    model, few_digits = vae(make()), few_digits[:64]
    before = [np.asarray(w) for w in model.prior.trainable_variables]
    model.fit(few_digits, verbose=0)
    assert all((np.asarray(w) != b).any() for w, b in zip(model.prior.weights, before, strict=True))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.generate(5, seed=1), model.generate(5, seed=1))
    a, b = (m.fit(few_digits, initial_epoch=1, epochs=2, verbose=0) for m in (model, loaded))
    assert a.history["loss"] == pytest.approx(b.history["loss"], rel=1e-6)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.generate(5, seed=1), model.generate(5, seed=1))


@every_prior
def test_the_anomaly_score_contains_the_expected_log_ratio_to_the_prior(make, few_digits):
    model = vae(make())
    mean, log_variance = model.encoder(few_digits)
    noise = np.random.default_rng(0).normal(size=(2000, *mean.shape)).astype("float32")
    z = mean + tf.exp(0.5 * log_variance) * noise
    ratio = tfae.losses.gaussian_log_density(z, mean, log_variance) - model.prior.log_density(z)
    expected = model.likelihood.loss(few_digits, model.decoder(mean)) + np.mean(ratio, axis=0)
    standard_error = np.std(ratio, axis=0) / np.sqrt(len(noise))
    assert np.all(np.abs(model.anomaly_score(few_digits) - expected) < 4 * standard_error)


@pytest.mark.parametrize("log_variance", [0.0, -14.0])
def test_equal_priors_give_equal_anomaly_scores(few_digits, log_variance):
    plain, mixed = vae("gaussian"), vae(LearnedMixture(1))
    mixed.prior.mean.assign(tf.zeros((1, 3)))
    for model in (plain, mixed):  # built from one seed, they have the same weights
        model.encoder.get_layer("log_variance").bias.assign(tf.fill([3], log_variance))
    np.testing.assert_allclose(
        mixed.anomaly_score(few_digits), plain.anomaly_score(few_digits), rtol=1e-6, atol=1e-4
    )


@every_prior
def test_beta_and_free_bits_keep_their_meaning(make, few_digits):
    model = vae(make(), beta=3.0, free_bits=20.0)
    logs = model.evaluate(few_digits[:32], verbose=0, return_dict=True)
    assert logs["kl_loss"] == pytest.approx(3 * 20.0)  # three dimensions, all below the floor
    assert logs["loss"] == pytest.approx(logs["reconstruction_loss"] + 3 * 60.0, rel=1e-5)


def test_the_kl_at_many_samples_agrees_with_the_closed_form(few_digits):
    """A mixture of a single standard normal distribution is a prior whose KL is known."""
    prior = LearnedMixture(1)
    model = vae(prior, num_samples=400)
    prior.mean.assign(tf.zeros_like(prior.mean))
    logs = model.evaluate(few_digits, verbose=0, return_dict=True)
    expected = np.mean(tfae.losses.gaussian_kl(*model.encoder(few_digits)))
    assert logs["kl_loss"] == pytest.approx(expected, rel=0.02)


def test_log_likelihood_and_generate_use_the_mixture_prior(linear_gaussian):
    """If the prior of a linear model is a mixture, p(x) is a mixture too."""
    prior = LearnedMixture(2)
    model, data, _ = linear_gaussian(4.0, prior=prior)
    means, deviations, weights = np.array([[-1.0, 0.5], [1.5, 0.0]]), [0.5, 0.9], [0.3, 0.7]
    prior.mean.assign(means)
    prior.log_variance.assign(np.log(np.square(deviations))[:, None] * np.ones((2, 2)))
    prior.logits.assign(np.log(weights))
    w, b, scale = linear_gaussian.linear_map()
    parts = [
        scipy.stats.multivariate_normal(b + w @ m, s**2 * w @ w.T + scale**2 * np.eye(6))
        for m, s in zip(means, deviations, strict=True)
    ]
    expected = logsumexp([p.logpdf(data) for p in parts], axis=0, b=np.array(weights)[:, None])
    estimate = model.log_likelihood(data, 2000, seed=1)
    assert np.mean(estimate) == pytest.approx(expected.mean(), abs=0.03)
    generated = model.generate(4000, seed=1)
    np.testing.assert_allclose(generated.mean(0), b + w @ (weights @ means), atol=0.06)


def test_a_vamp_prior_is_the_mixture_of_posteriors_at_its_pseudo_inputs(few_digits):
    model = vae(VampPrior(5))
    model.prior.pseudo_inputs.assign(few_digits[:5])
    means, log_variances = (np.asarray(t) for t in model.encoder(few_digits[:5]))
    codes = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    of_each = [
        scipy.stats.norm(m, np.exp(0.5 * v)).logpdf(codes).sum(-1)
        for m, v in zip(means, log_variances, strict=True)
    ]
    expected = logsumexp(of_each, axis=0) - np.log(5)
    np.testing.assert_allclose(model.prior.log_density(codes), expected, rtol=1e-4)
    drawn = model.prior.sample(3000, [1, 0]).numpy()
    np.testing.assert_allclose(drawn.mean(0), means.mean(0), atol=0.08)


def test_with_the_data_as_pseudo_inputs_the_kl_is_at_most_the_log_of_their_number(
    linear_gaussian,
):
    """The prior is then the aggregate posterior, and the mean KL is the mutual information."""
    model, data, _ = linear_gaussian(prior=VampPrior(300))
    model.prior.pseudo_inputs.assign(data)
    model.compile(run_eagerly=True)
    logs = [model.test_on_batch(data, return_dict=True)["kl_loss"] for _ in range(10)]
    assert 0 < np.mean(logs) < np.log(300)
    # The aggregate posterior is the prior with the smallest mean KL.
    plain, _, _ = linear_gaussian()
    plain.compile(run_eagerly=True)
    assert np.mean(logs) < plain.test_on_batch(data, return_dict=True)["kl_loss"]


def test_pseudo_inputs_stay_in_the_support_of_the_data(few_digits):
    model = vae(VampPrior(5))
    model.compile(keras.optimizers.SGD(10.0), run_eagerly=True)
    model.prior.pseudo_inputs.assign(tf.ones_like(model.prior.pseudo_inputs))
    model.fit(few_digits[:32], verbose=0)
    pseudo_inputs = np.asarray(model.prior.pseudo_inputs)
    assert 0 <= pseudo_inputs.min() < pseudo_inputs.max() <= 1


def test_a_vamp_prior_does_not_own_the_encoders_weights():
    model = vae(VampPrior(5))
    assert model.prior.weights == [model.prior.pseudo_inputs]


def test_a_vamp_prior_of_another_model_is_refused():
    prior = VampPrior(5)
    vae(prior)
    with pytest.raises(ValueError, match="belongs to one model"):
        vae(prior)
    with pytest.raises(ValueError, match="built by its model"):
        VampPrior(5).build((None, 3))


def test_a_prior_without_density_is_refused():
    class OnlySamples(Prior):
        is_density = False

    with pytest.raises(ValueError, match="that of OnlySamples is not known"):
        vae(OnlySamples())
    with pytest.raises(ValueError, match="that of Uniform is zero somewhere"):
        vae("uniform")
    with pytest.raises(ValueError, match="`num_components`"):
        LearnedMixture(0)
