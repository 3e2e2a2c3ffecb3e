import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.layers import GaussianCorruption, MaskingCorruption


def denoising(seed=3, compiled="graph", **options):
    keras.utils.set_random_seed(3)
    options = {"hidden_units": (32,), **options}
    model = tfae.DenoisingAutoencoder.from_shape((8, 8, 1), 8, seed=seed, **options)
    if compiled:
        eagerly = compiled == "eager"
        model.compile(keras.optimizers.Adam(1e-2), run_eagerly=eagerly, jit_compile=False)
    return model


def losses(model, *data, **options):
    """Returns the loss of every batch of one epoch."""
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
    )
    model.fit(*data, callbacks=[look], verbose=0, **options)
    return seen


class Watch(keras.layers.Layer):
    """Adds one in training, and counts its calls there."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.calls = 0

    def call(self, inputs, training=False):
        self.calls += bool(training)
        return inputs + 1.0 if training else inputs


# ---------------------------------------------------------------------------- what it learns


def trained_on_digits(digits, model_class, **options):
    keras.utils.set_random_seed(1)
    model = model_class.from_shape((8, 8, 1), 32, hidden_units=(64,), seed=1, **options)
    model.compile(keras.optimizers.Adam(4e-3), jit_compile=False)
    model.fit(digits[:1500], epochs=12, verbose=0)
    return model


@pytest.fixture(scope="module")
def plain(digits):
    return trained_on_digits(digits, tfae.Autoencoder)


@pytest.mark.parametrize(
    "noise",
    [
        "masking",
        pytest.param("gaussian", marks=pytest.mark.slow),
        pytest.param("salt_and_pepper", marks=pytest.mark.slow),
    ],
)
def test_it_removes_noise_that_a_plain_autoencoder_keeps(digits, plain, noise):
    test = digits[1500:]
    corrupt = {
        "masking": tfae.layers.MaskingCorruption(0.4, seed=1),
        "gaussian": tfae.layers.GaussianCorruption(0.4, seed=1),
        "salt_and_pepper": tfae.layers.SaltAndPepperCorruption(0.3, seed=1),
    }[noise]
    noisy = corrupt(test, training=True).numpy()

    def error(model):
        # `reconstruct` of other models than denoising ones refuses data outside of [0, 1].
        return np.mean((model(noisy) - test) ** 2)

    model = trained_on_digits(digits, tfae.DenoisingAutoencoder, corruption=corrupt)
    denoised = error(model)
    assert denoised < 0.7 * error(plain)
    assert denoised < 0.4 * np.mean((noisy - test) ** 2)


def test_training_targets_are_the_clean_data(few_digits):
    """If the corruption erases the input, the best reconstruction is the mean digit."""

    class Nothing(keras.layers.Layer):
        def call(self, inputs, training=False):
            return inputs * 0.0 if training else inputs

    model = denoising(corruption=Nothing(), likelihood="squared_error")
    loss = model.fit(few_digits, epochs=60, verbose=0).history["loss"][-1]
    variance = few_digits.var(axis=0).sum()
    assert loss == pytest.approx(variance, rel=0.05)


# ---------------------------------------------------------------------------- corruption


def test_only_training_corrupts(few_digits):
    watch = Watch()
    model = denoising(corruption=watch, compiled=False)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    plain = tfae.Autoencoder(model.encoder, model.decoder)
    plain.compile(run_eagerly=True)
    history = model.fit(few_digits, validation_data=few_digits, batch_size=203, verbose=0).history
    assert watch.calls == 1
    clean = plain.evaluate(few_digits, verbose=0)[0]
    assert history["val_loss"][0] == pytest.approx(clean, rel=1e-5)
    assert history["loss"][0] != pytest.approx(clean, rel=1e-3)
    assert model.evaluate(few_digits, verbose=0)[0] == pytest.approx(clean, rel=1e-5)
    for method in ("encode", "reconstruct", "features", "anomaly_score"):
        a, b = getattr(model, method)(few_digits), getattr(plain, method)(few_digits)
        tf.nest.map_structure(np.testing.assert_array_equal, a, b)
    assert watch.calls == 1


def test_every_step_draws_new_noise(few_digits):
    model = denoising(compiled=False, corruption=MaskingCorruption(0.5))
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    same_batch = np.repeat(few_digits[:1], 160, axis=0)
    assert len(set(losses(model, same_batch, batch_size=32))) == 5


def test_pairs_of_noisy_and_clean_data_are_learned_with_and_without_corruption(digits):
    clean = digits[:500]
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 0.3, clean.shape), 0, 1)
    noisy = noisy.astype("float32")
    for corruption in (None, MaskingCorruption(0.1)):
        model = denoising(corruption=corruption)
        model.fit(noisy, clean, epochs=12, verbose=0)
        error = np.mean((model.reconstruct(noisy) - clean) ** 2)
        assert error < 0.7 * np.mean((noisy - clean) ** 2)


def test_without_corruption_it_equals_the_standard_autoencoder(few_digits):
    few_digits = few_digits[:64]
    keras.utils.set_random_seed(3)
    plain = tfae.Autoencoder.from_shape((8, 8, 1), 8, hidden_units=(32,), seed=3)
    plain.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    model = denoising(corruption=None, compiled="eager")
    np.testing.assert_array_equal(losses(model, few_digits), losses(plain, few_digits))


# ---------------------------------------------------------------------------- seeds and files


def test_the_models_seed_seeds_a_corruption_without_a_seed_of_its_own(few_digits):
    networks = denoising(compiled=False)

    def first_loss(seed, corruption):
        model = tfae.DenoisingAutoencoder(
            networks.encoder, networks.decoder, corruption=corruption, seed=seed
        )
        model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
        return model.train_on_batch(few_digits)[0]

    assert first_loss(1, "masking") == first_loss(1, "masking")
    assert first_loss(1, "masking") != first_loss(2, "masking")
    own = first_loss(1, MaskingCorruption(seed=9))
    assert own == first_loss(2, MaskingCorruption(seed=9))
    assert own != first_loss(1, "masking")


@pytest.mark.parametrize(
    "corruption", ["gaussian", GaussianCorruption(0.2, seed=4), keras.layers.GaussianNoise(0.1)]
)
def test_a_loaded_model_continues_the_noise_where_the_saved_one_stopped(
    few_digits, tmp_path, corruption
):
    model, few_digits = denoising(corruption=corruption, compiled="eager"), few_digits[:64]
    model.fit(few_digits, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.corruption) is type(model.corruption)
    assert loaded.corruption.get_config() == model.corruption.get_config()
    a, b = (m.train_on_batch(few_digits)[0] for m in (model, loaded))
    assert a == pytest.approx(b, rel=1e-6)


def test_no_corruption_is_saved_as_none(tmp_path):
    denoising(corruption=None).save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").corruption is None


# ---------------------------------------------------------------------------- bad arguments


def test_a_corruption_that_changes_the_shape_is_refused():
    with pytest.raises(ValueError, match=r"keep the shape.*'flat' gives \(None, 64\)"):
        denoising(corruption=keras.layers.Flatten(name="flat"))


def test_an_unknown_corruption_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'masking', 'salt_and_pepper'.*corruption='blur'"):
        denoising(corruption="blur")


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.2, 0.4, 0.6])
def test_denoised_digits_are_closer_to_the_clean_ones_than_those_of_a_median_filter(digits, level):
    from scipy.ndimage import median_filter

    train, test = digits[:1500], digits[1500:]
    noise = tfae.layers.GaussianCorruption(level, seed=5)
    keras.utils.set_random_seed(0)
    model = tfae.DenoisingAutoencoder.from_shape(
        (8, 8, 1), 32, hidden_units=(256,), corruption=tfae.layers.GaussianCorruption(level), seed=0
    )
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    model.fit(train, epochs=25, batch_size=50, verbose=0)
    noisy = np.asarray(noise(test, training=True))

    def psnr(images):
        return -10 * np.log10(np.mean((images - test) ** 2))

    filtered = max(psnr(median_filter(noisy, size=(1, n, n, 1))) for n in (1, 3))
    assert psnr(model.reconstruct(noisy)) > filtered + 1
