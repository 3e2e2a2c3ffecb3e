"""Keeping a training run on disk so that it ends as if it had never been killed."""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from tfae.files import atomic_write


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
    """Keeps everything that the next epoch needs, after each epoch, in `folder`.

    Each epoch has a folder of its own, which appears by one rename: whatever kills the process,
    the newest one is whole.

    Args:
        folder: Where to keep it.
        early_stop: Whose state to keep, too; it must come first in the list of callbacks.
    """

    def __init__(self, folder: Path, early_stop: EarlyStop | None = None):
        super().__init__()
        self.folder = folder
        self.early_stop = early_stop
        self.history: list[dict[str, float]] = []

    def restore(self, model: keras.Model) -> None:
        """Brings a compiled model, the history and the early stop to the state that was kept."""
        whole = [path for path in self.folder.glob("*") if path.name.isdigit()]
        if not whole:
            return
        newest = max(whole, key=lambda path: int(path.name))
        model.load_weights(newest / "model.weights.h5")
        kept = json.loads((newest / "state.json").read_text())
        self.history = kept["history"]
        if self.early_stop is not None and "best" in kept:
            self.early_stop.best, self.early_stop.waited = kept["best"], kept["waited"]
            if (newest / "best.npz").exists():
                with np.load(newest / "best.npz") as best:
                    self.early_stop.best_weights = [best[f"arr_{i}"] for i in range(len(best))]

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.history.append({name: float(value) for name, value in logs.items()})
        name = f"{len(self.history):05}"
        with atomic_write(self.folder / name) as new:
            new.mkdir()
            self.model.save_weights(new / "model.weights.h5")
            state = {"history": self.history}
            if self.early_stop is not None:
                state.update(best=self.early_stop.best, waited=self.early_stop.waited)
                if self.early_stop.best_weights is not None:
                    np.savez(new / "best.npz", *self.early_stop.best_weights)
            (new / "state.json").write_text(json.dumps(state))
        for old in self.folder.iterdir():
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)


def save_weights_at_once(model: keras.Model, path: Path) -> None:
    """Saves weights so that at every moment the file is whole: the old one or the new one."""
    with atomic_write(path, replace=True) as new:
        model.save_weights(new)
