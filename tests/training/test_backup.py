"""A run that was killed and restarted ends like an uninterrupted one."""

import random
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import tfae
from tfae.training import Backup
from tfae.training.numbered_states import NumberedStates


class Killed(BaseException):
    pass


class Kill(keras.callbacks.Callback):
    """Simulates a kill within an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.count == self.epoch:
            raise Killed

    def on_epoch_begin(self, epoch, logs=None):
        self.count = epoch


def kept(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.isdigit())


def run(model, x, folder=None, kill=None, patience=2):
    # Keras changes the sign of `min_delta` when it resolves the direction.
    stop = keras.callbacks.EarlyStopping(
        patience=patience, min_delta=0.5, restore_best_weights=True
    )
    lower = keras.callbacks.ReduceLROnPlateau(patience=1)
    callbacks = [stop, lower]
    if folder is not None:
        callbacks.append(Backup(folder, stop, lower))
    if kill is not None:
        callbacks.append(Kill(kill))
    return model.fit(x[:64], validation_data=x[64:96], epochs=8, callbacks=callbacks, verbose=0)


@pytest.fixture(scope="module")
def uninterrupted(tiny, few_digits):
    model = tiny(learning_rate=0.3, run_eagerly=True)  # so high that early stopping triggers
    return model, run(model, few_digits)


@pytest.mark.parametrize("epoch", [1, *(pytest.param(e, marks=pytest.mark.slow) for e in (0, 2))])
def test_a_killed_run_resumes_exactly(tiny, few_digits, tmp_path, uninterrupted, epoch):
    expected, history = uninterrupted
    with pytest.raises(Killed):
        run(tiny(learning_rate=0.3, run_eagerly=True), few_digits, tmp_path, kill=epoch)
    seed = 8 if epoch else 7  # in epoch 0 there was no state yet
    model = tiny(seed, learning_rate=0.3, run_eagerly=True)
    resumed = run(model, few_digits, tmp_path)
    assert resumed.epoch == history.epoch
    assert len(history.epoch) < 8
    for name, values in history.history.items():
        assert resumed.history[name] == pytest.approx(values, rel=1e-6)
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert list(tmp_path.iterdir()) == []  # the backup is removed at the end of the run


def test_half_written_states_are_ignored(tiny, few_digits, tmp_path, uninterrupted):
    expected, _ = uninterrupted
    with pytest.raises(Killed):
        run(tiny(learning_rate=0.3, run_eagerly=True), few_digits, tmp_path, kill=2)
    assert kept(tmp_path) == ["00001", "00002"]
    half = tmp_path / ".00003.1-x.writing" / "00003"
    half.mkdir(parents=True)
    (half / "model.weights.h5").write_bytes(b"half")
    model = tiny(learning_rate=0.3, run_eagerly=True)
    run(model, few_digits, tmp_path)
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


# ------------------------------------------------------------------ damage


@pytest.fixture(scope="module")
def killed(tiny, few_digits, tmp_path_factory):
    """The backup of a run that was killed after two epochs."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.raises(Killed):
        run(tiny(learning_rate=0.3, run_eagerly=True), few_digits, folder, kill=2)
    return folder


def cut(file):
    file.write_bytes(file.read_bytes()[:-1])


def empty(file):
    file.write_bytes(b"")


