import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.losses import inverse_multiquadratic_kernel, squared_mmd
from tfae.priors import Prior


@keras.saving.register_keras_serializable("tests")
class Ring(Prior):
    """A circle, which has samples but no density."""

    is_density = False

    def sample(self, n, seed, label=None):
        angle = 2 * np.pi * tf.random.stateless_uniform([n], seed, alg="philox")
        return 2.0 * tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)


def wae(run_eagerly=True, **hyperparameters):
    keras.utils.set_random_seed(7)
    model = tfae.WassersteinAutoencoder.from_shape(
        (8, 8, 1), 2, **{"hidden_units": (64,), "seed": 7, **hyperparameters}
    )
    model.compile(keras.optimizers.Adam(5e-3), run_eagerly=run_eagerly, jit_compile=False)
    return model


@pytest.mark.parametrize("prior", ["gaussian", Ring()], ids=["gaussian", "ring"])
@pytest.mark.slow
def test_training_makes_the_codes_follow_the_prior(digits, prior):
    def distance(model):
        codes = tf.constant(model.encode(digits))
        return float(squared_mmd(codes, model.prior.sample(len(digits), [1, 2])))

    model = wae(prior=prior, run_eagerly=False)
    untrained = distance(model)
    model.fit(digits, epochs=15, batch_size=100, verbose=0)
    assert distance(model) < min(0.05, 0.2 * untrained)


def test_the_logged_mmd_compares_the_batch_with_as_many_prior_samples(few_digits):
    model = wae(penalty=3.0)
    seed = np.asarray(model.evaluation_seeds.state)
    logs = model.test_on_batch(few_digits, return_dict=True)
    codes = tf.constant(model.encode(few_digits))
    drawn = model.prior.sample(len(few_digits), seed)
    scales = [4.0 * factor for factor in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)]
    expected = squared_mmd(codes, drawn, lambda d: inverse_multiquadratic_kernel(d, scales))
    assert logs["mmd_loss"] == pytest.approx(float(expected), rel=1e-4)
    assert logs["loss"] == pytest.approx(logs["reconstruction_loss"] + 3 * logs["mmd_loss"])


def test_the_mmd_of_a_single_row_is_zero(few_digits):
    logs = wae().train_on_batch(few_digits[:1], return_dict=True)
    assert logs["mmd_loss"] == 0.0
    assert np.isfinite(logs["loss"])


def test_the_prior_is_saved_with_the_model(tmp_path):
    model = wae(prior=Ring())
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert isinstance(loaded.prior, Ring)
    np.testing.assert_array_equal(loaded.generate(3, seed=1), model.generate(3, seed=1))


@pytest.mark.parametrize("penalty", [-1.0, float("nan"), "much"])
def test_invalid_penalties_are_refused(penalty):
    with pytest.raises(ValueError, match="`penalty`"):
        wae(penalty=penalty)


@pytest.mark.parametrize("model_class", ["WassersteinAutoencoder", "AdversarialAutoencoder"])
@pytest.mark.parametrize("prior", ["learned_mixture", tfae.priors.VampPrior(4)])
def test_a_prior_that_learns_through_its_density_is_refused(model_class, prior):
    with pytest.raises(ValueError, match=r"learned through its density.* a VariationalAutoencoder"):
        getattr(tfae, model_class).from_shape((8, 8, 1), 3, hidden_units=(8,), prior=prior)


@pytest.mark.parametrize(
    "options", [{"hidden_units": ()}, {"hidden_units": (4,), "kernel_initializer": "zeros"}]
)
def test_one_linear_unit_and_zero_weights_train_to_finite_codes_that_are_saved(
    few_digits, options, tmp_path
):
    model = tfae.WassersteinAutoencoder.from_shape((8, 8, 1), 1, prior="uniform", seed=0, **options)
    model.compile(run_eagerly=True)
    history = model.fit(few_digits[:40], batch_size=16, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    codes = model.encode(few_digits)
    assert np.isfinite(codes).all()
    np.testing.assert_array_equal(loaded.encode(few_digits), codes)
