"""Likelihoods in a model, which trains on their data and samples such data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.losses import likelihoods

N, SIZE = 12, 4
EVERY = list(likelihoods.LIKELIHOODS)


def networks():
    x, z = keras.Input((SIZE,)), keras.Input((2,))
    heads = [keras.layers.Dense(2)(x), keras.layers.Dense(2)(x)]
    return keras.Model(x, heads), keras.Model(z, keras.layers.Dense(SIZE)(z))


def data_of(likelihood):
    outputs = tf.constant(np.random.default_rng(0).normal(size=(N, SIZE)), tf.float32)
    if not likelihood.is_density:
        return outputs.numpy()
    return likelihood.sample(outputs, tf.constant([1, 2], tf.int64)).numpy()


@pytest.fixture(scope="module", params=EVERY)
def trained(request):
    """A variational model after one eager step, and its data."""
    keras.utils.set_random_seed(0)
    model = tfae.VariationalAutoencoder(*networks(), likelihood=request.param, seed=1)
    model.compile(run_eagerly=True)
    x = data_of(model.likelihood)
    before = [np.array(w) for w in model.trainable_weights]
    model.logs = model.fit(x, batch_size=N, epochs=1, verbose=0).history
    model.moved = [np.any(w != b) for w, b in zip(model.trainable_weights, before, strict=True)]
    return model, x


def test_a_train_step_moves_every_weight_and_learned_parameter(trained):
    model, x = trained
    assert np.isfinite(model.logs["loss"][0])
    assert all(model.moved)
    assert np.isfinite(model.anomaly_score(x)).all()


def test_samples_follow_from_the_seed_and_do_not_depend_on_how_many_follow(trained):
    model, x = trained
    if not model.likelihood.is_density:
        for draw in (lambda: model.generate(3, sample=True), lambda: model.sample(x)):
            with pytest.raises(ValueError, match="plain error"):
                draw()
        return
    few, many = (model.generate(n, seed=3, sample=True) for n in (5, 9))
    np.testing.assert_allclose(few, many[:5], rtol=1e-4, atol=1e-6)
    drawn = model.sample(x, seed=3)
    assert drawn.shape == x.shape
    np.testing.assert_allclose(model.sample(x[:5], seed=3), drawn[:5], rtol=1e-4, atol=1e-6)
    assert np.any(model.sample(x, seed=4) != drawn)
    for values in (many, drawn):
        model.data_contract().checked(tfae.batches.batch.Batch(values))


def test_samples_scatter_around_the_mean_as_the_likelihood_says():
    model = tfae.VariationalAutoencoder(*networks(), likelihood=tfae.losses.Gaussian(0.5), seed=1)
    means, drawn = (model.generate(4000, seed=1, sample=sample) for sample in (False, True))
    np.testing.assert_allclose((drawn - means).std(axis=0), 0.5, atol=0.02)
    np.testing.assert_allclose((drawn - means).mean(axis=0), 0, atol=0.03)
    # The 4,000 samples are several batches, each with its own noise.
    noise = drawn - means
    assert np.abs(noise[:256] - noise[256:512]).max() > 0.1


def test_samples_are_in_the_units_of_the_data():
    scaling = tfae.layers.Scaling(shift=100.0, factor=0.1)
    model = tfae.VariationalAutoencoder(*networks(), "poisson", scaling=scaling, seed=1)
    x = 100.0 + 10.0 * data_of(model.likelihood)
    for drawn in (model.sample(x, seed=1), model.generate(20, seed=1, sample=True)):
        counts = (drawn - 100.0) / 10.0
        np.testing.assert_allclose(counts, np.rint(counts), atol=1e-4)
        assert counts.min() > -1e-4


def test_sample_draws_the_codes_too():
    """Repeated samples vary with q(z | x), which is here much wider than p(x | z)."""
    model = tfae.VariationalAutoencoder(*networks(), tfae.losses.Gaussian(1e-4), seed=1)
    x = np.zeros((2, SIZE), "float32")
    drawn = np.stack([model.sample(x, seed=seed) for seed in range(5)])
    assert drawn.std(axis=0).min() > 1e-2
    deterministic = tfae.Autoencoder(*_deterministic(), likelihood=tfae.losses.Gaussian(1e-4))
    drawn = np.stack([deterministic.sample(x, seed=seed) for seed in range(5)])
    assert drawn.std(axis=0).max() < 1e-3


def test_a_conditional_model_samples_the_class_that_is_asked_for():
    model = tfae.ConditionalVariationalAutoencoder.from_shape(
        (SIZE,), 2, num_classes=3, hidden_units=(), seed=1
    )
    kernel = model.decoder.layers[-1].kernel
    kernel.assign(4.0 * kernel)  # so that classes differ clearly
    drawn = model.generate(4000, seed=1, label=2, sample=True)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    of_class, of_another = (model.generate(4000, seed=1, label=k).mean(axis=0) for k in (2, 0))
    np.testing.assert_allclose(drawn.mean(axis=0), of_class, atol=0.04)
    assert np.abs(of_class - of_another).max() > 0.1
    x = {"x": np.zeros((4, SIZE), "float32"), "label": np.arange(4) % 3}
    assert model.sample(x, seed=1).shape == (4, SIZE)


def test_a_model_without_a_likelihood_says_so():
    codes = tfae.batches.batch.Batch(tf.zeros([2, 3]))
    with pytest.raises(NotImplementedError, match="SparseCoding has no likelihood"):
        tfae.SparseCoding(num_atoms=3).sample_decoded_batch(codes, tf.constant([1, 2], tf.int64))


# ---------------------------------------------------------------------------- counts

COUNTS = pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial"])


@COUNTS
def test_negative_and_fractional_counts_are_refused_in_arrays_and_datasets(likelihood):
    model = tfae.Autoencoder(*_deterministic(), likelihood=likelihood)
    good = np.array([[0, 1, 7, 1000]])
    for dtype in ("uint8", "int64", "float32"):
        model.encode(good.astype(dtype) % 200)
    for bad, message in (([[0, 1, 2, 2.5]], "must hold integers"), ([[0, 1, 2, -1]], "at least 0")):
        x = np.array(bad, "float32")
        with pytest.raises(ValueError, match=message):
            model.anomaly_score(x)
        with pytest.raises(ValueError, match=message):
            model.anomaly_score(tf.data.Dataset.from_tensors(x))


def test_scaling_widens_a_half_open_range_at_its_closed_end_only():
    low, high = tfae.layers.Scaling(shift=2.0, factor=0.5).support_of((0.0, np.inf))
    assert low == pytest.approx(2.0, abs=1e-5)
    assert high == np.inf
    low, high = tfae.layers.Scaling(factor=-1.0).support_of((0.0, np.inf))
    assert (low, high) == (-np.inf, 0.0)


def test_pseudo_inputs_of_counts_start_between_zero_and_one():
    prior = tfae.priors.VampPrior(5)
    tfae.VariationalAutoencoder(*networks(), likelihood="poisson", prior=prior, seed=1)
    values = np.asarray(prior.pseudo_inputs)
    assert values.min() >= 0
    assert 0.1 < values.max() <= 1


def test_example_data_for_an_unbounded_range_is_finite():
    from tfae.export.examples import random
    from tfae.export.requests import example_inputs
    from tfae.export.tflite import _data_range, _finite

    model = tfae.Autoencoder(*_deterministic(), likelihood="poisson")
    x = random(model)["x"]
    np.testing.assert_array_equal(x, np.rint(x))
    assert x.max() <= 2
    assert x.min() >= 0
    spec = [tf.TensorSpec([None, SIZE], tf.float32, "x")]
    assert np.isfinite(example_inputs(spec, 3, (0.0, np.inf))["x"]).all()
    assert _data_range((0.0, np.inf), None) is None
    assert np.isfinite([_finite(0.0), _finite(np.inf)]).all()


def _deterministic():
    x, z = keras.Input((SIZE,)), keras.Input((2,))
    return keras.Model(x, keras.layers.Dense(2)(x)), keras.Model(z, keras.layers.Dense(SIZE)(z))
