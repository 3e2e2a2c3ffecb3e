"""A learning rate that falls over the steps of `fit`, for every kind of data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.training import CosineOverFit, set_learning_rate


def model_with(optimizer, dtype="float32", **options):
    """Builds a model that runs eagerly, unless `options` say otherwise."""
    keras.utils.set_random_seed(1)
    model = tfae.Autoencoder.from_shape((8, 8, 1), 3, hidden_units=(), seed=1, dtype=dtype)
    model.compile(optimizer, **(options or {"run_eagerly": True}))
    return model


class Rates(keras.callbacks.Callback):
    """Records the learning rate at the start of each epoch and at the end."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))

    def on_train_end(self, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


def rates_of_fit(model, x, **options):
    rates = Rates()
    model.fit(x, callbacks=[rates], verbose=0, **options)
    return rates.seen


def half_cosine(parts, initial=1e-2):
    return initial * (1 + np.cos(np.pi * np.arange(parts + 1) / parts)) / 2


def test_the_rate_falls_to_zero_in_each_fit_and_returns_to_its_initial_value(few_digits):
    model = model_with(keras.optimizers.SGD(CosineOverFit(1e-2)), jit_compile=False)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-2)
    for epochs in (4, 2):  # the second fit reuses the programs of the first
        seen = rates_of_fit(model, few_digits, epochs=epochs, batch_size=64)
        np.testing.assert_allclose(seen, half_cosine(epochs), atol=1e-8)
        assert float(model.optimizer.learning_rate) == pytest.approx(1e-2)


def test_fused_steps_each_use_their_own_rate(few_digits):
    model = model_with(
        keras.optimizers.SGD(CosineOverFit(1e-2)), jit_compile=False, steps_per_execution=3
    )
    by_hand = model_with(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(1e-2, 14)))
    for one in (model, by_hand):
        one.fit(few_digits, epochs=2, batch_size=32, verbose=0)
    for a, b in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def batches(x):
    return tf.data.Dataset.from_tensor_slices(x).batch(64)


class Sequence(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return 4

    def __getitem__(self, index):
        x = self.x[64 * index : 64 * (index + 1)]
        return x, x


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (batches, {}),
        (Sequence, {}),
        (lambda x: batches(x).repeat(), {"steps_per_epoch": 4}),
        (lambda x: ((x[:64],) for _ in range(99)), {"steps_per_epoch": 4}),
    ],
    ids=["dataset", "PyDataset", "endless dataset", "generator"],
)
def test_the_rate_falls_over_data_of_every_kind(data, options, few_digits):
    model = model_with(keras.optimizers.SGD(CosineOverFit(1e-2)))
    seen = rates_of_fit(model, data(few_digits), epochs=3, **options)
    np.testing.assert_allclose(seen, half_cosine(3), atol=1e-8)


def test_the_rate_is_constant_over_data_of_unknown_length(few_digits):
    unknown = batches(few_digits).filter(lambda _: True)
    model = model_with(keras.optimizers.SGD(CosineOverFit(1e-2)))
    np.testing.assert_allclose(rates_of_fit(model, unknown, epochs=2), 1e-2, rtol=1e-6)


def test_the_rate_falls_under_loss_scaling_even_if_steps_are_skipped(few_digits, tmp_path):
    def rates(model, **options):
        seen = []
        inner = model.optimizer.inner_optimizer
        watch = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda *_, **__: seen.append(float(inner.learning_rate))
        )
        keep = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
        model.fit(
            few_digits, epochs=4, batch_size=64, callbacks=[watch, keep], verbose=0, **options
        )
        return seen

    adam = keras.optimizers.Adam(CosineOverFit(1e-2))
    scaled = keras.optimizers.LossScaleOptimizer(adam, initial_scale=2.0**20)
    model = model_with(scaled, dtype="mixed_float16")
    seen = rates(model)
    assert 0 < int(adam.iterations) < 16, "either all steps were skipped or none"
    np.testing.assert_allclose(seen[::4], half_cosine(4)[:4], rtol=1e-5)
    loaded = keras.saving.load_model(tmp_path / "2.keras")
    np.testing.assert_allclose(rates(loaded, initial_epoch=2), seen[8:])
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_rate_falls_under_gradient_accumulation(few_digits):
    sgd = keras.optimizers.SGD(CosineOverFit(1e-2), gradient_accumulation_steps=4)
    model = model_with(sgd)
    for _ in range(2):
        seen = rates_of_fit(model, few_digits, epochs=4, batch_size=64)
        rates = np.append(seen[:-1], 0)  # `learning_rate` is that of the last update
        np.testing.assert_allclose(rates, half_cosine(4), atol=2e-3)


