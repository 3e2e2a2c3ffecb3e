"""What every likelihood promises; new ones in `LIKELIHOODS` are tested automatically."""

import importlib
import inspect
import json
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfae import device
from tfae.losses import Likelihood, likelihoods

SEED = tf.constant([3, 1], tf.int64)
EXTREMES = (0.0, 1e-3, -1e-3, 20.0, -20.0, 3e4, -3e4)  # float16 ends at 65,504

every_likelihood = pytest.mark.parametrize("name", likelihoods.LIKELIHOODS)
every_density = pytest.mark.parametrize(
    "name", [name for name, cls in likelihoods.LIKELIHOODS.items() if cls.is_density]
)


def outputs(*shape, dtype="float32"):
    return tf.constant(np.random.default_rng(0).normal(size=shape), dtype)


def targets(likelihood, output):
    """Returns valid data for the likelihood."""
    return likelihood.sample(output, SEED) if likelihood.is_density else output + 0.3


def parameters(likelihood):
    return set(inspect.signature(type(likelihood)).parameters) - {"kwargs"}


def learned(name):
    """Returns the likelihood with every parameter learned for which that is possible."""
    likelihood = likelihoods.get(name)
    for parameter in parameters(likelihood):
        try:
            likelihood = type(likelihood)(**{**likelihood.get_config(), parameter: "learned"})
        except ValueError:
            continue
    return likelihood


def test_every_likelihood_is_registered():
    found = set()
    for module in pkgutil.iter_modules(likelihoods.__path__):
        module = importlib.import_module(f"{likelihoods.__name__}.{module.name}")
        found |= {v for v in vars(module).values() if inspect.isclass(v)}
    found = {cls for cls in found if issubclass(cls, Likelihood) and cls is not Likelihood}
    assert found == {*likelihoods.LIKELIHOODS.values(), likelihoods.Columns}  # it has no default


def test_an_unknown_name_is_refused_with_all_names():
    with pytest.raises(ValueError, match="received likelihood='mse'") as raised:
        likelihoods.get("mse")
    assert all(repr(name) in str(raised.value) for name in likelihoods.LIKELIHOODS)


@every_likelihood
def test_a_loss_is_the_sum_over_the_elements_of_an_example(name):
    likelihood, output = likelihoods.get(name), outputs(5, 4, 3)
    target = targets(likelihood, output)
    loss = likelihood.loss(target, output)
    assert loss.shape == (5,)
    elements = likelihood.elementwise_loss(target, output)
    assert elements.shape == (5, 4, 3)
    np.testing.assert_allclose(loss, np.sum(elements, axis=(1, 2)), rtol=1e-5)


@every_likelihood
def test_several_decodings_of_an_example_each_get_a_loss(name):
    likelihood, output = likelihoods.get(name), outputs(5, 4)
    target = targets(likelihood, output)
    several = likelihood.loss(target, tf.stack([output, 2 * output, 0 * output]))
    assert several.shape == (3, 5)
    np.testing.assert_allclose(several[1], likelihood.loss(target, 2 * output), rtol=1e-5)


@every_likelihood
def test_half_precision_losses_are_computed_in_float32_and_float64_stays_float64(name):
    likelihood, half = likelihoods.get(name), outputs(5, 256, dtype="float16")
    target = targets(likelihood, half)
    loss = likelihood.loss(target, half)
    assert loss.dtype == tf.float32
    np.testing.assert_array_equal(loss, likelihood.loss(target, tf.cast(half, "float32")))
    double = tf.cast(half, "float64")
    of_double = likelihood.loss(target, double)
    assert of_double.dtype == likelihood.mean(double).dtype == tf.float64
    np.testing.assert_allclose(loss, of_double, rtol=1e-5)


