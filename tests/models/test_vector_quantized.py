import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.batches.batch import unpack

VQVAE = tfae.VectorQuantizedVariationalAutoencoder
FLAT = {"latent_dim": 8, "embedding_dim": 2, "hidden_units": (64,)}
GRID = {"latent_dim": 4, "architecture": "conv", "filters": (4, 6)}


def vqvae(run_eagerly=True, **hyperparameters):
    """Builds a model that runs eagerly: for a few steps that is faster than tracing."""
    keras.utils.set_random_seed(7)
    model = VQVAE.from_shape(
        (8, 8, 1), **{"num_embeddings": 16, "seed": 7, **FLAT, **hyperparameters}
    )
    model.compile(keras.optimizers.Adam(2e-3), run_eagerly=run_eagerly, jit_compile=False)
    return model


def convolutional():
    keras.utils.set_random_seed(7)
    model = VQVAE.from_shape((8, 8, 1), num_embeddings=16, seed=7, **GRID)
    model.compile(run_eagerly=True)
    return model


@pytest.mark.parametrize(
    ("make", "code_shape", "index_shape"),
    [
        (vqvae, (8,), (4,)),
        (lambda: vqvae(embedding_dim=None), (8,), ()),
        (convolutional, (2, 2, 4), (2, 2)),
    ],
    ids=["groups", "one vector", "grid"],
)
def test_codes_are_the_embeddings_at_their_indices(few_digits, make, code_shape, index_shape):
    model = make()
    model.train_on_batch(few_digits)
    assert (
        model.encode(few_digits).shape == (len(few_digits), *code_shape) == (203, *model.code_shape)
    )
    indices = model.indices(few_digits)
    assert indices.shape == (len(few_digits), *index_shape)
    codebook = np.asarray(model.quantizer.codebook)
    np.testing.assert_array_equal(
        codebook[indices].reshape(-1, *code_shape), model.encode(few_digits)
    )
    np.testing.assert_allclose(
        model.decode_indices(indices), model.reconstruct(few_digits), rtol=1e-5, atol=1e-6
    )


def test_training_uses_the_whole_codebook_and_learns_to_reconstruct(digits):
    model = vqvae(run_eagerly=False)
    history = model.fit(digits, epochs=12, batch_size=64, verbose=0).history
    assert history["perplexity"][-1] > 10  # of 16
    mean = np.mean((digits - digits.mean(axis=0)) ** 2)
    assert np.mean((model.reconstruct(digits) - digits) ** 2) < 0.7 * mean
    assert len(np.unique(model.indices(digits))) >= 14


def test_the_gradient_passes_straight_through(few_digits):
    """The encoder gets the decoder's gradient at the quantised code plus that of the commitment."""
    model = vqvae(commitment=0.5)
    batch = unpack(few_digits)
    with tf.GradientTape(persistent=True) as tape:
        terms = model.loss_terms(batch, training=False)
        loss = sum(
            tf.reduce_sum(terms[n]) * model.term_weights().get(n, 1.0) for n in VQVAE.loss_names
        )
        encoded = model.encoder(few_digits)
    quantized, _ = model.quantizer(encoded)
    with tf.GradientTape() as of_decoder:
        of_decoder.watch(quantized)
        reconstruction = tf.reduce_sum(model.likelihood.loss(few_digits, model.decoder(quantized)))
    upstream = of_decoder.gradient(reconstruction, quantized) + 2 * 0.5 * (encoded - quantized)
    expected = tape.gradient(encoded, model.encoder.trainable_variables, upstream)
    found = tape.gradient(loss, model.encoder.trainable_variables)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_the_codebook_has_no_gradient_and_moves_only_in_training(few_digits):
    model = vqvae()
    assert not model.quantizer.trainable_variables
    before = np.asarray(model.quantizer.codebook)
    model.evaluate(few_digits, verbose=0)
    np.testing.assert_array_equal(model.quantizer.codebook, before)
    model.train_on_batch(few_digits)
    assert (np.asarray(model.quantizer.codebook) != before).any()


def test_the_codebook_and_its_moving_averages_are_saved(few_digits, tmp_path):
    model = vqvae()
    few_digits = few_digits[:64]
    model.fit(few_digits, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for m in (model, loaded):
        m.fit(few_digits, initial_epoch=1, epochs=2, verbose=0)
    for a, b in zip(model.quantizer.weights, loaded.quantizer.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_indices_outside_the_codebook_are_refused():
    model = vqvae()
    for indices in (np.full((1, 4), 16), np.full((1, 4), -1), np.zeros((1, 4))):
        with pytest.raises(ValueError, match="integers from 0 to 15"):
            model.decode_indices(indices)
    assert model.decode_indices(np.zeros((0, 4), int)).shape == (0, 8, 8, 1)


@pytest.mark.parametrize(
    "make",
    [vqvae, lambda: vqvae(embedding_dim=None), convolutional],
    ids=["groups", "one vector", "grid"],
)
def test_generated_indices_follow_the_frequencies_in_the_data(few_digits, make):
    model = make()
    model.train_on_batch(few_digits)
    prior = model.fit_prior(few_digits, smoothing=0)
    indices = model.indices(few_digits)
    frequencies = np.stack([(indices == k).mean(axis=0) for k in range(16)], axis=-1)
    np.testing.assert_allclose(prior.probabilities, frequencies)
    codes = np.asarray(prior.sample(40, [5, 0]))
    _, drawn = model.quantizer(tf.constant(codes))
    for position in np.ndindex(indices.shape[1:]):
        seen = np.unique(indices[(slice(None), *position)])
        assert np.isin(np.asarray(drawn)[(slice(None), *position)], seen).all()
    np.testing.assert_allclose(
        model.generate(40, seed=5), model.decode_indices(drawn), rtol=1e-5, atol=1e-6
    )


def test_generate_needs_a_fitted_prior():
    with pytest.raises(NotImplementedError, match="no distribution over codes"):
        vqvae().generate(3)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"commitment": -1}, "`commitment`"),
        ({"embedding_dim": 3}, "must divide"),
        ({"num_embeddings": 0}, "`num_embeddings`"),
    ],
)
def test_invalid_hyperparameters_are_refused_by_name(option, message):
    with pytest.raises(ValueError, match=message):
        vqvae(**option)
