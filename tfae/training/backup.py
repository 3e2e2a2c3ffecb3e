"""Backups of a training run, from which a killed run resumes with the same result."""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfae.files import atomic_write
from tfae.internals import start_fit_at


class EarlyStop(keras.callbacks.Callback):
    """Stops training when the validation loss stops improving, and restores the best weights.

    All its state is public, so `Backup` can save it.

    Args:
        patience: Number of epochs in a row without a lower `val_loss` after which to stop.
    """

    def __init__(self, patience: int):
        super().__init__()
        self.patience = patience
        self.best = math.inf
        self.waited = 0
        self.best_weights: list[np.ndarray] | None = None

    @property
    def stopped(self) -> bool:
        """Whether the patience is used up."""
        return self.waited >= self.patience

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if logs["val_loss"] < self.best:
            self.best, self.waited = float(logs["val_loss"]), 0
            self.best_weights = self.model.get_weights()
        else:
            self.waited += 1
        if self.stopped:
            self.model.stop_training = True

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self.restore_best_weights()

    def restore_best_weights(self) -> None:
        """Sets the model's weights to the best ones."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class Backup(keras.callbacks.Callback):
    """Saves the state of training after each epoch, and lets `fit` resume from it.

    Each epoch is saved to a new folder, which appears by one rename, so the newest one is always
    complete, even if the process is killed. (`keras.callbacks.BackupAndRestore` overwrites its only
    file, which a kill can leave unreadable, and does not save the state of callbacks.) `fit` with
    the same arguments, in a new process, then ends with the weights and the history of a run that
    was not killed. It must be the last callback, since it saves what the others have done.

    Example:
        ```python
        stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
        backup = tfae.training.Backup("runs/backup", stop)
        model.fit(x, validation_split=0.1, epochs=100, callbacks=[stop, backup])
        ```

    Args:
        folder: Folder to save to.
        *callbacks: Callbacks whose state is saved too: Keras' `EarlyStopping` and
            `ReduceLROnPlateau`, or any whose public attributes are numbers, strings and lists of
            arrays.
        delete: Whether to delete the backup when `fit` has ended.
    """

    def __init__(
        self,
        folder: str | Path,
        *callbacks: keras.callbacks.Callback | None,
        delete: bool = True,
    ):
        super().__init__()
        self.folder = Path(folder)
        self.delete = delete
        self.history: list[dict[str, float]] = []
        self._callbacks = [callback for callback in callbacks if callback is not None]
        self._is_restored = False
        self._past = 0  # epochs of earlier processes

    def restore(self, model: keras.Model) -> None:
        """Restores a compiled model, the history and the callbacks from the newest backup."""
        self._is_restored = True
        self.history = []
        newest = self._newest()
        if newest is None:
            return
        model.load_weights(newest / "model.weights.h5")
        kept = json.loads((newest / "state.json").read_text())
        self.history = kept["history"]
        for i, (callback, state) in enumerate(zip(self._callbacks, kept["callbacks"], strict=True)):
            for name, value in state.items():
                setattr(callback, name, value)
            for file in newest.glob(f"{i}.*.npz"):
                with np.load(file) as arrays:
                    value = [arrays[f"arr_{k}"] for k in range(len(arrays))]
                setattr(callback, file.name.split(".")[1], value)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._past = 0
        if self._is_restored:  # by the caller, who skips epochs with `initial_epoch`
            self._is_restored = False
            return
        self.restore(self.model)
        self._is_restored = False
        self._past = len(self.history)
        if self.history:
            ended = self._newest_state()["stopped"]
            start_fit_at(self.model, self.params["epochs"] if ended else self._past)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.history.append({name: float(value) for name, value in logs.items()})
        name = f"{len(self.history):05}"
        shutil.rmtree(self.folder / name, ignore_errors=True)  # from an abandoned run
        with atomic_write(self.folder / name) as new:
            new.mkdir()
            self.model.save_weights(new / "model.weights.h5")
            states = []
            for i, callback in enumerate(self._callbacks):
                plain, arrays = _state(callback)
                states.append(plain)
                for attribute, value in arrays.items():
                    np.savez(new / f"{i}.{attribute}.npz", *value)
            state = {
                "history": self.history,
                "callbacks": states,
                "stopped": bool(self.model.stop_training),
            }
            (new / "state.json").write_text(json.dumps(state))
        for old in self.folder.iterdir():
            if old.name.isdigit() and old.name != name:
                shutil.rmtree(old, ignore_errors=True)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        history = self.model.history
        if self._past:
            for name in self.history[0]:
                history.history[name] = [epoch[name] for epoch in self.history if name in epoch]
            history.epoch = list(range(len(self.history)))
        if self.delete:
            for folder in self.folder.glob("*"):
                if folder.name.isdigit():
                    shutil.rmtree(folder, ignore_errors=True)
            self.history = []

    def _newest(self) -> Path | None:
        whole = [path for path in self.folder.glob("*") if path.name.isdigit()]
        return max(whole, key=lambda path: int(path.name), default=None)

    def _newest_state(self) -> dict[str, Any]:
        return json.loads((self._newest() / "state.json").read_text())


def _state(callback: keras.callbacks.Callback) -> tuple[dict[str, Any], dict[str, list]]:
    """Returns the public attributes of a callback: plain values, and lists of arrays."""
    plain, arrays = {}, {}
    for name, value in vars(callback).items():
        if name.startswith("_") or name in ("model", "params"):
            continue
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool | int | float | str):
            plain[name] = value
        elif isinstance(value, list | tuple) and all(hasattr(a, "shape") for a in value):
            arrays[name] = [np.asarray(a) for a in value]
    return plain, arrays


def save_weights_atomically(model: keras.Model, path: Path) -> None:
    """Saves weights so that the file is complete at every moment: the old one or the new one."""
    with atomic_write(path, replace=True) as new:
        model.save_weights(new)
