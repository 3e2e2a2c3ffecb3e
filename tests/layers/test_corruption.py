import keras
import numpy as np
import pytest
import tensorflow as tf

from tfae.layers import GaussianCorruption, MaskingCorruption, SaltAndPepperCorruption, corruption
from tfae.layers.seeds import seed_unseeded

GREY = np.full((200, 500), 0.5, "float32")
LAYERS = {
    "masking": lambda **kwargs: MaskingCorruption(0.3, **kwargs),
    "gaussian": lambda **kwargs: GaussianCorruption(0.3, **kwargs),
    "salt_and_pepper": lambda **kwargs: SaltAndPepperCorruption(0.3, **kwargs),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


# ---------------------------------------------------------------------------- the noise


def test_masking_sets_the_given_fraction_to_zero_and_rescales_nothing(digits):
    y = MaskingCorruption(0.3, seed=1)(digits, training=True).numpy()
    kept = y == digits
    assert set(np.unique(y[~kept])) == {0.0}
    bright = digits > 0
    assert np.mean(y[bright] == 0) == pytest.approx(0.3, abs=0.01)


def test_masking_hits_every_position_equally_and_independently():
    masked = MaskingCorruption(0.3, seed=1)(tf.ones([20_000, 6]), training=True).numpy() == 0
    np.testing.assert_allclose(masked.mean(axis=0), 0.3, atol=4 * np.sqrt(0.21 / 20_000))
    np.testing.assert_allclose(np.corrcoef(masked.T), np.eye(6), atol=4 / np.sqrt(20_000))


def test_gaussian_adds_noise_of_the_given_standard_deviation_and_does_not_clip():
    noise = GaussianCorruption(0.6, seed=1)(GREY, training=True).numpy() - GREY
    n = noise.size
    assert noise.mean() == pytest.approx(0, abs=4 * 0.6 / np.sqrt(n))
    assert noise.std() == pytest.approx(0.6, rel=4 / np.sqrt(2 * n))
    assert np.mean(np.abs(noise) < 0.6) == pytest.approx(0.6827, abs=0.005)
    assert (noise + GREY).min() < -1


def test_salt_and_pepper_are_equally_frequent_and_the_rest_is_kept():
    y = SaltAndPepperCorruption(0.3, seed=1)(GREY, training=True).numpy()
    assert set(np.unique(y)) == {0.0, 0.5, 1.0}
    for level in (0.0, 1.0):
        assert np.mean(y == level) == pytest.approx(0.15, abs=0.005)


def test_salt_and_pepper_use_the_given_levels():
    y = SaltAndPepperCorruption(0.3, low=-1, high=2, seed=1)(GREY, training=True).numpy()
    assert set(np.unique(y)) == {-1.0, 0.5, 2.0}


@pytest.mark.parametrize(
    "layer", [MaskingCorruption(0), GaussianCorruption(0), SaltAndPepperCorruption(0)]
)
def test_a_strength_of_zero_changes_nothing(layer):
    np.testing.assert_array_equal(layer(GREY, training=True), GREY)


# ---------------------------------------------------------------------------- as a layer


@every_layer
def test_nothing_happens_outside_training(make):
    layer = make(seed=1)
    np.testing.assert_array_equal(layer(GREY), GREY)
    np.testing.assert_array_equal(layer(GREY, training=False), GREY)
    first = layer(GREY, training=True)
    np.testing.assert_array_equal(first, make(seed=1)(GREY, training=True))


@every_layer
def test_every_call_draws_new_noise_that_the_seed_determines(make):
    a, b = make(seed=1), make(seed=1)
    draws = [a(GREY, training=True).numpy() for _ in range(3)]
    assert (draws[0] != draws[1]).any()
    for draw in draws:
        np.testing.assert_array_equal(draw, b(GREY, training=True))
    assert (draws[0] != make(seed=2)(GREY, training=True)).numpy().any()


@every_layer
def test_eager_graph_and_xla_draw_the_same(make):
    eager = make(seed=1)(GREY, training=True)
    for jit_compile in (False, True):
        layer = make(seed=1)
        run = tf.function(lambda x, f=layer: f(x, training=True), jit_compile=jit_compile)
        np.testing.assert_allclose(run(GREY), eager, atol=3e-6)


@every_layer
@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (3, 5, 7, 2)])
def test_the_shape_is_kept_even_if_it_is_unknown_until_run_time(make, shape):
    layer = make(seed=1)
    spec = tf.TensorSpec([None] * len(shape), tf.float32)
    run = tf.function(lambda x: layer(x, training=True), input_signature=[spec])
    assert run(tf.ones(shape)).shape == shape
    assert layer(keras.KerasTensor((None, *shape[1:]))).shape == (None, *shape[1:])


