import keras
import numpy as np
import pytest
import tensorflow as tf

from tfae.layers import TopK
from tfae.layers.top_k import keep_largest


def by_sorting(x, k):
    """The reference: a stable sort of each row, largest first."""

    def row(r):
        order = np.argsort(-r, kind="stable")[:k]
        return np.where(np.isin(np.arange(len(r)), order), r, 0)

    return np.apply_along_axis(row, -1, x)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(("shape", "k"), [((50, 12), 5), ((1, 3), 2), ((2, 4, 9), 8), ((3, 1), 1)])
def test_it_keeps_the_k_largest_and_the_first_of_equal_ones(shape, k, jit_compile):
    run = tf.function(lambda x: keep_largest(x, k), jit_compile=jit_compile)
    rng = np.random.default_rng(0)
    for x in (rng.normal(size=shape), rng.integers(-2, 3, shape), np.ones(shape)):
        x = x.astype("float32")
        np.testing.assert_array_equal(run(x), by_sorting(x, k))


def test_the_gradient_passes_through_the_units_that_were_kept():
    x = tf.constant([[3.0, -1.0, 2.0, 0.5]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(keep_largest(x, 2) * [[10.0, 20.0, 30.0, 40.0]])
    np.testing.assert_array_equal(tape.gradient(y, x), [[10, 0, 30, 0]])


def test_outside_training_alpha_times_k_units_are_kept():
    x = np.random.default_rng(0).normal(size=(7, 10)).astype("float32")
    layer = TopK(3, alpha=2)
    assert np.count_nonzero(layer(x, training=True)) == 21
    assert np.count_nonzero(layer(x, training=False)) == 42
    np.testing.assert_array_equal(TopK(4, alpha=3)(x), x)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_its_dtype(policy):
    y = TopK(2, dtype=policy)(np.arange(8, dtype="float32").reshape(2, 4))
    assert y.dtype == policy.removeprefix("mixed_")
    np.testing.assert_array_equal(tf.cast(y, tf.float32), [[0, 0, 2, 3], [0, 0, 6, 7]])


def test_an_empty_batch_stays_empty():
    assert TopK(2)(np.zeros((0, 5), "float32")).shape == (0, 5)


def test_it_is_saved_with_a_functional_model(tmp_path):
    x = keras.Input((6,))
    keras.Model(x, TopK(2, alpha=1.5)(x)).save(tmp_path / "m.keras")
    layer = keras.saving.load_model(tmp_path / "m.keras").layers[-1]
    assert (layer.k, layer.alpha) == (2, 1.5)


@pytest.mark.parametrize("k", [0, -1, 2.0, "3", True])
def test_an_invalid_k_is_refused(k):
    with pytest.raises(ValueError, match="`k` must be an integer of at least 1; received "):
        TopK(k)


@pytest.mark.parametrize("alpha", [0.5, "3", float("nan")])
def test_an_invalid_alpha_is_refused(alpha):
    with pytest.raises(ValueError, match="`alpha` must be a number of at least 1"):
        TopK(3, alpha)


def test_a_k_larger_than_the_number_of_units_is_refused():
    with pytest.raises(ValueError, match="k=5 for inputs of 4 units"):
        TopK(5)(keras.Input((4,)))
