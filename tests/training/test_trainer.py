"""What `fit`, `evaluate` and `compile` promise for every model, tested on the smallest one."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.optimizers import SGD

import tfae


def weights(model):
    return [np.asarray(w) for w in model.trainable_variables]


def assert_equal_weights(a, b, atol=0.0):
    for x, y in zip(weights(a), weights(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=atol)


# ---------------------------------------------------------------------------- data


def test_arrays_datasets_pydatasets_and_generators_train_alike(tiny, few_digits):
    x = few_digits[:64]

    class Sequence(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            rows = x[index * 32 : (index + 1) * 32]
            return rows, rows

    def generator():
        for start in (0, 32):
            yield (x[start : start + 32],)

    dataset = tf.data.Dataset.from_tensor_slices(x).batch(32)
    expected = tiny(run_eagerly=True)
    expected.fit(x, shuffle=False, verbose=0)
    for data, options in (
        (tf.constant(x), {"shuffle": False}),
        (dataset, {}),
        (dataset.repeat(), {"steps_per_epoch": 2}),
        (Sequence(), {"shuffle": False}),
        (generator(), {"steps_per_epoch": 2}),
    ):
        model = tiny(run_eagerly=True)
        model.fit(data, verbose=0, **options)
        assert_equal_weights(model, expected, atol=1e-6)
    loss = expected.evaluate(x, verbose=0, return_dict=True)
    for data in (dataset, Sequence()):
        assert expected.evaluate(data, verbose=0, return_dict=True) == pytest.approx(loss)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_steps_per_epoch_of_an_endless_dataset_is_kept_exactly(tiny, few_digits, jit_compile):
    endless = tf.data.Dataset.from_tensor_slices(few_digits).batch(16).repeat()
    model = tiny(jit_compile=jit_compile, optimizer=SGD)
    before = 0
    for steps in (1, 12, 64):  # fewer than a program holds, more, and several programs
        model.fit(endless, steps_per_epoch=steps, epochs=2, verbose=0)
        assert int(model.optimizer.iterations) - before == 2 * steps
        before = int(model.optimizer.iterations)


def test_the_order_of_arrays_follows_from_seed_and_epoch(tiny, few_digits):
    def losses(seed, initial_epoch):
        model = tiny(seed, run_eagerly=True)
        seen = []
        watch = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda _, logs: seen.append(logs["reconstruction_loss"])
        )
        model.fit(few_digits[:64], initial_epoch=initial_epoch, epochs=initial_epoch + 1,
                  verbose=0, callbacks=[watch])  # fmt: skip
        return np.array(seen)

    np.testing.assert_array_equal(losses(7, 0), losses(7, 0))
    assert (losses(7, 0) != losses(7, 1)).any()
    assert (losses(7, 0) != losses(8, 0)).any()


@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_step_on_one_batch_is_a_step_of_fit(tiny, few_digits, jit_compile):
    few_digits = few_digits[:64]
    model = tiny(jit_compile=jit_compile, optimizer=SGD)
    fitted = tiny(run_eagerly=True, optimizer=SGD)
    logs = model.train_on_batch(few_digits, return_dict=True)
    fitted.fit(few_digits, batch_size=len(few_digits), shuffle=False, verbose=0)
    assert_equal_weights(model, fitted, atol=1e-6)
    assert set(logs) == {"loss", "reconstruction_loss"}
    of_test = model.test_on_batch(few_digits, return_dict=True)
    assert of_test == pytest.approx(fitted.evaluate(few_digits, verbose=0, return_dict=True), 1e-4)


def test_train_on_batch_takes_weights_and_lists(tiny, few_digits):
    model, of_array, of_list = (tiny(run_eagerly=True) for _ in range(3))
    before = weights(model)
    model.train_on_batch(few_digits, sample_weight=np.zeros(len(few_digits)))
    for a, b in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(a, b)
    of_array.train_on_batch(few_digits[:3])
    of_list.train_on_batch(few_digits[:3].tolist())
    assert_equal_weights(of_array, of_list)


# ---------------------------------------------------------------------------- compile


def test_metrics_of_compile_see_target_and_reconstruction(tiny, few_digits):
    model = tiny(metrics=["mse"], run_eagerly=True)
    logs = model.evaluate(few_digits, verbose=0, return_dict=True)
    expected = np.mean((model.reconstruct(few_digits) - few_digits) ** 2)
    assert logs["mse"] == pytest.approx(expected, rel=1e-4)
    assert "mse" in model.fit(few_digits, verbose=0).history


def test_auto_is_saved_as_auto(tiny, tmp_path):
    model = tiny(jit_compile="auto")
    model.save(tmp_path / "model.keras")
    config = keras.saving.load_model(tmp_path / "model.keras").get_compile_config()
    assert config["jit_compile"] == "auto"
    assert config["steps_per_execution"] == "auto"


@pytest.mark.parametrize(
    ("model_class", "jit_compile"),
    [
        pytest.param(tfae.Autoencoder, True, marks=pytest.mark.slow),
        (tfae.Autoencoder, False),
        pytest.param(tfae.AdversarialAutoencoder, False, marks=pytest.mark.slow),
        pytest.param(tfae.AdversarialAutoencoder, True, marks=pytest.mark.slow),
    ],
)
def test_steps_per_execution_does_not_change_results(tiny, few_digits, jit_compile, model_class):
    def trained(steps):
        model = tiny(model_class=model_class)
        # Adam would make whole steps of gradients that are nothing but rounding errors.
        names = [n for n in inspect.signature(model.compile).parameters if n.endswith("optimizer")]
        optimizers = {name: SGD(1e-2) for name in names}
        model.compile(**optimizers, jit_compile=jit_compile, steps_per_execution=steps)
        history = model.fit(few_digits, epochs=2, validation_data=few_digits[:32], verbose=0)
        return model, history.history

    few_digits = few_digits[:112]  # four steps: a program of three, and a smaller batch at the end
    one, history = trained(1)
    several, several_history = trained(3)
    assert_equal_weights(one, several, atol=1e-5)
    for name, values in history.items():
        assert values == pytest.approx(several_history[name], rel=1e-4)


# ---------------------------------------------------------------------------- callbacks


@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_callback_that_wants_every_batch_gets_every_batch(tiny, few_digits, jit_compile):
    class Count(keras.callbacks.Callback):
        batches, losses = 0, ()

        def on_train_batch_end(self, batch, logs=None):
            assert batch == self.batches
            self.batches += 1
            self.losses += (float(logs["loss"]),)

    count = Count()
    model = tiny(jit_compile=jit_compile, optimizer=SGD)
    model.fit(few_digits[:128], callbacks=[count], verbose=0)
    assert count.batches == 4
    assert len(set(count.losses)) == 4


def test_a_callback_can_stop_training_and_predict_within_it(tiny, few_digits):
    few_digits = few_digits[:64]

    class Look(keras.callbacks.Callback):
        shapes = ()

        def on_epoch_end(self, epoch, logs=None):
            prediction = self.model.predict(few_digits, batch_size=16, verbose=0)
            self.shapes += (prediction.shape,)
            self.model.evaluate(few_digits, verbose=0)
            self.model.stop_training = epoch == 1

    look = Look()
    model = tiny(jit_compile=True, optimizer=SGD)
    model.predict(few_digits, verbose=0)
    history = model.fit(few_digits, epochs=9, callbacks=[look], verbose=0)
    assert len(history.epoch) == 2
    assert set(look.shapes) == {few_digits.shape}


def test_tensorboard_and_checkpoints_leave_steps_fused(tiny, watch, few_digits, tmp_path):
    """Keras' callbacks that could use single batches, but do not, do not prevent fusing."""
    model, few_digits = tiny(jit_compile=True, optimizer=SGD), few_digits[:64]
    callbacks = [
        keras.callbacks.TensorBoard(tmp_path / "logs"),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras"),
        watch,
    ]
    model.fit(few_digits, callbacks=callbacks, verbose=0)
    model.fit(few_digits, callbacks=[keras.callbacks.TensorBoard(tmp_path, update_freq=1), watch],
              verbose=0)  # fmt: skip
    assert watch.steps[0] > 1
    assert watch.steps[1] == 1
    assert list((tmp_path / "logs" / "train").iterdir())
    assert (tmp_path / "best.keras").exists()


