import random
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

import tfae
from tfae.hyperparameters import of_constructor
from tfae.networks import ARCHITECTURES, discriminator


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
def test_the_decoder_ends_in_a_linear_layer_and_every_kernel_uses_xavier_initialisation(
    architecture,
):
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


def test_invalid_sizes_are_refused():
    with pytest.raises(ValueError, match=r"`hidden_units`.*\(5, 0\)"):
        ARCHITECTURES["mlp"]((6,), 2, hidden_units=(5, 0))
    with pytest.raises(ValueError, match="`latent_dim`"):
        ARCHITECTURES["mlp"]((6,), -1)
    with pytest.raises(ValueError, match=r"\(height, width, channels\); received \(28, 28\)"):
        ARCHITECTURES["conv"]((28, 28), 2)


# ---------------------------------------------------------------------------- no global state


def all_weights(*networks):
    return [np.asarray(w) for network in networks for w in network.weights]


@pytest.mark.parametrize(
    "initializer",
    ["glorot_uniform", "half_glorot_normal", "zeros", keras.initializers.HeNormal(), "orthogonal"],
)
def test_the_seed_determines_the_weights_and_no_two_kernels_are_equal(initializer):
    def built(seed):
        return all_weights(
            *ARCHITECTURES["mlp"](
                (6,), 6, hidden_units=(6,), kernel_initializer=initializer, seed=seed
            )
        )

    first, again, other = built(3), built(3), built(4)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    if initializer != "zeros":
        assert all((a != b).any() for a, b in zip(first, other, strict=True) if a.ndim == 2)
        assert len({kernel.tobytes() for kernel in first if kernel.ndim == 2}) == 4


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_the_dtype_policy_applies_to_every_layer_but_the_heads(architecture):
    networks = ARCHITECTURES[architecture]((5, 5, 1), 2, dtype="mixed_bfloat16", seed=0)
    for layer in [layer for network in networks for layer in network.layers]:
        if not isinstance(layer, keras.layers.InputLayer):
            assert layer.compute_dtype == ("float32" if layer.name == "code" else "bfloat16")


CLASSES = [cls for cls in vars(tfae.models).values() if hasattr(cls, "from_shape")]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_building_from_a_seed_is_reproducible_and_changes_no_global_state(cls):
    before = random.getstate(), keras.config.dtype_policy()
    options = {"hidden_units": (6,), "seed": 5}
    if "prior" in of_constructor(cls) and cls.__name__.startswith("Varia"):
        options["prior"] = "learned_mixture"
    first, again = (cls.from_shape((6,), 4, **options) for _ in range(2))
    assert first.seed == 5
    for a, b in zip(all_weights(first), all_weights(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert keras.config.dtype_policy() == before[1]
    if "corruption" not in of_constructor(
        cls
    ):  # without a seed it draws one before the model seeds it
        assert random.getstate() == before[0]


def test_the_discriminator_and_the_encoder_start_from_different_weights():
    options = {"hidden_units": (8,), "discriminator_units": (8,), "normalize_codes": False}
    model = tfae.AdversarialAutoencoder.from_shape((8,), 8, **options, seed=0)
    kernels = [w for w in all_weights(model.encoder, model.discriminator) if w.shape == (8, 8)]
    assert len(kernels) == 3
    assert len({kernel.tobytes() for kernel in kernels}) == 3
    assert discriminator([2, 3]).output_shape == (None, 2)


def test_models_of_two_dtype_policies_can_be_built_in_parallel():
    def policies(dtype):
        model = tfae.Autoencoder.from_shape((6,), 2, hidden_units=(5, 4), dtype=dtype, seed=0)
        return {layer.compute_dtype for layer in model.encoder.layers[1:-1]}

    dtypes = ["float32", "mixed_bfloat16"] * 10
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(policies, dtypes))
    assert found == [{"float32"}, {"bfloat16"}] * 10


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_images_are_channels_last_whatever_the_configuration_of_keras(architecture):
    def outputs():
        options = {"mlp": {"hidden_units": (3,)}, "conv": {"filters": (2, 2)}}[architecture]
        build = ARCHITECTURES[architecture]
        encoder, decoder = build((5, 6, 2), 3, seed=1, **options)
        code = encoder(x)
        return np.asarray(code), np.asarray(decoder(code))

    x = np.random.default_rng(0).random((2, 5, 6, 2)).astype("float32")
    expected = outputs()
    keras.config.set_image_data_format("channels_first")
    try:
        for output, wanted in zip(outputs(), expected, strict=True):
            np.testing.assert_array_equal(output, wanted)
    finally:
        keras.config.set_image_data_format("channels_last")
