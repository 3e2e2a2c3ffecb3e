"""Backups of a training run, from which a killed run resumes with the same result."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfae.internals import start_fit_at
from tfae.training.numbered_states import NumberedStates


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
        loss = float((logs or {})["val_loss"])
        if loss < self.best:
            self.best, self.waited = loss, 0
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
    file, which a kill can leave unreadable, and does not save the state of callbacks.) The two
    newest are kept: if the newest is damaged on the disk, a warning names the file, and the one
    before it counts. `fit` with the same arguments, in a new process, then ends with the weights
    and the history of a run that was not killed. It must be the last callback, since it saves what
    the others have done.

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
        self._states = NumberedStates(self.folder)
        self._is_restored = False
        self._has_stopped = False  # the training that was kept, before its last epoch
        self._past = 0  # epochs of earlier processes

    def restore(self, model: keras.Model) -> None:
        """Restores a compiled model, the history and the callbacks from the newest backup.

        Raises:
            ValueError: If the state is damaged, or of another model or other callbacks; names it.
        """
        self._is_restored = True
        self.history, self._has_stopped = [], False
        self._states.load(lambda state: self._read(state, model))

    def _read(self, state: Path, model: keras.Model) -> None:
        kept = json.loads((state / "state.json").read_text())
        if len(kept["callbacks"]) != len(self._callbacks):
            raise ValueError(
                f"{state} holds the state of {len(kept['callbacks'])} callbacks, and `Backup` was "
                f"given {len(self._callbacks)}: give the same ones, or remove {self.folder}."
            )
        load_kept_weights(model, state / _WEIGHTS)
        self.history, self._has_stopped = kept["history"], kept["stopped"]
        for i, (callback, values) in enumerate(
            zip(self._callbacks, kept["callbacks"], strict=True)
        ):
            for name, value in values.items():
                setattr(callback, name, value)
            for file in state.glob(f"{i}.*.npz"):
                with np.load(file) as arrays:
                    value = [arrays[f"arr_{k}"] for k in range(len(arrays))]
                setattr(callback, file.name.split(".")[1], value)
            if getattr(callback, "monitor_op", callback) is None:
                # Keras turns the sign around as it finds the direction, and finds it anew.
                callback.min_delta = abs(callback.min_delta)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._past = 0
        if self._is_restored:  # by the caller, who skips epochs with `initial_epoch`
            self._is_restored = False
            return
        self.restore(self.model)
        self._is_restored = False
        self._past = len(self.history)
        if self.history:
            start_fit_at(self.model, self.params["epochs"] if self._has_stopped else self._past)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.history.append({name: float(value) for name, value in logs.items()})
        self._states.save(len(self.history), self._write)

    def _write(self, folder: Path) -> None:
        self.model.save_weights(folder / _WEIGHTS)
        states = []
        for i, callback in enumerate(self._callbacks):
            plain, arrays = _state(callback)
            states.append(plain)
            for attribute, value in arrays.items():
                np.savez(folder / f"{i}.{attribute}.npz", *value)
        state = {
            "history": self.history,
            "callbacks": states,
            "stopped": bool(self.model.stop_training),
        }
        (folder / "state.json").write_text(json.dumps(state))

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        history = self.model.history
        if self._past:
            for name in dict.fromkeys(name for epoch in self.history for name in epoch):
                history.history[name] = [epoch[name] for epoch in self.history if name in epoch]
            history.epoch = list(range(len(self.history)))
        if self.delete:
            self._states.remove()
            self.history = []


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


_WEIGHTS = "model.weights.h5"


def load_kept_weights(model: keras.Model, path: Path) -> None:
    """Loads weights, optimizers and random state.

    Raises:
        ValueError: If they are of another model; names the file.
    """
    try:
        model.load_weights(path)
    except Exception as error:  # Keras raises what it stumbles over
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path} does not fit this {type(model).__name__}: {reason}") from error
