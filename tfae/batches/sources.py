"""Data that comes in batches: datasets, `PyDataset`s, generators, loaders."""

import itertools
from typing import Any

import keras
import tensorflow as tf

from tfae.batches.batch import Batch, unpack
from tfae.batches.contract import DataContract


def is_in_batches(x: Any) -> bool:
    """Whether `x` comes in batches, which include targets and weights."""
    return (
        isinstance(x, tf.data.Dataset | tf.distribute.DistributedDataset | keras.utils.PyDataset)
        or hasattr(x, "__next__")
        or type(x).__module__.startswith("torch.utils.data")
    )


def peek(x: Any) -> tuple[Any, Any]:
    """Returns the first batch (for a dataset its specification), and the complete data."""
    if isinstance(x, tf.data.Dataset | tf.distribute.DistributedDataset):
        return x.element_spec, x
    if isinstance(x, keras.utils.PyDataset):
        return x[0], x
    if hasattr(x, "__next__"):
        first = next(x)
        return first, itertools.chain([first], x)
    return next(iter(x)), x


def num_batches(data: Any) -> int | None:
    """Returns the number of batches of a pass; `None` if it is unknown or infinite."""
    if isinstance(data, keras.utils.PyDataset):
        return data.num_batches
    cardinality = getattr(data, "cardinality", None)
    if cardinality is None:
        return len(data) if hasattr(data, "__len__") else None
    cardinality = int(cardinality() if callable(cardinality) else cardinality)
    return cardinality if cardinality >= 0 else None


def checked_source(contract: DataContract, x: Any, inputs_only: bool = False) -> Any:
    """Returns batches for Keras that are checked while they are read.

    Args:
        contract: What the model accepts.
        x: Data for which `is_in_batches` is true.
        inputs_only: Whether to leave out targets and weights.

    Returns:
        Data of the same kind. A distributed dataset and a PyTorch loader are not checked.
    """
    if isinstance(x, tf.data.Dataset):
        return checked_dataset(contract, x, inputs_only)
    if isinstance(x, keras.utils.PyDataset):
        return _CheckedPyDataset(x, contract, inputs_only)
    if hasattr(x, "__next__"):
        return (_checked(contract, data, inputs_only) for data in x)
    return x


def checked_dataset(
    contract: DataContract, dataset: tf.data.Dataset, inputs_only: bool = False, name: str = "x"
) -> tf.data.Dataset:
    """Checks the declared shapes and types of a dataset now, its values while it is read.

    The values are asserted in the input pipeline because XLA removes assertions from a compiled
    step.

    Raises:
        ValueError: If the declared shapes or types do not fit. Bad values raise
            `tf.errors.InvalidArgumentError` when their batch is read, which
            `clear_data_errors` converts to a `ValueError`.
    """
    spec = dataset.element_spec
    contract.check_spec(_unpacked(contract, spec, inputs_only), name)

    @tf.autograph.experimental.do_not_convert  # it would hide errors behind "in user code"
    def check(*parts: Any) -> tuple:
        data = parts if isinstance(spec, tuple) else parts[0]
        batch = _unpacked(contract, data, inputs_only)
        return contract.to_keras(contract.asserted(batch, name))

    return dataset.map(check, num_parallel_calls=tf.data.AUTOTUNE)


def _unpacked(contract: DataContract, data: Any, inputs_only: bool) -> Batch:
    batch = unpack(data)
    return contract.inputs(batch) if inputs_only else contract.from_keras(batch)


def _checked(contract: DataContract, data: Any, inputs_only: bool) -> tuple:
    batch = contract.checked(_unpacked(contract, data, inputs_only))
    return contract.to_keras(contract.cast(batch))


class _CheckedPyDataset(keras.utils.PyDataset):
    """A `keras.utils.PyDataset` whose batches are checked by the worker that reads them."""

    def __init__(self, dataset: keras.utils.PyDataset, contract: DataContract, inputs_only: bool):
        super().__init__(
            workers=dataset.workers,
            use_multiprocessing=dataset.use_multiprocessing,
            max_queue_size=dataset.max_queue_size,
        )
        self._dataset = dataset
        self._contract = contract
        self._inputs_only = inputs_only

    def __len__(self) -> int:
        return len(self._dataset)

    @property
    def num_batches(self) -> int | None:
        return self._dataset.num_batches

    def __getitem__(self, index: int) -> tuple:
        return _checked(self._contract, self._dataset[index], self._inputs_only)

    def on_epoch_begin(self) -> None:
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._dataset.on_epoch_end()
