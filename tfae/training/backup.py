"""Keeping a training run on disk so that it ends as if it had never been killed."""

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
    """Ends training when the validation loss improves no more; the best weights come back.

    Unlike Keras' `EarlyStopping` its state can be kept, by `Backup`.

    Args:
        patience: Number of epochs in a row without a new lowest `val_loss` after which it stops.
    """

    def __init__(self, patience: int):
        super().__init__()
        self.patience = patience
        self.best = math.inf
        self.waited = 0
        self.best_weights: list[np.ndarray] | None = None

    @property
    def stopped(self) -> bool:
        """Whether patience is at its end."""
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
        self.bring_back()

    def bring_back(self) -> None:
        """Gives the model the best weights seen."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class Backup(keras.callbacks.Callback):
    """Keeps everything that the next epoch needs, after each epoch, and lets `fit` go on from it.

    Each epoch has a folder of its own, which appears by one rename: whatever kills the process, the
    newest one is whole. (`keras.callbacks.BackupAndRestore` writes over the last one, which a kill
    can leave unreadable, and keeps no callback's state.) `fit` with the same arguments, in a new
    process, then ends with the weights and the history of a run that was not killed. It must be the
    last of the callbacks, for it keeps what the others have done.

    Example:
        ```python
        stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
        backup = tfae.training.Backup("runs/backup", stop)
        model.fit(x, validation_split=0.1, epochs=100, callbacks=[stop, backup])
        ```

    Args:
        folder: Where to keep it.
        *callbacks: Whose state to keep, too: Keras' `EarlyStopping` and `ReduceLROnPlateau`, or any
            whose public attributes are numbers, texts and lists of arrays.
        delete: Whether the backup goes when `fit` has ended.
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
        """Brings a compiled model, the history and the callbacks to the state that was kept."""
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
        if self._is_restored:  # by hand, and the epochs skipped with `initial_epoch`
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
        shutil.rmtree(self.folder / name, ignore_errors=True)  # of a run that was given up
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
    """The public attributes of a callback: the plain ones, and lists of arrays."""
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


def save_weights_at_once(model: keras.Model, path: Path) -> None:
    """Saves weights so that at every moment the file is whole: the old one or the new one."""
    with atomic_write(path, replace=True) as new:
        model.save_weights(new)
