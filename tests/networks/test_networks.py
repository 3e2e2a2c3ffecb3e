import keras
import numpy as np
import pytest

from tfae.networks import ARCHITECTURES


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 5, 3), (1, 1, 2), (9, 4, 1)])
@pytest.mark.parametrize("variational", [True, False])
def test_encoder_and_decoder_mirror_any_shape(architecture, shape, variational):
    encoder, decoder = ARCHITECTURES[architecture](shape, 3, variational=variational)
    heads = encoder(np.zeros((2, *shape), "float32"))
    heads = heads if variational else [heads]
    assert [tuple(h.shape) for h in heads] == [(2, 3)] * (2 if variational else 1)
    assert tuple(decoder(np.zeros((2, 3), "float32")).shape) == (2, *shape)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_the_decoder_ends_linear_and_every_kernel_starts_by_xavier(architecture):
    encoder, decoder = ARCHITECTURES[architecture]((8, 8, 1), 3)
    last = next(layer for layer in reversed(decoder.layers) if hasattr(layer, "activation"))
    assert last.activation is keras.activations.linear
    for layer in [*encoder.layers, *decoder.layers]:
        if hasattr(layer, "kernel_initializer"):
            assert isinstance(layer.kernel_initializer, keras.initializers.GlorotUniform)


def test_an_mlp_without_hidden_layers_is_linear():
    encoder, decoder = ARCHITECTURES["mlp"]((6,), 2, hidden_units=())
    x = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    np.testing.assert_allclose(encoder(2 * x), 2 * encoder(x), rtol=1e-5)
    assert [type(layer).__name__ for layer in encoder.layers] == ["InputLayer", "Dense"]
    assert tuple(decoder.output_shape) == (None, 6)


def test_impossible_sizes_are_named():
    with pytest.raises(ValueError, match=r"`hidden_units`.*\(5, 0\)"):
        ARCHITECTURES["mlp"]((6,), 2, hidden_units=(5, 0))
    with pytest.raises(ValueError, match="`latent_dim`"):
        ARCHITECTURES["mlp"]((6,), -1)
    with pytest.raises(ValueError, match=r"\(height, width, channels\); received \(28, 28\)"):
        ARCHITECTURES["conv"]((28, 28), 2)
