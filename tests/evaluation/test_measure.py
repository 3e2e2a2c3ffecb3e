"""All metrics of a model at once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.evaluation import elbo, measure, mmd_test, mutual_information, random_sample
from tfae.evaluation.elbo import elbo_of
from tfae.evaluation.measure import MMD_SIZE, code_metrics, reconstruction_error

OF_A_VAE = {
    "loss", "reconstruction_loss", "kl_loss", "elbo", "squared_error", "mean_squared_error",
    "active_units", "mutual_information", "prior_mmd", "prior_mmd_p_value",
}  # fmt: skip


def small(model_class=tfae.VariationalAutoencoder, **hyperparameters):
    keras.utils.set_random_seed(0)
    model = model_class.from_shape((8, 8, 1), 3, hidden_units=(24,), seed=7, **hyperparameters)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return model


@pytest.fixture(scope="module")
def trained(digits):
    model = small()
    model.fit(digits[300:], epochs=10, verbose=0)
    return model


def test_each_value_is_that_of_its_own_function(trained, digits):
    x = digits[:300]
    values = measure(trained, x, importance_samples=4, sample_size=120, seed=3)
    assert set(values) == {*OF_A_VAE, "log_likelihood"}
    assert values["elbo"] == -values["reconstruction_loss"] - values["kl_loss"]
    assert values["log_likelihood"] == trained.log_likelihood(x, 4, seed=3).mean()
    error = np.sum((trained.reconstruct(x) - x) ** 2) / 300
    assert values["squared_error"] == pytest.approx(error, rel=1e-5)
    assert values["mean_squared_error"] == pytest.approx(error / 64, rel=1e-5)
    sample = random_sample(tf.data.Dataset.from_tensor_slices(x).batch(50), 120, seed=3)
    codes, drawn = trained.draw_codes(sample, 3), trained.prior.sample(120, [3, 0])
    test = (values["prior_mmd"], values["prior_mmd_p_value"])
    assert test == pytest.approx(mmd_test(codes, drawn, seed=3))
    mean, log_variance = trained.encoder(sample)
    information = mutual_information(mean, log_variance, seed=3)
    assert values["mutual_information"] == pytest.approx(information, rel=1e-4)
    assert values["active_units"] == 3


def test_arrays_datasets_and_labels_give_the_same(trained, digits):
    x, label = digits[:300], np.arange(300) % 10
    expected = measure(trained, x, sample_size=100)
    for data in (
        {"x": x, "label": label},
        tf.data.Dataset.from_tensor_slices(x).batch(256),
        tf.data.Dataset.from_tensor_slices({"x": x, "label": label}).batch(256),
    ):
        values = measure(trained, data, sample_size=100)
        for name in set(expected) - {"loss", "reconstruction_loss", "elbo"}:  # of new noise
            assert values[name] == pytest.approx(expected[name], rel=1e-4), name


def test_generated_data_is_compared_in_the_given_space(trained, digits):
    values = measure(trained, digits[:300], features="data")
    assert set(values) == {*OF_A_VAE, "precision", "recall", "frechet_distance"}
    half = measure(trained, digits[:300], features=lambda x: x[:, :4])
    assert 0 < half["frechet_distance"] < values["frechet_distance"]


def test_a_model_without_a_prior_has_fewer_metrics_until_one_is_fitted(digits):
    model = small(tfae.Autoencoder)
    few = {"loss", "reconstruction_loss", "squared_error", "mean_squared_error"}
    assert set(measure(model, digits[:200])) == few
    with pytest.raises(NotImplementedError, match="fit_prior"):
        measure(model, digits[:200], features="data")
    with pytest.raises(ValueError, match="no log-likelihood"):
        measure(model, digits[:200], importance_samples=3)
    model.fit_prior(digits, "gaussian")
    values = measure(model, digits[:200], features="data")
    assert set(values) - few == {
        "prior_mmd", "prior_mmd_p_value", "precision", "recall", "frechet_distance"
    }  # fmt: skip


def test_there_is_an_elbo_only_if_the_loss_terms_make_a_bound(trained, digits):
    found = elbo(trained, digits[:300])
    assert found.elbo == -found.reconstruction - found.kl
    assert found.elbo < trained.log_likelihood(digits[:300], 50, seed=0).mean()
    for other in (small(tfae.Autoencoder), small(free_bits=0.1), small(likelihood="squared_error")):
        with pytest.raises(ValueError, match="do not add up to a bound"):
            elbo(other, digits[:9])


def test_the_kl_of_all_layers_of_codes_is_in_the_elbo_once(digits):
    model = small(tfae.HierarchicalVariationalAutoencoder)
    logs = model.evaluate(digits[:100], verbose=0, return_dict=True)
    assert logs["top_kl_loss"] > 0.0
    assert elbo_of(logs).elbo == pytest.approx(-logs["loss"], rel=1e-6)  # beta is 1


def test_the_prior_is_compared_with_codes_of_a_sample_of_all_data(trained, digits):
    along_the_code = digits[np.argsort(trained.encode(digits)[:, 0])]
    first = trained.draw_codes(along_the_code, 0)[:MMD_SIZE]
    drawn = trained.prior.sample(len(first), [0, 0])
    of_first = mmd_test(first, drawn).squared_mmd
    assert code_metrics(trained, along_the_code)["prior_mmd"] < 0.2 * of_first


def test_a_random_sample_contains_each_example_with_equal_chance_and_once():
    batches = tf.data.Dataset.range(100).map(lambda i: {"x": i, "label": -i}).batch(7)
    samples = [random_sample(batches, 20, seed)["x"] for seed in range(100)]
    assert all(len(set(sample)) == 20 for sample in samples)
    assert all((np.diff(sample) > 0).all() for sample in samples)
    counts = np.bincount(np.concatenate(samples), minlength=100)
    assert 5 < counts.min() < counts.max() < 40  # binomial(100, 0.2)
    whole = random_sample(batches, 1000)
    np.testing.assert_array_equal(whole["x"], np.arange(100))
    np.testing.assert_array_equal(whole["label"], -np.arange(100))
    with pytest.raises(ValueError, match="no examples"):
        random_sample(batches.take(0), 5)


def test_errors_of_reconstruction_are_those_of_what_is_observed():
    class Model:
        def reconstruct(self, x):
            return np.full_like(x, 3.0)

    x = np.array([[1.0, np.nan], [3.0, 7.0]], "float32")
    dataset = tf.data.Dataset.from_tensors(x)
    errors = reconstruction_error(Model(), dataset)
    assert errors == {"squared_error": (4 + 16) / 2, "mean_squared_error": 20 / 3}