@every_likelihood
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_loss_mean_and_gradients_are_finite_at_extreme_outputs(name, dtype):
    likelihood = learned(name)
    output = tf.Variable(np.tile(EXTREMES, (3, 1)), dtype=dtype)
    target = np.repeat([[0.0], [1.0], [0.0]], len(EXTREMES), axis=1).astype("float32")
    target[2, ::2] = 1.0
    with tf.GradientTape() as tape:
        loss = likelihood.elementwise_loss(target, tf.cast(output, "float32"))
    gradients = tape.gradient(loss, [output, *likelihood.trainable_variables])
    for values in (loss, likelihood.mean(output), likelihood.loss(target, output), *gradients):
        assert np.isfinite(np.asarray(values, "float64")).all()


@every_likelihood
def test_learned_parameters_get_a_gradient(name):
    likelihood, output = learned(name), outputs(50, 4)
    target = targets(likelihood, output)
    with tf.GradientTape() as tape:
        loss = likelihood.loss(target, output)
    for gradient in tape.gradient(loss, likelihood.trainable_variables):
        assert float(gradient) != 0.0


@every_likelihood
def test_means_lie_in_the_support_and_keep_the_shape(name):
    likelihood = likelihoods.get(name)
    output = tf.constant([EXTREMES, EXTREMES[::-1]], "float32")
    mean = likelihood.mean(output)
    assert mean.shape == output.shape
    low, high = likelihood.support or (-np.inf, np.inf)
    assert np.all(mean >= low)
    assert np.all(mean <= high)


@every_density
def test_samples_are_valid_data_and_follow_from_the_seed(name):
    likelihood, output = likelihoods.get(name), outputs(60, 4)
    drawn = likelihood.sample(output, SEED)
    assert drawn.dtype == tf.float32
    assert drawn.shape == output.shape
    np.testing.assert_array_equal(drawn, likelihood.sample(output, SEED))
    assert np.any(drawn != likelihood.sample(output, tf.constant([4, 1], tf.int64)))
    low, high = likelihood.support or (-np.inf, np.inf)
    assert np.all(drawn >= low)
    assert np.all(drawn <= high)
    if likelihood.integers:
        np.testing.assert_array_equal(drawn, np.rint(drawn))


@every_density
def test_the_first_samples_do_not_depend_on_how_many_follow(name):
    likelihood, output = likelihoods.get(name), outputs(60, 4)
    few, many = likelihood.sample(output[:7], SEED), likelihood.sample(output, SEED)
    # Vectorised kernels compute the last elements of an array differently.
    np.testing.assert_allclose(few, many[:7], rtol=1e-5, atol=1e-7)


@every_density
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_samples_at_extreme_outputs_are_finite(name, dtype):
    drawn = likelihoods.get(name).sample(tf.constant([EXTREMES], dtype), SEED)
    assert np.isfinite(drawn).all()


@every_density
def test_samples_have_the_mean_of_the_likelihood(name):
    likelihood, n = likelihoods.get(name), 100_000
    output = tf.repeat(tf.constant([[0.7, -0.4]]), n, axis=0)
    drawn, mean = likelihood.sample(output, SEED).numpy(), likelihood.mean(output).numpy()
    error = drawn.std(axis=0) / np.sqrt(n)
    np.testing.assert_array_less(np.abs(drawn.mean(axis=0) - mean[0]), 4 * error + 1e-4)


@every_density
def test_the_gradient_vanishes_on_average_over_samples(name):
    """By the score identity, samples belong to the density whose negative logarithm is the loss."""
    likelihood, n = likelihoods.get(name), 100_000
    output = tf.repeat(tf.constant([[0.7, -0.4]]), n, axis=0)
    target = likelihood.sample(output, SEED)
    with tf.GradientTape() as tape:
        tape.watch(output)
        loss = likelihood.loss(target, output)
    gradient = tape.gradient(loss, output).numpy()
    error = gradient.std(axis=0) / np.sqrt(n)
    np.testing.assert_array_less(np.abs(gradient.mean(axis=0)), 4 * error + 1e-6)


@every_likelihood
def test_errors_that_are_no_densities_cannot_be_sampled(name):
    likelihood = likelihoods.get(name)
    if not likelihood.is_density:
        with pytest.raises(ValueError, match=r"plain error.*likelihood='gaussian'"):
            likelihood.sample(outputs(2, 3), SEED)


