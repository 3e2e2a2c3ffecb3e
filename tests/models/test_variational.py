import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.losses import LinearWarmUp


def vae(seed=7, compiled="eager", **hyperparameters):
    """Builds a small model that runs eagerly by default: for a few steps that is fastest."""
    hyperparameters = {"hidden_units": (24,), **hyperparameters}
    keras.utils.set_random_seed(seed)
    model = tfae.VariationalAutoencoder.from_shape((8, 8, 1), 3, seed=seed, **hyperparameters)
    if compiled:
        eagerly = compiled == "eager"
        model.compile(keras.optimizers.Adam(1e-2), run_eagerly=eagerly, jit_compile=False)
    return model


# ---------------------------------------------------------------------------- the objective


def test_the_elbo_equals_the_log_likelihood_at_the_exact_posterior(linear_gaussian):
    model, data, log_p = linear_gaussian()
    model.compile(run_eagerly=True)
    elbo = -model.evaluate(np.tile(data, (40, 1)), batch_size=3000, verbose=0)[0]
    assert elbo == pytest.approx(log_p.mean(), abs=0.05)


def test_log_likelihood_needs_only_one_sample_at_the_exact_posterior(linear_gaussian):
    model, data, log_p = linear_gaussian()
    for num_samples in (1, 7):
        estimate = model.log_likelihood(data, num_samples, seed=2)
        np.testing.assert_allclose(estimate, log_p, rtol=1e-3, atol=1e-3)


def test_log_likelihood_converges_to_the_closed_form_from_below(linear_gaussian):
    model, data, log_p = linear_gaussian(variance_factor=2.0)
    gaps = [np.mean(log_p - model.log_likelihood(data, k, seed=1)) for k in (1, 10, 1000)]
    assert gaps[0] > gaps[1] > gaps[2] > -0.01
    assert gaps[2] < 0.01


def test_log_likelihood_depends_on_the_seed_and_not_on_the_batches(linear_gaussian):
    model, data, _ = linear_gaussian(2.0)
    a = model.log_likelihood(data, 5, seed=1)
    np.testing.assert_array_equal(a, model.log_likelihood(data, 5, seed=1))
    assert (a != model.log_likelihood(data, 5, seed=2)).any()
    assert (a != model.log_likelihood(data, 5)).any()
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(256)
    np.testing.assert_array_equal(a, model.log_likelihood(dataset, 5, seed=1))
    same_rows = np.repeat(data[:1], 600, axis=0)
    assert len(np.unique(model.log_likelihood(same_rows, 1, seed=1, batch_size=200))) > 550
    with pytest.raises(ValueError, match="num_samples"):
        model.log_likelihood(data, 0)


def test_log_likelihood_needs_a_density(few_digits):
    with pytest.raises(ValueError, match="is a density"):
        vae(likelihood="squared_error").log_likelihood(few_digits)


