"""Thresholds and Bernoulli draws."""

import numpy as np
import pytest
import tensorflow as tf

from tfae import data
from tfae.data.binarize import bernoulli, bernoulli_once


def one_pass(**kwargs):
    return np.concatenate(list(data.load("digits", batch_size=64, **kwargs)))


def test_threshold_cuts_at_one_half():
    grey = one_pass(shuffle=False)
    np.testing.assert_array_equal(one_pass(shuffle=False, binarize="threshold"), grey >= 0.5)


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_draws_are_binary_with_the_right_mean(kind):
    grey = one_pass(shuffle=False)
    drawn = one_pass(shuffle=False, binarize=kind)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert (drawn[grey == 0] == 0).all()
    assert (drawn[grey == 1] == 1).all()
    for value in np.unique(grey)[1:-1]:
        draws = drawn[grey == value]
        assert abs(draws.mean() - value) < 4.5 * np.sqrt(value * (1 - value) / len(draws))


def test_static_draws_never_change():
    def examples(dataset):
        return sorted(bytes(x) for batch in dataset for x in batch.numpy())

    dataset = data.load("digits", batch_size=64, binarize="static", seed=3)
    first = examples(dataset)
    assert examples(dataset) == first
    assert examples(data.load("digits", batch_size=10, binarize="static", seed=3)) == first
    assert examples(data.load("digits", batch_size=64, binarize="static", seed=4)) != first
    part = data.load("digits", batch_size=64, binarize="static", seed=3, validation_split=0.5)
    assert set(examples(part)) <= set(first)


def test_dynamic_draws_are_a_function_of_seed_and_epoch():
    def drawn(epoch, **kwargs):
        # In one batch of all examples, their order does not matter to the sum.
        dataset = data.load(
            "digits", batch_size=1442, binarize="dynamic", initial_epoch=epoch, **kwargs
        )
        return next(iter(dataset)).numpy()

    assert (drawn(0).sum(0) != drawn(1).sum(0)).any()
    np.testing.assert_array_equal(drawn(1, seed=7), drawn(1, seed=7))


def test_dynamic_draws_do_not_depend_on_the_batch_size():
    passes = [
        np.concatenate(list(data.load("digits", batch_size=size, binarize="dynamic", seed=3)))
        for size in (7, 64, 2000)
    ]
    np.testing.assert_array_equal(passes[0], passes[1])
    np.testing.assert_array_equal(passes[0], passes[2])


@pytest.mark.parametrize("shape", [(5, 1), (5, 3), (5, 4), (5, 7, 3), (0, 4)])
def test_the_draws_of_an_example_do_not_depend_on_the_others(shape):
    p = np.full(shape, 0.5, np.float32)
    whole = bernoulli(tf.constant(p), 3, 2, tf.constant(0, tf.int64)).numpy()
    for start in range(shape[0]):
        part = bernoulli(tf.constant(p[start:]), 3, 2, tf.constant(start, tf.int64))
        np.testing.assert_array_equal(part, whole[start:])
    np.testing.assert_array_equal(bernoulli_once(p, 3).shape, p.shape)


def test_draws_of_examples_passes_and_seeds_are_independent():
    p = tf.fill([2000, 64], 0.5)

    def draws(seed, number):
        return bernoulli(p, seed, number, tf.constant(0, tf.int64)).numpy() - 0.5

    a = draws(0, 0)
    for b in (draws(0, 1), draws(1, 0), draws(2**40, 0), np.roll(a, 1, axis=0)):
        correlation = 4 * (a * b).mean()
        assert abs(correlation) < 4.5 / np.sqrt(a.size)


def test_values_that_are_not_probabilities_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[0.0, 3.0]]))
    for kind in data.BINARIZE:
        with pytest.raises(ValueError, match=f"binarize='{kind}'.*from 0 to 3.*scale"):
            data.load(tmp_path / "x.npy", binarize=kind)
    data.load(tmp_path / "x.npy", binarize="static", scale=3)


def test_static_draws_need_the_data_in_memory(folder):
    with pytest.raises(ValueError, match=r"static.*memory_limit"):
        data.load(folder, binarize="static", memory_limit=0)
    for kind in ("threshold", "dynamic"):
        from_disk, from_memory = (
            np.concatenate(list(data.load(folder, batch_size=50, binarize=kind, memory_limit=m)))
            for m in (0, 10**9)
        )
        np.testing.assert_array_equal(from_disk, from_memory)