@every_likelihood
def test_the_formula_for_devices_gives_the_same_loss(name):
    for likelihood in (likelihoods.get(name), learned(name)):
        if likelihood.formula() is None:
            continue
        output = outputs(5, 4)
        target, mean = np.asarray(targets(likelihood, output)), np.asarray(likelihood.mean(output))
        score = device.score({"score": [likelihood.formula()]}, target, mean, {})
        np.testing.assert_allclose(score, likelihood.loss(target, output), rtol=1e-5)
        observed = np.ones((5, 4), bool)
        observed[0] = observed[3, 1] = False
        holes = np.where(observed, target, np.nan)
        score = device.score({"score": [likelihood.formula()], "missing": "nan"}, holes, mean, {})
        of_rest = likelihood.loss(holes, output, tf.constant(observed))
        np.testing.assert_allclose(score, of_rest, rtol=1e-5)


@every_likelihood
def test_the_config_round_trips(name):
    for likelihood in (likelihoods.get(name), learned(name)):
        config = keras.saving.serialize_keras_object(likelihood)
        again = likelihoods.get(json.loads(json.dumps(config)))
        assert type(again) is type(likelihood)
        assert again.get_config() == likelihood.get_config()
        assert parameters(likelihood) <= set(likelihood.get_config())
        assert [w.path for w in again.weights] == [w.path for w in likelihood.weights]


@every_likelihood
def test_parameters_are_checked_by_name(name):
    cls = likelihoods.LIKELIHOODS[name]
    for parameter in parameters(likelihoods.get(name)):
        for value in (0, -1.0, float("nan"), "adaptive"):
            with pytest.raises(ValueError, match=parameter):
                cls(**{parameter: value})


@pytest.mark.slow
def test_xla_agrees_with_eager_execution():
    """All likelihoods are compiled as one program, since compiling is slow."""
    every = [learned(name) for name in likelihoods.LIKELIHOODS]
    output = outputs(5, 4)
    data = [targets(likelihood, output) for likelihood in every]

    def losses_and_gradients(output):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(output)
            losses = [k.loss(target, output) for k, target in zip(every, data, strict=True)]
        return losses, [tape.gradient(loss, output) for loss in losses]

    eager = losses_and_gradients(output)
    compiled = tf.function(losses_and_gradients, jit_compile=True)(output)
    for a, b in zip(tf.nest.flatten(eager), tf.nest.flatten(compiled), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@every_likelihood
def test_missing_targets_count_nothing_and_leave_all_gradients_finite(name):
    likelihood, output = learned(name), outputs(5, 4)
    target = targets(likelihood, output)
    observed = np.ones((5, 4), bool)
    observed[0] = observed[3, 1] = False
    holes = tf.where(observed, target, np.nan)
    # A choice of which one class is missing is not observed.
    whole = observed.all(axis=1, keepdims=True) if name == "categorical" else True
    counted = tf.constant(observed & whole)

    def losses_and_gradients(loss):
        with tf.GradientTape() as tape:
            tape.watch(output)
            values = loss()
        return values, *tape.gradient(values, [output, *likelihood.trainable_variables])

    found = losses_and_gradients(lambda: likelihood.loss(holes, output, observed))
    elements = losses_and_gradients(
        lambda: tf.reduce_sum(tf.boolean_mask(likelihood.elementwise_loss(target, output), counted))
    )
    np.testing.assert_allclose(np.sum(found[0]), elements[0], rtol=1e-5)
    assert found[0][0] == 0.0
    for gradient, expected in zip(found[1:], elements[1:], strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found[0][1], likelihood.loss(target, output)[1])


@every_likelihood
def test_weights_multiply_the_losses_of_elements(name):
    likelihood, output = likelihoods.get(name), outputs(5, 4, 3)
    target = targets(likelihood, output)
    elements = likelihood.elementwise_loss(target, output)
    for weight in (abs(outputs(5, 4, 3)), abs(outputs(5, 4, 1))):
        loss = likelihood.loss(target, output, weight=weight)
        np.testing.assert_allclose(loss, np.sum(elements * weight, axis=(1, 2)), rtol=1e-5)