def garble(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def remove(file):
    file.unlink()


@pytest.mark.parametrize("damage", [cut, empty, garble, remove])
@pytest.mark.parametrize("name", ["model.weights.h5", "state.json", "0.best_weights.npz"])
def test_a_damaged_newest_state_is_named_and_the_state_before_it_is_used(
    killed, tmp_path, damage, name
):
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    damage(tmp_path / "00002" / name)
    with pytest.warns(UserWarning, match=rf"00002/{name}. Going on from .*00001"):
        assert NumberedStates(tmp_path).load(lambda state: state.name) == "00001"


@pytest.mark.parametrize("damage", [cut, empty, remove])
def test_damaged_checksums_count_as_damage(killed, tmp_path, damage):
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    damage(tmp_path / "00002" / "sha256.json")
    with pytest.warns(UserWarning, match="00002/sha256.json"):
        assert NumberedStates(tmp_path).load(lambda state: state.name) == "00001"


def test_a_run_with_a_damaged_newest_state_resumes_exactly_from_the_state_before(
    tiny, few_digits, tmp_path, uninterrupted, killed
):
    expected, history = uninterrupted
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    garble(tmp_path / "00002" / "model.weights.h5")
    (tmp_path / "²").mkdir()  # a digit too, but not a state of ours
    model = tiny(seed=8, learning_rate=0.3, run_eagerly=True)
    with pytest.warns(UserWarning, match="00002/model.weights.h5"):
        resumed = run(model, few_digits, tmp_path)
    assert resumed.epoch == history.epoch
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_if_every_state_is_damaged_the_files_are_named_and_nothing_is_trained(
    tiny, few_digits, tmp_path, killed
):
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    for number in ("00001", "00002"):
        remove(tmp_path / number / "state.json")
    with pytest.raises(ValueError, match=r"00002/state.json, .*00001/state.json. Remove .* anew"):
        run(tiny(), few_digits, tmp_path)
    assert kept(tmp_path) == ["00001", "00002"]


@pytest.mark.filterwarnings("ignore:Skipping")  # Keras warns about every layer
def test_a_backup_of_another_model_or_other_callbacks_is_refused(killed, tmp_path, digits):
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    other = tfae.Autoencoder.from_shape((8, 8, 1), 3)
    other.compile(run_eagerly=True)
    two = [keras.callbacks.EarlyStopping(), keras.callbacks.ReduceLROnPlateau()]
    with pytest.raises(ValueError, match=r"00002/model.weights.h5 does not fit this Autoencoder"):
        other.fit(digits[:9], callbacks=[Backup(tmp_path, *two)], verbose=0)
    with pytest.raises(ValueError, match="state of 2 callbacks, and `Backup` was given 0"):
        other.fit(digits[:9], callbacks=[Backup(tmp_path)], verbose=0)


# ------------------------------------------------------------------ kill -9

_FIT = """
import sys, time
import keras, numpy as np
import tfae

class Slow(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        print("epoch", epoch, flush=True)
        time.sleep(0.05)

folder, xla = sys.argv[1], sys.argv[2] == "xla"
x = np.random.default_rng(0).random((96, 16), np.float32)
keras.utils.set_random_seed(int(time.time()) if len(sys.argv) > 3 else 7)
model = tfae.VariationalAutoencoder.from_shape((16,), 2, hidden_units=(8,), seed=3)
if len(sys.argv) <= 3:
    model.save_weights(folder + ".weights.h5")
else:
    model.load_weights(sys.argv[3])
model.compile(jit_compile=xla)
stop = keras.callbacks.EarlyStopping(patience=100, restore_best_weights=True)
backup = tfae.training.Backup(folder, stop)
history = model.fit(x[:80], validation_data=x[80:], epochs=40, verbose=0,
                    callbacks=[Slow(), stop, backup])
np.savez(folder + ".npz", *model.get_weights(), np.array(history.history["loss"]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "atol"), [("xla", 0.0), ("graph", 1e-6)])
def test_a_run_killed_at_random_moments_resumes_exactly(tmp_path, mode, atol):
    def start(name, *first):
        command = [sys.executable, "-c", _FIT, str(tmp_path / name), mode, *first]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    assert start("whole").wait() == 0
    rng, kills, seen = random.Random(mode), 0, []
    while True:
        process = start("killed", str(tmp_path / "whole.weights.h5"))
        seen.append([process.stdout.readline() for _ in range(3)])  # at least one whole epoch
        if kills < 3:
            time.sleep(rng.uniform(0, 0.5))
            process.kill()
            kills += process.wait() == -signal.SIGKILL
        else:
            process.communicate()
            assert process.returncode == 0
            break
    first_epochs = [int(lines[0].split()[1]) for lines in seen]
    assert first_epochs[0] == 0, first_epochs
    # Each process continued where the one before was killed.
    assert all(np.diff(first_epochs) > 0), first_epochs
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "killed.npz") as killed:
        for name in whole:
            np.testing.assert_allclose(killed[name], whole[name], rtol=0, atol=atol)
