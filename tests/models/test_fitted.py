"""What is fitted to trained models: a density of the codes and a threshold of the scores."""

import keras
import numpy as np
import pytest

import tfae
from tfae.bases.threshold import conformal_threshold

MODELS = [m for m in tfae.models.MODELS.values() if hasattr(m, "from_shape")]
QUICK = (tfae.Autoencoder, tfae.VectorQuantizedVariationalAutoencoder)  # both kinds of codes

every_model = pytest.mark.parametrize(
    "model_class",
    [m if m in QUICK else pytest.param(m, marks=pytest.mark.slow) for m in MODELS],
    ids=lambda m: m.__name__,
)


def small(model_class, seed=7):
    keras.utils.set_random_seed(seed)
    model = model_class.from_shape((8, 8, 1), 3, hidden_units=(24,), seed=seed)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return model


@every_model
def test_a_fitted_prior_and_threshold_are_saved_with_the_weights(model_class, few_digits, tmp_path):
    model = small(model_class)
    model.fit_prior(few_digits, seed=0)
    model.fit_threshold(few_digits, 0.1)
    generated = model.generate(5, seed=1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.generate(5, seed=1), generated)
    assert loaded.threshold == model.threshold
    assert loaded.false_positive_rate == 0.1
    np.testing.assert_array_equal(loaded.is_anomaly(few_digits), model.is_anomaly(few_digits))
    loaded.fit_prior(
        few_digits[:30], model.prior_kinds[-1]
    )  # works again, although layers are locked
    assert (loaded.generate(5, seed=1) != generated).any()


@every_model
def test_loading_weights_replaces_what_was_fitted(model_class, few_digits, tmp_path):
    model = small(model_class)
    model.save_weights(tmp_path / "plain.weights.h5")
    model.fit_prior(few_digits, model.prior_kinds[-1])
    model.fit_threshold(few_digits, 0.1)
    model.save_weights(tmp_path / "fitted.weights.h5")
    other = keras.models.clone_model(model)
    assert other.fitted_prior is None
    assert other.threshold is None
    other.load_weights(tmp_path / "fitted.weights.h5")
    for name, array in model.fitted_prior.parameters.items():
        np.testing.assert_array_equal(other.fitted_prior.parameters[name], array)
    assert other.threshold == model.threshold
    other.load_weights(tmp_path / "plain.weights.h5")
    assert other.fitted_prior is None
    assert other.threshold is None


@every_model
def test_generated_data_comes_from_the_fitted_prior(model_class, few_digits):
    model = small(model_class)
    prior = model.fit_prior(few_digits, model.prior_kinds[-1], seed=0)
    assert model.fitted_prior is model.sampling_prior is prior
    codes = prior.sample(6, [4, 0])
    label = {"label": 2} if model.conditional else {}
    decoded = model.decode(codes, **label)
    np.testing.assert_allclose(model.generate(6, seed=4, **label), decoded, rtol=1e-5)
    # Exported graphs sample it too, from a seed per row.
    np.testing.assert_allclose(model.sample_prior_batch(np.array([4]))[0], codes[0], rtol=1e-5)
    if not label:  # a density that was fitted without labels has no classes
        with pytest.raises(ValueError, match=r"(has|knows) no classes"):
            model.generate(2, label=1)
    own = model.prior
    model.forget_prior()
    assert model.fitted_prior is None
    assert model.sampling_prior is own


@pytest.mark.parametrize(
    ("model_class", "kind", "kinds"),
    [
        (tfae.Autoencoder, "categorical", "'gaussian_mixture', 'gaussian'"),
        (tfae.VariationalAutoencoder, "categorical", "'gaussian_mixture', 'gaussian'"),
        (tfae.VectorQuantizedVariationalAutoencoder, "gaussian", "'categorical'"),
        (tfae.VectorQuantizedVariationalAutoencoder, "gaussian_mixture", "'categorical'"),
    ],
)
def test_a_density_that_does_not_suit_the_codes_is_refused(model_class, kind, kinds, few_digits):
    model = small(model_class)
    with pytest.raises(ValueError, match=rf"one of \[{kinds}\] for .*received '{kind}'"):
        model.fit_prior(few_digits, kind)
    assert model.fitted_prior is None


def test_without_a_prior_the_error_says_how_to_fit_one(few_digits):
    model = small(tfae.Autoencoder)
    assert model.sampling_prior is None
    with pytest.raises(NotImplementedError, match=r"fit_prior\(x\)"):
        model.generate(3)


