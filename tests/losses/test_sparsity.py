import keras
import numpy as np
import pytest
import tensorflow as tf

from tfae.losses import KL, L1, bernoulli_kl, zero_fraction

ACTIVATIONS = np.array([[0.0, -2.0, 1.0], [0.0, 0.0, 0.5]], "float32")
SIGMOIDS = np.array([[0.2, 0.9], [0.4, 0.1], [0.0, 0.5]], "float32")


# ---------------------------------------------------------------------------- L1


def test_l1_is_the_sum_of_absolute_activations_of_each_example():
    np.testing.assert_allclose(L1(0.5).penalty([ACTIVATIONS]), [1.5, 0.25])


def test_l1_adds_up_layers_of_any_shape():
    feature_maps = np.ones((2, 4, 4, 3), "float32")
    np.testing.assert_allclose(L1(2.0).penalty([ACTIVATIONS, feature_maps]), [102.0, 97.0])


def test_half_precision_activations_are_summed_in_float32():
    many = tf.ones([1, 40, 40, 64], tf.float16)  # the sum is beyond float16
    assert L1(1.0).penalty([many]).numpy() == [102_400.0]


# ---------------------------------------------------------------------------- KL


def test_bernoulli_kl_agrees_with_its_formula():
    p, q = 0.2, 0.6
    expected = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    assert bernoulli_kl(p, tf.constant(q)).numpy() == pytest.approx(expected, rel=1e-5)
    assert bernoulli_kl(p, tf.constant(p)).numpy() == pytest.approx(0, abs=1e-7)


def test_the_kl_and_its_gradient_are_finite_for_silent_and_saturated_units():
    q = tf.Variable([0.0, 1.0])
    with tf.GradientTape() as tape:
        divergence = bernoulli_kl(0.05, q)
    assert np.isfinite(divergence).all()
    assert np.isfinite(tape.gradient(divergence, q)).all()


def test_kl_penalises_the_batch_mean_and_gives_every_example_the_same_penalty():
    expected = 3.0 * bernoulli_kl(0.1, tf.constant([0.2, 0.5])).numpy().sum()
    np.testing.assert_allclose(KL(0.1, 3.0).penalty([SIGMOIDS]), [expected] * 3, rtol=1e-5)


def test_kl_takes_the_weighted_mean_of_the_examples():
    weighted = KL(0.1).penalty([SIGMOIDS], tf.constant([2.0, 2.0, 0.0]))
    np.testing.assert_allclose(weighted[0], KL(0.1).penalty([SIGMOIDS[:2]])[0], rtol=1e-6)
    assert np.isfinite(KL(0.1).penalty([SIGMOIDS], tf.zeros([3]))).all()


def test_kl_is_minimal_where_the_mean_activation_is_the_target():
    means = np.linspace(0.01, 0.99, 99, dtype="float32")
    penalties = [float(KL(0.05).penalty([tf.fill([2, 4], mean)])[0]) for mean in means]
    assert means[np.argmin(penalties)] == pytest.approx(0.05)
    assert min(penalties) == pytest.approx(0, abs=1e-6)


def test_kl_on_two_replicas_is_that_of_the_whole_batch(two_replicas):
    strategy = two_replicas
    logit = tf.constant(np.random.default_rng(0).normal(size=(5, 3)).astype("float32"))
    kl = KL(0.1, 2.0)

    def penalty_and_gradient(rows):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            penalty = kl.penalty([tf.sigmoid(rows)])
            total = tf.reduce_sum(penalty) / 5.0  # as the train step does, over all replicas
        return penalty, tape.gradient(total, rows)

    def on_replicas():
        def run():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            return penalty_and_gradient(tf.cond(replica == 0, lambda: logit[:3], lambda: logit[3:]))

        return strategy.run(run)

    results = strategy.experimental_local_results(tf.function(on_replicas)())
    results = [tf.nest.map_structure(strategy.experimental_local_results, r) for r in [results]]
    penalties = np.concatenate([np.ravel(p) for p, _ in results[0]])
    gradients = np.concatenate([np.reshape(g, (-1, 3)) for _, g in results[0]])
    penalty, gradient = penalty_and_gradient(logit)
    np.testing.assert_allclose(penalties, penalty, rtol=1e-5)
    np.testing.assert_allclose(gradients, gradient, rtol=1e-4, atol=1e-7)


# ---------------------------------------------------------------------------- zeros


def test_zero_fraction_counts_exact_zeros_over_all_layers():
    np.testing.assert_allclose(zero_fraction([ACTIVATIONS]), [1 / 3, 2 / 3])
    both = zero_fraction([ACTIVATIONS, np.zeros((2, 3, 1), "float32")])
    np.testing.assert_allclose(both, [4 / 6, 5 / 6])
    assert zero_fraction([np.full((1, 4), 1e-30, "float32")]).numpy() == [0]


# ---------------------------------------------------------------------------- arguments


@pytest.mark.parametrize("penalty", [L1(0.3), KL(0.2, 4)])
def test_penalties_serialise(penalty):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(penalty))
    assert type(again) is type(penalty)
    assert again.get_config() == penalty.get_config()


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "1", None, True])
def test_invalid_coefficients_are_refused(value):
    with pytest.raises(ValueError, match="`coefficient` must be a non-negative number"):
        L1(value)
    with pytest.raises(ValueError, match="`coefficient`"):
        KL(0.1, value)


@pytest.mark.parametrize("target", [0, 1, 1.5, -0.1])
def test_invalid_targets_are_refused(target):
    with pytest.raises(ValueError, match="`target` must"):
        KL(target)
