import numpy as np
import pytest
import tensorflow as tf

from tfae.layers import VectorQuantizer

RNG = np.random.default_rng(0)


def quantizer(codebook, **options):
    layer = VectorQuantizer(len(codebook), seed=1, **options)
    layer.build((None, np.shape(codebook)[1]))
    layer.codebook.assign(codebook)
    return layer


def used(layer, counts):
    """Sets the state as if vectors had chosen the embeddings that many times."""
    layer.counts.assign(counts)
    layer.sums.assign(np.asarray(layer.codebook) * np.asarray(counts)[:, None])
    return layer


def test_each_vector_becomes_the_nearest_embedding():
    codebook = RNG.normal(size=(7, 3)).astype("float32")
    x = RNG.normal(size=(20, 2, 4, 3)).astype("float32")
    quantized, indices = quantizer(codebook)(x)
    expected = ((x[..., None, :] - codebook) ** 2).sum(-1).argmin(-1)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(quantized, codebook[expected])


def test_the_last_axis_is_split_into_vectors():
    layer = VectorQuantizer(5, embedding_dim=2, seed=1)
    x = RNG.normal(size=(4, 6)).astype("float32")
    quantized, indices = layer(x)
    assert indices.shape == (4, 3)
    np.testing.assert_array_equal(layer.lookup(indices, (6,)), quantized)
    with pytest.raises(ValueError, match="must divide the last axis"):
        VectorQuantizer(5, embedding_dim=4).build((None, 6))


def test_an_embedding_is_the_moving_average_of_the_vectors_that_chose_it():
    layer = used(quantizer([[0.0], [10.0]], decay=0.9), [2.0, 2.0])
    x = tf.constant([[1.0], [3.0], [9.0]])
    layer.update(x, layer(x)[1])
    counts = [0.9 * 2 + 0.1 * 2, 0.9 * 2 + 0.1 * 1]
    sums = [0.9 * 0 + 0.1 * 4, 0.9 * 20 + 0.1 * 9]
    np.testing.assert_allclose(layer.counts, counts, rtol=1e-6)
    np.testing.assert_allclose(layer.codebook[:, 0], np.divide(sums, counts), rtol=1e-6)


def test_examples_are_weighted_by_their_sample_weights():
    x = tf.constant([[1.0], [3.0], [3.0], [9.0]])
    once, twice = (used(quantizer([[0.0], [10.0]]), [2.0, 2.0]) for _ in range(2))
    once.update(x, once(x)[1])
    x = tf.constant([[1.0], [3.0], [9.0], [7.0]])
    twice.update(x, twice(x)[1], weight=tf.constant([1.0, 2.0, 1.0, 0.0]))
    np.testing.assert_allclose(once.codebook, twice.codebook, rtol=1e-6)
    before = [np.asarray(v) for v in twice.weights]
    twice.update(x, twice(x)[1], weight=tf.zeros(4))
    for a, b in zip(before, twice.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_first_update_moves_the_codebook_onto_data():
    layer = VectorQuantizer(50, seed=1)
    x = np.random.default_rng(1).normal(5.0, 1.0, size=(30, 4)).astype("float32")
    chosen = np.asarray(layer(x)[1])
    layer.update(x, chosen)
    for i, embedding in enumerate(np.asarray(layer.codebook)):
        mine = x[chosen == i]
        expected = mine.mean(axis=0, keepdims=True) if len(mine) else x
        assert np.abs(expected - embedding).max(axis=1).min() < 1e-5
    assert len(np.unique(np.asarray(layer.codebook), axis=0)) > 15


def test_unused_embeddings_are_restarted_and_used_ones_are_not():
    layer = used(quantizer([[0.0], [10.0], [500.0]], decay=0.9, restart_below=0.5), [9.0, 9.0, 9.0])
    x = tf.constant([[0.0], [10.0]] * 5)
    third = []
    for _ in range(20):
        layer.update(x, layer(x)[1])
        third.append(float(layer.codebook[2, 0]))
    assert third[0] == pytest.approx(500.0), "it was restarted too early"
    assert third[-1] == pytest.approx(0.0, abs=1e-4) or third[-1] == pytest.approx(10.0)
    np.testing.assert_allclose(layer.codebook[:2, 0], [0.0, 10.0], atol=1e-4)

    never = used(quantizer([[0.0], [500.0]], decay=0.9, restart_below=0.0), [9.0, 9.0])
    for _ in range(20):
        never.update(x, never(x)[1])
    assert float(never.codebook[1, 0]) == pytest.approx(500.0, rel=1e-4)


def test_vectors_are_drawn_in_proportion_to_their_weights():
    layer = quantizer(np.zeros((4000, 1)))
    drawn = layer._draw(tf.constant([[1.0], [2.0], [3.0]]), tf.constant([1.0, 0.0, 3.0]))
    share = [np.mean(np.asarray(drawn) == value) for value in (1.0, 2.0, 3.0)]
    np.testing.assert_allclose(share, [0.25, 0.0, 0.75], atol=0.03)


def test_eager_and_xla_update_the_codebook_alike():
    x = RNG.normal(size=(64, 3)).astype("float32")
    eager, compiled = (VectorQuantizer(16, seed=1) for _ in range(2))
    eager.build(x.shape)
    compiled.build(x.shape)
    compiled.codebook.assign(eager.codebook)

    @tf.function(jit_compile=True)
    def update(x):
        compiled.update(x, compiled(x)[1])

    for _ in range(3):
        eager.update(x, eager(x)[1])
        update(x)
    np.testing.assert_allclose(eager.codebook, compiled.codebook, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("indices", "perplexity"), [([3] * 8, 1.0), ([0, 1, 2, 3] * 2, 4.0), ([0, 0, 0, 1], 1.7547654)]
)
def test_perplexity_is_the_exponential_of_the_entropy(indices, perplexity):
    layer = quantizer(np.zeros((5, 2)))
    assert float(layer.perplexity(tf.constant(indices))) == pytest.approx(perplexity, rel=1e-6)


@pytest.mark.parametrize(
    "option", [{"num_embeddings": 0}, {"embedding_dim": 1.5}, {"decay": 1.0}, {"restart_below": -1}]
)
def test_invalid_arguments_are_refused_by_name(option):
    with pytest.raises(ValueError, match=f"`{next(iter(option))}`"):
        VectorQuantizer(**option)
