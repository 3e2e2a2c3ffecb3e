"""From whatever Keras takes as data to checked batches in an order that can be resumed."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfae.batches.contract import DataContract
from tfae.batches.order import EpochOrder, epoch_ordered


def is_in_batches(x: Any) -> bool:
    """Whether `x` brings its own batches, with targets and weights in them."""
    return (
        isinstance(x, tf.data.Dataset | tf.distribute.DistributedDataset | keras.utils.PyDataset)
        or hasattr(x, "__next__")
        or type(x).__module__.startswith("torch.utils.data")
    )


def peek(x: Any) -> tuple[Any, Any]:
    """The first batch of data (of a dataset its specification), and the data, still whole."""
    if isinstance(x, tf.data.Dataset | tf.distribute.DistributedDataset):
        return x.element_spec, x
    if isinstance(x, keras.utils.PyDataset):
        return x[0], x
    if hasattr(x, "__next__"):
        first = next(x)
        return first, itertools.chain([first], x)
    if is_in_batches(x):
        return next(iter(x)), x
    return x, x


def checked_batches(
    contract: DataContract,
    x: Any,
    y: Any,
    sample_weight: Any,
    batch_size: int | None,
    shuffle: bool,
    seed: int | tf.Variable,
) -> Any:
    """Checks arrays now, and other data as it is read; arrays become a dataset.

    Args:
        contract: What the model accepts.
        x, y, sample_weight, batch_size, shuffle: As in `keras.Model.fit`.
        seed: Decides, with the epoch, the order of arrays.

    Returns:
        Data for Keras. A distributed dataset and a PyTorch loader are passed on unchecked.

    Raises:
        ValueError: If the data does not fit the contract.
    """
    if is_in_batches(x) and (y is not None or sample_weight is not None):
        raise ValueError(
            f"`y` and `sample_weight` must come from the {type(x).__name__} itself, as "
            "(x, y, sample_weight) tuples, when `x` is not an array."
        )
    if isinstance(x, tf.data.Dataset):
        return contract.checked_dataset(x)
    if isinstance(x, keras.utils.PyDataset):
        return _CheckedPyDataset(x, contract)
    if hasattr(x, "__next__"):
        return _checked_generator(x, contract)
    if is_in_batches(x):
        return x
    x, y, sample_weight = contract.checked_arrays(x, y, sample_weight)
    if y is None and sample_weight is not None:
        # tf.distribute cannot pass `None` on, so the target is spelled out.
        y = x["x"] if isinstance(x, dict) else x
    present = tuple(a for a in (x, y, sample_weight) if a is not None)
    return epoch_ordered(present, batch_size or 32, seed, shuffle=bool(shuffle))


def num_batches(data: Any) -> int | None:
    """How many batches a pass has; `None` where that is not known or there is no end."""
    if isinstance(data, keras.utils.PyDataset):
        return data.num_batches
    cardinality = getattr(data, "cardinality", None)
    if cardinality is None:
        return len(data) if hasattr(data, "__len__") else None
    cardinality = int(cardinality() if callable(cardinality) else cardinality)
    return cardinality if cardinality >= 0 else None


def _checked_generator(batches: Iterator, contract: DataContract) -> Iterator:
    for data in batches:
        contract.checked_arrays(*keras.utils.unpack_x_y_sample_weight(data))
        yield data


class _CheckedPyDataset(keras.utils.PyDataset):
    """A `keras.utils.PyDataset` whose batches are checked on the worker that reads them."""

    def __init__(self, dataset: keras.utils.PyDataset, contract: DataContract):
        super().__init__(
            workers=dataset.workers,
            use_multiprocessing=dataset.use_multiprocessing,
            max_queue_size=dataset.max_queue_size,
        )
        self._dataset = dataset
        self._contract = contract

    def __len__(self) -> int:
        return len(self._dataset)

    @property
    def num_batches(self) -> int | None:
        return self._dataset.num_batches

    def __getitem__(self, index: int) -> Any:
        data = self._dataset[index]
        self._contract.checked_arrays(*keras.utils.unpack_x_y_sample_weight(data))
        return data

    def on_epoch_begin(self) -> None:
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._dataset.on_epoch_end()


class SeededOrder(EpochOrder):
    """Tells the data which pass an epoch is; the seed may have been restored at its beginning."""

    def __init__(self, dataset: tf.data.Dataset, seed: tf.Variable):
        super().__init__(dataset)
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._seed.assign(self.model.seed)
        super().on_epoch_begin(epoch, logs)


def with_callbacks(
    callbacks: Any,
    before: Sequence[keras.callbacks.Callback],
    after: Sequence[keras.callbacks.Callback],
    model: keras.Model,
) -> list | keras.callbacks.CallbackList:
    """Puts callbacks around those that the user gave to `fit`, which are left as they are."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return keras.callbacks.CallbackList(
            [*before, *callbacks.callbacks, *after], model=model, **(callbacks.params or {})
        )
    if not isinstance(callbacks, list | tuple):
        callbacks = [] if callbacks is None else [callbacks]
    return [*before, *callbacks, *after]


def split_off_last(x: Any, y: Any, sample_weight: Any, fraction: float) -> tuple[tuple, tuple]:
    """Holds out the last `fraction` of arrays, as Keras does."""
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"`validation_split` must lie in (0, 1); received {fraction!r}.")
    if isinstance(sample_weight, list | tuple):
        sample_weight = np.asarray(sample_weight)
    arrays = [a for a in tf.nest.flatten((x, y, sample_weight)) if a is not None]
    if not all(hasattr(a, "shape") for a in arrays):
        raise ValueError(
            "`validation_split` works on arrays; for other data give `validation_data`. Received "
            f"x of type {type(x).__name__}."
        )
    size = arrays[0].shape[0]
    boundary = int(size * (1.0 - fraction))
    if boundary in (0, size):
        raise ValueError(
            f"`validation_split`={fraction} of {size} examples leaves one side empty; give "
            "`validation_data` instead."
        )

    def part(rows: slice) -> tuple:
        return tf.nest.map_structure(
            lambda a: None if a is None else a[rows], (x, y, sample_weight)
        )

    return part(slice(None, boundary)), part(slice(boundary, None))
