import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import tfae

HVAE = tfae.HierarchicalVariationalAutoencoder


def gaussian_network(size_in, size_out, matrix, offset, variance):
    """Builds a linear map to the mean of a Gaussian of constant variance."""
    x = keras.Input((size_in,))
    mean, log_variance = keras.layers.Dense(size_out), keras.layers.Dense(size_out)
    network = keras.Model(x, [mean(x), log_variance(x)])
    mean.set_weights([matrix, offset])
    log_variance.set_weights([np.zeros((size_in, size_out)), np.log(variance)])
    return network


A, C, VARIANCE = np.array([[0.8, 0.0], [0.0, -0.5]]), np.array([0.3, -0.2]), np.array([0.4, 0.6])


@pytest.fixture
def linear(linear_gaussian):
    """A model of two linear layers, z1 = A z2 + c + noise and x = W z1 + b + noise, and p(x)."""
    precision = 1.0 + np.diag(A) ** 2 / VARIANCE  # of z2 given z1, the exact posterior
    to_mean = A / VARIANCE[:, None] / precision
    model, data, _ = linear_gaussian(
        1.5,
        HVAE,
        top_encoder=gaussian_network(2, 2, to_mean, -C @ to_mean, 1 / precision),
        top_decoder=gaussian_network(2, 2, A.T, C, VARIANCE),
    )
    w, b, scale = linear_gaussian.linear_map()
    of_code = A @ A.T + np.diag(VARIANCE)
    marginal = scipy.stats.multivariate_normal(b + w @ C, w @ of_code @ w.T + scale**2 * np.eye(6))
    return model, data, marginal


def test_log_likelihood_integrates_over_both_layers(linear):
    model, data, marginal = linear
    estimate = model.log_likelihood(data, 2000, seed=1)
    assert np.mean(estimate) == pytest.approx(marginal.logpdf(data).mean(), abs=0.03)


def test_the_negative_loss_is_a_lower_bound_on_the_log_likelihood(linear):
    model, data, marginal = linear
    model.compile(jit_compile=False)
    logs = [model.test_on_batch(data, return_dict=True) for _ in range(20)]
    elbo = -np.mean([log["loss"] for log in logs])
    assert elbo < marginal.logpdf(data).mean()
    # With one sample the importance-weighted estimate is the same bound.
    single = np.mean([model.log_likelihood(data, 1, seed=i).mean() for i in range(20)])
    assert elbo == pytest.approx(single, abs=0.1)


def test_the_kl_of_the_top_layer_is_the_closed_form(linear):
    model, data, _ = linear
    model.compile(jit_compile=False)
    kls = [model.test_on_batch(data, return_dict=True)["top_kl_loss"] for _ in range(20)]
    mean, log_variance = model.encoder(data)
    noise = np.random.default_rng(0).normal(size=(50, *mean.shape)).astype("float32")
    z = tf.reshape(mean + tf.exp(0.5 * log_variance) * noise, [-1, 2])
    expected = np.mean(tfae.losses.gaussian_kl(*model.top_encoder(z)))
    assert np.mean(kls) == pytest.approx(expected, rel=0.02)


def test_generate_goes_from_the_top_layer_down(linear, linear_gaussian):
    model, *_ = linear
    codes = model.prior.sample(5000, tf.constant([1, 0], tf.int64)).numpy()
    np.testing.assert_allclose(codes.mean(0), C, atol=0.05)
    np.testing.assert_allclose(np.cov(codes.T), A @ A.T + np.diag(VARIANCE), atol=0.06)
    w, b, _ = linear_gaussian.linear_map()
    generated = model.generate(5000, seed=1)
    np.testing.assert_allclose(generated, codes @ w.T + b, rtol=1e-4, atol=1e-4)


def test_from_shape_builds_the_networks_of_both_layers():
    options = {"hidden_units": (), "top_latent_dim": 2, "top_hidden_units": (5, 4)}
    model = HVAE.from_shape((8, 8, 1), 6, **options)
    assert [t.shape for t in model.top_encoder.outputs] == [(None, 2)] * 2
    assert [t.shape for t in model.top_decoder.outputs] == [(None, 6)] * 2
    assert model.top_encoder.get_layer("hidden_1").units == 5


def test_networks_that_do_not_fit_are_refused():
    model = HVAE.from_shape((8,), 3, hidden_units=(), top_latent_dim=2, seed=1)
    networks = {"encoder": model.encoder, "decoder": model.decoder}
    for top_encoder, top_decoder in (
        (model.top_decoder, model.top_encoder),
        (model.top_encoder, model.decoder),
    ):
        with pytest.raises(ValueError, match=r"`top_encoder`|incompatible with the layer"):
            HVAE(**networks, top_encoder=top_encoder, top_decoder=top_decoder)