def test_the_logged_kl_agrees_with_the_closed_form(few_digits):
    model = vae()
    mean, log_variance = model.encoder(few_digits)
    logs = model.evaluate(few_digits, verbose=0, return_dict=True)
    expected = np.mean(tfae.losses.gaussian_kl(mean, log_variance))
    assert logs["kl_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("beta", [0.0, 0.5, 4])
def test_beta_weights_the_kl_only_in_the_loss(few_digits, beta):
    few_digits = few_digits[:32]
    logs = vae(beta=beta).evaluate(few_digits, verbose=0, return_dict=True)
    plain = vae().evaluate(few_digits, verbose=0, return_dict=True)
    assert logs["kl_loss"] == pytest.approx(plain["kl_loss"])
    assert logs["loss"] == pytest.approx(
        logs["reconstruction_loss"] + beta * logs["kl_loss"], rel=1e-6
    )


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_beta_can_be_set_between_epochs(few_digits, jit_compile, tmp_path):
    """As annealing callbacks usually do."""
    few_digits = few_digits[:64]  # two batches of one size: one program
    model = vae(compiled=False, hidden_units=(8,))
    model.compile(keras.optimizers.SGD(0.0), jit_compile=jit_compile)

    class Anneal(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.beta = [0.0, 100.0][epoch]

    history = model.fit(few_digits, epochs=2, callbacks=[Anneal()], verbose=0).history
    expected = history["reconstruction_loss"][1] + 100 * history["kl_loss"][1]
    assert history["loss"][0] == pytest.approx(history["reconstruction_loss"][0], rel=1e-5)
    assert history["loss"][1] == pytest.approx(expected, rel=1e-5)
    model.save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").beta == 100.0
    with pytest.raises(ValueError, match="`beta`"):
        model.beta = -1
    model.beta = LinearWarmUp(5)
    model.fit(few_digits, verbose=0)
    assert float(model.term_weights()["kl_loss"]) == 1.0


@pytest.mark.slow
def test_without_the_compiled_library_the_model_trains_to_the_same_values(tmp_path):
    """Compares a process with the library and one without, with and without XLA."""
    script = """
import sys, numpy as np, keras, tfae
from sklearn.datasets import load_digits
x = (load_digits().images[:200] / 16).astype("float32")[..., None]
losses = []
for jit_compile in (True, False):
    keras.utils.set_random_seed(1)
    model = tfae.VariationalAutoencoder.from_shape((8, 8, 1), 3, hidden_units=(16,), seed=1)
    model.compile(jit_compile=jit_compile)
    losses += model.fit(x, epochs=3, verbose=0).history["loss"]
np.save(sys.argv[1], [*losses, tfae.ops.kernel_available()])
"""
    results = []
    for library in (None, str(tmp_path / "missing.so")):
        environment = dict(os.environ, **({"TFAE_OPS_LIBRARY": library} if library else {}))
        out = tmp_path / f"{len(results)}.npy"
        process = subprocess.run(
            [sys.executable, "-c", script, str(out)],
            env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert process.returncode == 0, process.stderr[-2000:]
        assert process.stderr.count("runs without its compiled ops") == (1 if library else 0)
        results.append(np.load(out))
    assert [bool(r[-1]) for r in results] == [True, False]
    np.testing.assert_allclose(results[0][:-1], results[1][:-1], rtol=1e-5)


def test_a_warm_up_follows_the_saved_step(few_digits, tmp_path):
    model, few_digits = vae(beta=LinearWarmUp(20), hidden_units=()), few_digits[:128]
    assert float(model.term_weights()["kl_loss"]) == 0.0
    model.fit(few_digits, epochs=2, verbose=0)
    assert float(model.term_weights()["kl_loss"]) == pytest.approx(8 / 20)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert float(loaded.term_weights()["kl_loss"]) == pytest.approx(8 / 20)
    loaded.fit(few_digits, epochs=4, verbose=0)
    assert float(loaded.term_weights()["kl_loss"]) == 1.0


def test_any_keras_schedule_serves_as_beta(few_digits):
    decay = keras.optimizers.schedules.PolynomialDecay(4.0, 10, 1.0)
    model = vae(beta=decay)
    model.fit(few_digits[:64], verbose=0)
    assert 1.0 < float(model.term_weights()["kl_loss"]) < 4.0


def test_free_bits_prevent_posterior_collapse(digits):
    def kl(**options):
        model = vae(compiled="graph", **options)
        model.fit(digits, epochs=4, verbose=0)
        mean, log_variance = model.encoder(digits)
        return tfae.losses.gaussian_kl_per_dimension(mean, log_variance).numpy().mean(0)

    collapsed = kl(beta=30.0)
    kept = kl(beta=30.0, free_bits=0.3)
    assert collapsed.sum() < 0.1
    assert kept.sum() > max(5 * collapsed.sum(), 0.2)


def test_several_samples_lower_the_variance_of_the_loss(few_digits):
    def spread(num_samples):
        model = vae(num_samples=num_samples, compiled="graph")
        losses = [model.test_on_batch(few_digits[:8])[0] for _ in range(60)]
        return np.mean(losses), np.std(losses)

    mean_1, std_1 = spread(1)
    mean_16, std_16 = spread(16)
    assert mean_16 == pytest.approx(mean_1, rel=0.02)
    assert std_16 < 0.5 * std_1


def test_several_samples_train(few_digits):
    losses = vae(num_samples=3).fit(few_digits[:64], epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


# ---------------------------------------------------------------------------- noise


def test_validation_does_not_change_the_noise_of_training(few_digits):
    with_validation, without, few_digits = vae(), vae(), few_digits[:64]
    with_validation.fit(few_digits, epochs=2, validation_data=few_digits, verbose=0)
    without.fit(few_digits, epochs=2, verbose=0)
    for a, b in zip(with_validation.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_seed_decides_the_noise(few_digits):
    def loss(seed):
        model = vae(seed=7, compiled=False)
        model = type(model).from_config({**model.get_config(), "seed": seed})
        model.set_weights(vae(seed=7).get_weights())
        model.compile(run_eagerly=True)
        return model.evaluate(few_digits[:32], verbose=0)[0]

    assert loss(1) == loss(1)
    assert loss(1) != loss(2)


# ---------------------------------------------------------------------------- generation


def test_generate_follows_from_the_seed_and_does_not_depend_on_how_many_follow():
    model = vae()
    images = model.generate(5, seed=3)
    assert images.shape == (5, 8, 8, 1)
    assert images.min() >= 0
    assert images.max() <= 1
    np.testing.assert_array_equal(images, model.generate(5, seed=3))
    np.testing.assert_allclose(images, model.generate(9, seed=3)[:5], rtol=1e-5)
    assert (images != model.generate(5, seed=4)).any()
    assert (model.generate(5) != model.generate(5)).any()
    assert model.generate(0).shape == (0, 8, 8, 1)


@pytest.mark.parametrize("n", [-1, 2.5, "3"])
def test_generate_refuses_invalid_numbers(n):
    with pytest.raises(ValueError, match="`n` must be"):
        vae().generate(n)


def test_samples_of_a_trained_model_resemble_digits(digits):
    """They are closer to real digits than the same samples with shuffled pixels."""
    model = vae(hidden_units=(128,), compiled="graph")
    model.fit(digits, epochs=15, verbose=0)
    real, samples = digits.reshape(-1, 64), model.generate(200, seed=0).reshape(-1, 64)
    shuffled = np.random.default_rng(0).permuted(samples, axis=1)

    def distance(images):
        return np.mean([((real - image) ** 2).sum(1).min() for image in images])

    assert distance(samples) < 0.5 * distance(shuffled)
    assert samples.std(axis=0).max() > 0.1, "all samples are alike"


# ---------------------------------------------------------------------------- anomaly score


def test_the_anomaly_score_is_reconstruction_plus_kl_at_the_mean(few_digits):
    model = vae()
    mean, log_variance = model.encoder(few_digits)
    expected = model.likelihood.loss(few_digits, model.decoder(mean))
    expected += tfae.losses.gaussian_kl(mean, log_variance)
    np.testing.assert_allclose(model.anomaly_score(few_digits), expected, rtol=1e-5)


# ---------------------------------------------------------------------------- bad arguments


def test_an_encoder_without_two_heads_of_equal_shape_is_refused():
    x, code = keras.Input((8,)), keras.Input((2,))
    dense = keras.layers.Dense
    decoder = keras.Model(code, dense(8)(code))
    encoders = {
        r"one tensor \(None, 2\)": keras.Model(x, dense(2)(x)),
        "a dict": keras.Model(x, {"mean": dense(2)(x), "log_variance": dense(2)(x)}),
        r"\[\(None, 2\), \(None, 3\)\]": keras.Model(x, [dense(2)(x), dense(3)(x)]),
        r"\(None, 2\), \(None, 2\), \(None, 2\)": keras.Model(x, [dense(2)(x) for _ in range(3)]),
    }
    for given, encoder in encoders.items():
        with pytest.raises(ValueError, match=rf"two heads of the same shape.*{given}"):
            tfae.VariationalAutoencoder(encoder, decoder)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"beta": -1}, "`beta`"),
        ({"beta": "warm"}, "`beta`"),
        ({"beta": float("nan")}, "`beta`"),
        ({"num_samples": 0}, "`num_samples`"),
        ({"num_samples": 1.5}, "`num_samples`"),
        ({"free_bits": -0.1}, "`free_bits`"),
        ({"free_bits": True}, "`free_bits`"),
    ],
)
def test_invalid_hyperparameters_are_refused_by_name(option, message):
    with pytest.raises(ValueError, match=message):
        vae(**option)


def test_generate_decodes_the_codes_of_sample_prior_batch():
    model = vae()
    seeds = tf.constant([5, 3, 5], tf.int64)
    rows = model.decode(tf.function(model.sample_prior_batch)(seeds))
    for seed, row in zip((5, 3, 5), rows, strict=True):
        np.testing.assert_allclose(model.generate(1, seed=seed)[0], row, rtol=1e-6)