def test_the_rate_continues_when_an_interrupted_run_is_restored_into_the_same_model(
    few_digits, tmp_path
):
    def stop(epoch, logs=None):
        if epoch == 2 and not stopped:
            stopped.append(epoch)
            raise KeyboardInterrupt

    stopped = []
    model = model_with(keras.optimizers.SGD(CosineOverFit(1e-2)))
    callbacks = [
        keras.callbacks.BackupAndRestore(tmp_path),
        keras.callbacks.LambdaCallback(on_epoch_end=stop),
    ]
    with pytest.raises(KeyboardInterrupt):
        model.fit(few_digits, epochs=4, callbacks=callbacks, verbose=0)
    rates = Rates()
    model.fit(few_digits, epochs=4, callbacks=[*callbacks, rates], verbose=0)
    assert len(rates.seen) in (2, 3)
    np.testing.assert_allclose(rates.seen, half_cosine(4)[-len(rates.seen) :], atol=1e-8)


def test_set_learning_rate_keeps_the_schedule():
    falling, constant = keras.optimizers.Adam(CosineOverFit(1e-2)), keras.optimizers.Adam(1e-2)
    for optimizer in (falling, constant, keras.optimizers.LossScaleOptimizer(falling)):
        set_learning_rate(optimizer, 5e-3)
        assert float(optimizer.learning_rate) == pytest.approx(5e-3)
    assert isinstance(falling.get_config()["learning_rate"], dict)
    assert constant.get_config()["learning_rate"] == pytest.approx(5e-3)


def test_an_exception_in_fit_restores_the_initial_rate(few_digits):
    def fail(*_):
        raise KeyboardInterrupt

    model = model_with(keras.optimizers.SGD(CosineOverFit(1e-2)))
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=fail)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(few_digits, epochs=3, callbacks=callbacks, verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-2)


def test_the_rate_continues_in_a_loaded_model(few_digits, tmp_path):
    whole = model_with(keras.optimizers.SGD(CosineOverFit(1e-2)))
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    whole.fit(few_digits, epochs=4, callbacks=[checkpoint], verbose=0)
    loaded = keras.saving.load_model(tmp_path / "2.keras")
    seen = rates_of_fit(loaded, few_digits, epochs=4, initial_epoch=2)
    np.testing.assert_allclose(seen, half_cosine(4)[2:], atol=1e-8)
    for a, b in zip(whole.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_rate_continues_in_a_restored_run(few_digits, tmp_path):
    def stop(epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt

    def run(*callbacks):
        keras.utils.set_random_seed(1)
        model = tfae.AdversarialAutoencoder.from_shape(
            (8, 8, 1), 2, hidden_units=(), discriminator_units=(4,), seed=1
        )
        model.compile(run_eagerly=True)
        model.fit(few_digits[:64], epochs=4, verbose=0, callbacks=list(callbacks))
        return model

    whole = run()
    with pytest.raises(KeyboardInterrupt):
        run(
            keras.callbacks.BackupAndRestore(tmp_path),
            keras.callbacks.LambdaCallback(on_epoch_begin=stop),
        )
    resumed = run(keras.callbacks.BackupAndRestore(tmp_path))
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rate", [0, -1e-3, float("nan"), "1e-3"])
def test_invalid_rates_are_refused(rate):
    with pytest.raises(ValueError, match="`initial_learning_rate` must be a positive number"):
        CosineOverFit(rate)