@every_layer
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_the_noise_is_the_same_in_every_precision(make, policy):
    y = make(seed=1, dtype=policy)(GREY, training=True)
    assert y.dtype == keras.DTypePolicy(policy).compute_dtype
    expected = make(seed=1)(GREY, training=True)
    np.testing.assert_allclose(tf.cast(y, tf.float32), expected, atol=1e-2)


@every_layer
def test_integers_become_floats(make):
    ones = np.ones((30, 40), "uint8")
    for training in (True, False):
        y = make(seed=1)(ones, training=training)
        expected = make(seed=1)(ones.astype("float32"), training=training)
        np.testing.assert_array_equal(y, expected)


@every_layer
def test_it_works_in_a_functional_model_and_is_saved(make, tmp_path):
    x = keras.Input((500,))
    model = keras.Model(x, make(seed=1)(x))
    model(GREY, training=True)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.layers[-1].get_config() == model.layers[-1].get_config()
    np.testing.assert_array_equal(again(GREY, training=False), GREY)
    assert (again(GREY, training=True).numpy() != GREY).any()


@every_layer
def test_replicas_draw_different_noise(make, two_replicas):
    strategy = two_replicas
    with strategy.scope():
        layer = make(seed=1)
    draw = tf.function(lambda: strategy.run(lambda: layer(tf.constant(GREY), training=True)))
    a, b = strategy.experimental_local_results(draw())
    assert (a.numpy() != b.numpy()).any()


# ---------------------------------------------------------------------------- arguments


@pytest.mark.parametrize("rate", [-0.1, 1, 1.0, 1 - 1e-12, float("nan"), "much", None, True])
def test_invalid_rates_are_refused(rate):
    for make in (MaskingCorruption, SaltAndPepperCorruption):
        with pytest.raises(ValueError, match=r"`rate` must lie in \[0, 1\); received rate="):
            make(rate)


@pytest.mark.parametrize("stddev", [-0.1, float("inf"), "much"])
def test_invalid_standard_deviations_are_refused(stddev):
    with pytest.raises(ValueError, match="`stddev` must be a non-negative number"):
        GaussianCorruption(stddev)


def test_levels_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match=r"below `high`.*low=1, high=0"):
        SaltAndPepperCorruption(0.1, low=1, high=0)


@pytest.mark.parametrize("name", LAYERS)
def test_get_takes_names_configs_layers_and_none(name):
    layer = corruption.get(name)
    again = corruption.get(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert corruption.get(layer) is layer
    assert corruption.get(None) is None


@pytest.mark.parametrize("identifier", ["blur", 0.3, MaskingCorruption])
def test_get_refuses_anything_else_and_lists_the_names(identifier):
    with pytest.raises(ValueError, match=r"'gaussian', 'masking', 'salt_and_pepper'.*received"):
        corruption.get(identifier)


def test_only_layers_without_a_seed_are_given_one():
    chain = keras.Sequential([MaskingCorruption(0.3), GaussianCorruption(0.3, seed=5)])
    seed_unseeded(chain, 9)
    masking, gaussian = chain.layers
    assert masking.seed_generator.state.numpy().tolist() == [10, 0]
    assert gaussian.seed_generator.state.numpy().tolist() == [5, 0]
