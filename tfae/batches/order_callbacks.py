"""Callbacks that set the epoch of a dataset."""

from typing import Any

import keras
import tensorflow as tf

from tfae.batches.order import count_passes, epoch_variables, set_epoch


class EpochOrder(keras.callbacks.Callback):
    """Makes epoch `e` of `fit` read pass `e` of a dataset; tfae's models do so without it.

    With it `fit(dataset, initial_epoch=k)` reads the data in the same order as epoch `k` of an
    uninterrupted run. An endless dataset (`dataset.repeat()`, fitted with `steps_per_epoch`) begins
    at pass `k` and counts from there, which is the same if `steps_per_epoch` is the length of a
    pass.

    Args:
        dataset: The dataset that is passed to `fit`.
    """

    def __init__(self, dataset: tf.data.Dataset):
        super().__init__()
        self.dataset = dataset
        self._begun = False

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forgets the previous `fit`."""
        self._begun = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Sets the pass that this epoch reads."""
        if not _is_endless(self.dataset):
            set_epoch(self.dataset, epoch)
        elif not self._begun:
            count_passes(self.dataset, epoch)
        self._begun = True

    def on_train_end(self, logs: dict | None = None) -> None:
        """Lets the dataset count again."""
        for variable in epoch_variables(self.dataset):
            state = int(variable)
            if state >= 0:
                variable.assign(-2 - state)


class SeededOrder(EpochOrder):
    """`EpochOrder` that also sets the seed, which may have been restored when `fit` began."""

    def __init__(self, dataset: tf.data.Dataset, seed: tf.Variable):
        super().__init__(dataset)
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._seed.assign(self.model.seed)
        super().on_epoch_begin(epoch, logs)


def _is_endless(dataset: Any) -> bool:
    cardinality = getattr(dataset, "cardinality", None)
    return callable(cardinality) and int(cardinality()) == tf.data.INFINITE_CARDINALITY