def test_fit_accepts_a_callback_list(tiny, few_digits):
    model = tiny(run_eagerly=True)
    callbacks = keras.callbacks.CallbackList([keras.callbacks.History()], model=model)
    model.fit(few_digits, callbacks=callbacks, verbose=0)
    assert int(model.optimizer.iterations) == 7


@pytest.mark.parametrize("monitor", ["val_loss", "val_reconstruction_loss", "kl_loss"])
def test_callbacks_know_that_every_loss_should_fall(tiny, few_digits, monitor):
    model = tiny(model_class=tfae.VariationalAutoencoder, run_eagerly=True)
    stop = keras.callbacks.EarlyStopping(monitor, patience=1)
    model.fit(few_digits[:64], validation_split=0.5, callbacks=[stop], verbose=0)
    assert stop.monitor_op is keras.ops.less


def test_callbacks_know_that_accuracy_should_rise(few_digits):
    stack = tfae.StackedAutoencoder.from_shape((8, 8, 1), 2, hidden_units=(), seed=0)
    classifier = stack.classifier(2)
    classifier.compile(run_eagerly=True)
    stop = keras.callbacks.EarlyStopping("val_accuracy", patience=1)
    y = np.arange(64) % 2
    classifier.fit(few_digits[:64], y, validation_split=0.5, callbacks=[stop], verbose=0)
    assert stop.monitor_op is keras.ops.greater


def test_hdf5_files_are_refused_before_anything_is_trained_or_written(tiny, few_digits, tmp_path):
    model, file = tiny(), tmp_path / "m.h5"
    match = r"Autoencoder is saved as a .keras file.*save_weights takes a .weights.h5"
    checkpoint = keras.callbacks.ModelCheckpoint(file)
    with pytest.raises(ValueError, match=match):
        model.fit(few_digits, callbacks=[checkpoint], verbose=0)
    with pytest.raises(ValueError, match=match):
        model.save(file)
    assert not file.exists()
    assert int(model.optimizer.iterations) == 0
    with pytest.raises(ValueError, match=match):
        keras.saving.save_model(model, file)  # Keras opens the file before it asks the model
    assert file.stat().st_size < 1000
    assert model.get_config()["seed"] == 7
