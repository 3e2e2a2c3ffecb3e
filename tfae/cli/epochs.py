"""The epochs of a run: each is shown, logged and kept in a checkpoint."""

from __future__ import annotations

import math
import time
from typing import Any

import keras
import tensorflow as tf

from tfae import data
from tfae.cli.console import console
from tfae.cli.data_options import load_split
from tfae.cli.history import History
from tfae.cli.out_of_range import num_outside
from tfae.cli.partial_run import PartialRun
from tfae.cli.progress import ShowProgress


def train_epochs(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    run: PartialRun,
    history: History,
) -> None:
    """Trains a model up to the number of epochs asked for; a stack is pre-trained first.

    Args:
        model: A compiled model, in the state after the epochs of `history`.
        source: The data.
        config: "data" and "training".
        run: The run that is being made, in which each epoch leaves a checkpoint.
        history: The epochs finished so far; each further one is added to it.

    Raises:
        ValueError: If the loss becomes infinite or NaN.
    """
    training, of_data = config["training"], config["data"]
    common = {"batch_size": training["batch_size"], "labels": of_data["labels"]}
    seed = training["seed"]
    validation = None

    def training_data() -> tf.data.Dataset:
        return load_split(model, source, of_data, "train", **common, seed=seed, all_rows=True)

    x = training_data()
    is_held_out = of_data["validation_split"] or "validation" in source.splits
    # If training data is out of range, `fit` says so, and nothing is said about other data.
    if is_held_out and not num_outside(model, source, of_data, "train", quiet=True):
        validation = load_split(model, source, of_data, "validation", **common, seed=seed)
    if training.get("pretrain_epochs") and not history:
        _pretrain(model, training_data(), training, run)
    log = run.log(history)
    progress = ShowProgress(console, training["epochs"], len(history))
    try:
        model.fit(
            x,
            epochs=training["epochs"],
            initial_epoch=len(history),
            validation_data=validation,
            verbose=0,
            callbacks=[KeepEpoch(run, history, log), progress],
        )
    finally:
        progress.close()
        log.close()


def _pretrain(
    model: keras.Model, x: tf.data.Dataset, training: dict[str, Any], run: PartialRun
) -> None:
    """Pre-trains the layers of a stack; the progress is stored in the run's folder."""
    shown: list[ShowProgress] = []

    def progress(layer: int) -> list[keras.callbacks.Callback]:
        console.print(f"Pre-training layer {layer + 1} of {len(model.encoders)}")
        shown.append(ShowProgress(console, training["pretrain_epochs"], 0))
        return [shown[-1]]

    try:
        model.pretrain(
            x,
            training["pretrain_epochs"],
            callbacks=progress,
            verbose=0,
            backup_dir=run.pretraining,
        )
    finally:
        for bar in shown:
            bar.close()


class KeepEpoch(keras.callbacks.Callback):
    """Saves everything that the next epoch needs, after each epoch."""

    def __init__(self, run: PartialRun, history: History, log: Any):
        super().__init__()
        self._run, self._history, self._log = run, history, log
        self._start = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        losses = {name: float(value) for name, value in logs.items()}
        if not all(map(math.isfinite, losses.values())):
            raise ValueError(
                f"The loss became infinite or NaN in epoch {epoch + 1}: {losses}. Try a lower "
                "--learning-rate, or check the range of the data (--scale)."
            )
        seconds = round(time.monotonic() - self._start, 3)
        self._history.append({"epoch": epoch + 1, "seconds": seconds, **losses})
        self._run.checkpoints.save(self.model, self._history)
        self._log.write(self._history[-1])
