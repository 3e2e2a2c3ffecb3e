"""A run that is killed and started again ends as one that was not."""

import keras
import numpy as np
import pytest

from tfae.training import Backup


class Killed(BaseException):
    pass


class Kill(keras.callbacks.Callback):
    """Stands for a kill within an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.count == self.epoch:
            raise Killed

    def on_epoch_begin(self, epoch, logs=None):
        self.count = epoch


def run(model, x, folder=None, kill=None, patience=2):
    stop = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    lower = keras.callbacks.ReduceLROnPlateau(patience=1)
    callbacks = [stop, lower]
    if folder is not None:
        callbacks.append(Backup(folder, stop, lower))
    if kill is not None:
        callbacks.append(Kill(kill))
    return model.fit(x[:128], validation_data=x[128:], epochs=8, callbacks=callbacks, verbose=0)


@pytest.fixture(scope="module")
def uninterrupted(tiny, few_digits):
    model = tiny(learning_rate=0.3, run_eagerly=True)  # so high that early stopping has work to do
    return model, run(model, few_digits)


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_killed_run_ends_as_one_that_was_not(tiny, few_digits, tmp_path, uninterrupted, epoch):
    expected, history = uninterrupted
    with pytest.raises(Killed):
        run(tiny(learning_rate=0.3, run_eagerly=True), few_digits, tmp_path, kill=epoch)
    seed = 8 if epoch else 7  # in epoch 0 nothing was kept yet
    model = tiny(seed, learning_rate=0.3, run_eagerly=True)
    resumed = run(model, few_digits, tmp_path)
    assert resumed.epoch == history.epoch
    assert len(history.epoch) < 8
    for name, values in history.history.items():
        assert resumed.history[name] == pytest.approx(values, rel=1e-6)
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert list(tmp_path.iterdir()) == []  # the backup goes with the end of the run


def test_what_is_half_written_is_not_read(tiny, few_digits, tmp_path, uninterrupted):
    expected, _ = uninterrupted
    with pytest.raises(Killed):
        run(tiny(learning_rate=0.3, run_eagerly=True), few_digits, tmp_path, kill=2)
    (whole,) = [path for path in tmp_path.iterdir() if path.name.isdigit()]
    assert whole.name == "00002"
    half = tmp_path / ".00003.1-x.writing" / "00003"
    half.mkdir(parents=True)
    (half / "model.weights.h5").write_bytes(b"half")
    model = tiny(learning_rate=0.3, run_eagerly=True)
    run(model, few_digits, tmp_path)
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
