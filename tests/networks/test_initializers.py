import keras
import numpy as np
import pytest

import tfae
from tfae.cli import objects
from tfae.cli.model_options import model_options
from tfae.networks import ARCHITECTURES, mlp

every_architecture = pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))


def kernels(*networks):
    """Yields the initial kernels, each with its fan-in and fan-out."""
    layers = [layer for network in networks for layer in network.layers]
    for kernel in (layer.kernel for layer in layers if hasattr(layer, "kernel")):
        receptive_field = np.prod(kernel.shape[:-2])
        yield np.asarray(kernel), receptive_field * np.array(kernel.shape[-2:])


@every_architecture
@pytest.mark.parametrize(
    ("name", "numerator"),
    [
        ("glorot_uniform", 2),
        ("glorot_normal", 2),
        ("half_glorot_uniform", 1),
        ("half_glorot_normal", 1),
    ],
)
def test_each_kernel_has_the_variance_of_its_initializer(architecture, name, numerator):
    keras.utils.set_random_seed(0)
    networks = ARCHITECTURES[architecture]((16, 16, 1), 40, kernel_initializer=name)
    large = [(kernel, units) for kernel, units in kernels(*networks) if kernel.size > 5000]
    assert len(large) >= 4
    for kernel, (n_in, n_out) in large:
        assert kernel.var() == pytest.approx(numerator / (n_in + n_out), rel=0.1)
        bound = np.sqrt(3 * numerator / (n_in + n_out))
        assert (np.abs(kernel).max() <= bound) == ("uniform" in name)


@every_architecture
def test_xavier_is_the_default(architecture):
    def first(**options):
        keras.utils.set_random_seed(1)
        return next(kernels(*ARCHITECTURES[architecture]((8, 8, 1), 3, **options)))[0]

    np.testing.assert_array_equal(first(), first(kernel_initializer="glorot_uniform"))
    np.testing.assert_allclose(
        first(), np.sqrt(2) * first(kernel_initializer="half_glorot_uniform"), atol=1e-7
    )


@pytest.mark.parametrize(
    ("initializer", "lowest", "highest"),
    [
        ("glorot_uniform", 0.1, 1),
        ("glorot_normal", 0.1, 1),
        ("half_glorot_uniform", 1e-4, 1e-3),
        ("half_glorot_normal", 1e-4, 1e-3),
        (keras.initializers.VarianceScaling(0.1, "fan_avg"), 0, 1e-9),
        (keras.initializers.VarianceScaling(4.0, "fan_avg"), 1e5, np.inf),
    ],
)
def test_the_scale_of_the_weights_decides_whether_the_signal_vanishes_or_explodes(
    digits, initializer, lowest, highest
):
    keras.utils.set_random_seed(0)
    model = tfae.Autoencoder.from_shape(
        (64,),
        2,
        hidden_units=10 * [256],
        activation="linear",
        kernel_initializer=initializer,
        likelihood="gaussian",
        seed=0,
    )
    signal = (digits - digits.mean()) / digits.std()
    variance = model.features(signal.reshape(-1, 64), layers=["hidden_10"])["hidden_10"].var()
    assert lowest < variance < highest


@pytest.mark.parametrize(
    "initializer", ["half_glorot_normal", "orthogonal", keras.initializers.HeNormal()]
)
def test_layers_of_equal_shape_get_different_weights(initializer):
    networks = mlp((8,), 8, hidden_units=(8, 8), kernel_initializer=initializer)
    drawn = [kernel for kernel, _ in kernels(*networks)]
    assert len(drawn) == 6
    assert len({kernel.tobytes() for kernel in drawn}) == 6


@pytest.mark.parametrize("name", ["xavier", "half_glorot", "Glorot", ""])
def test_an_unknown_initializer_is_refused_with_the_list_of_names(name):
    with pytest.raises(ValueError, match=f"glorot_normal.*half_glorot_uniform.*received '{name}'"):
        mlp((8,), 2, kernel_initializer=name)


def test_initializers_are_saved_as_keras_own(tmp_path):
    encoder, _ = mlp((8,), 2, kernel_initializer="half_glorot_uniform")
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    initializer = loaded.get_layer("code").kernel_initializer
    assert type(initializer) is keras.initializers.VarianceScaling
    assert (initializer.scale, initializer.mode) == (0.5, "fan_avg")
    assert initializer.distribution == "uniform"


def test_the_command_line_accepts_names_and_objects():
    option = model_options(tfae.Autoencoder)["kernel_initializer"]
    assert option.default_text == "glorot_uniform"
    assert option.parse("half_glorot_normal", "mlp") == "half_glorot_normal"
    text = "VarianceScaling:scale=0.1,mode=fan_avg"
    made = objects.make(option.parse(text, "conv"))
    assert isinstance(made, keras.initializers.VarianceScaling)
    assert made.scale == 0.1
    with pytest.raises(ValueError, match=r"no 'Xavier'; there are.*GlorotUniform"):
        option.parse("Xavier", "mlp")