def test_a_variational_model_keeps_its_own_prior_in_the_objective(few_digits):
    model = small(tfae.VariationalAutoencoder)
    own, log_likelihood = model.prior, model.log_likelihood(few_digits, 3, seed=1)
    model.fit_prior(few_digits, "gaussian")
    assert model.prior is own
    assert model.sampling_prior is not own
    np.testing.assert_array_equal(model.log_likelihood(few_digits, 3, seed=1), log_likelihood)


def test_a_variational_models_prior_is_fitted_to_samples_of_its_posteriors(few_digits):
    """The posteriors of an untrained model are wide: about N(mean, I)."""
    model = small(tfae.VariationalAutoencoder)
    mean, log_variance = (np.asarray(t) for t in model.encoder(few_digits))
    prior = model.fit_prior(np.repeat(few_digits, 30, axis=0), "gaussian", seed=0)
    covariance = prior.scale_trils[0] @ prior.scale_trils[0].T
    expected = np.cov(mean.T) + np.diag(np.exp(log_variance).mean(axis=0))
    np.testing.assert_allclose(covariance, expected, rtol=0.1, atol=0.05)


def test_a_dataset_gives_the_same_fit_as_an_array(digits):
    dataset = tfae.data.load("digits", batch_size=256, shuffle=False)
    x = np.concatenate(list(dataset.as_numpy_iterator()))
    model = small(tfae.Autoencoder)
    a, b = (model.fit_prior(data, "gaussian") for data in (dataset, x))
    np.testing.assert_allclose(a.means, b.means, rtol=1e-5)
    assert model.fit_threshold(dataset) == pytest.approx(model.fit_threshold(x), rel=1e-5)


# ---------------------------------------------------------------------------- the threshold


@pytest.mark.parametrize(
    ("n", "rate", "threshold"),
    [(9, 0.1, 9), (10, 0.1, 10), (18, 0.1, 18), (19, 0.1, 18), (99, 0.01, 99), (999, 0.05, 950),
     (1, 0.5, 1), (3, 0.25, 3), (4, 0.99, 1)],
)  # fmt: skip
def test_the_threshold_is_the_score_at_the_conformal_rank(n, rate, threshold):
    scores = np.random.default_rng(0).permutation(n) + 1.0
    assert conformal_threshold(scores, rate) == threshold


def test_infinite_scores_count_as_above_the_threshold():
    scores = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, np.inf])
    assert conformal_threshold(scores, 0.2) == 8
    with pytest.raises(ValueError, match="1 of 9 normal examples have an infinite score"):
        conformal_threshold(scores, 0.1)


def test_new_examples_exceed_the_threshold_at_most_at_the_promised_rate():
    rng = np.random.default_rng(0)
    scores = rng.standard_cauchy((20_000, 25))
    above = [s[0] > conformal_threshold(s[1:], 0.1) for s in scores]  # 25 * 0.9 is not an integer
    assert 0.07 < np.mean(above) <= 0.085  # 2 of 25 ranks


def test_anomalies_are_the_scores_above_the_threshold(few_digits, digits):
    model = small(tfae.Autoencoder)
    model.fit(digits[300:], epochs=5, verbose=0)
    threshold = model.fit_threshold(few_digits, 0.05)
    assert model.threshold == threshold
    found = model.is_anomaly(digits[:300])
    assert found.dtype == bool
    np.testing.assert_array_equal(found, model.anomaly_score(digits[:300]) > threshold)
    assert 0 < found.mean() < 0.15
    assert model.is_anomaly(np.random.default_rng(0).random((20, 8, 8, 1))).all()
    assert model.is_anomaly(few_digits[:0]).shape == (0,)


def test_bad_rates_and_too_few_examples_are_refused(few_digits):
    model = small(tfae.Autoencoder)
    with pytest.raises(ValueError, match="call fit_threshold"):
        model.is_anomaly(few_digits)
    for rate in (0, 1, -0.1, float("nan"), "a"):
        with pytest.raises(ValueError, match="`false_positive_rate` must lie"):
            model.fit_threshold(few_digits, rate)
    with pytest.raises(ValueError, match="needs at least 999 normal examples; received 203"):
        model.fit_threshold(few_digits, 0.001)
    assert model.threshold is None
