"""Entry points from the user's data to checked batches, one for each use.

`training_batches` serves `fit` and `evaluate`, `single_batch` serves `train_on_batch`,
`prediction_batches` serves `predict`, and `checked_inputs` serves `encode` and similar methods.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfae.arguments import whole_number
from tfae.batches.batch import Batch, unpack
from tfae.batches.contract import DataContract
from tfae.batches.epochs_of_arrays import epoch_ordered, rows_of, split_off_last
from tfae.batches.sources import (
    checked_dataset,
    checked_source,
    is_in_batches,
    num_batches,
    peek,
)
from tfae.batches.values import array_of_numbers

_BATCH_SIZE = 32  # as in Keras


def training_batches(
    contract: DataContract,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    seed: int | tf.Variable = 0,
    validation_split: float = 0.0,
) -> tuple[Any, tf.data.Dataset | None]:
    """Checks data for `fit` or `evaluate`: arrays at once, other data while it is read.

    Args:
        contract: What the model accepts.
        x, y, sample_weight, batch_size, shuffle, validation_split: As in `keras.Model.fit`.
        seed: Determines, with the epoch, the order of arrays.

    Returns:
        Batches for Keras, and the batches held out by `validation_split`, or `None`. A distributed
        dataset and a PyTorch loader are not checked.

    Raises:
        ValueError: If the data does not fit the contract.
    """
    if is_in_batches(x):
        kind = type(x).__name__
        if y is not None or sample_weight is not None:
            raise ValueError(
                f"`y` and `sample_weight` must come from the {kind} itself, as "
                "(x, y, sample_weight) tuples, when `x` is not an array."
            )
        if validation_split:
            raise ValueError(
                "`validation_split` works on arrays; for other data give `validation_data`. "
                f"Received x of type {kind}."
            )
        if num_batches(x) == 0:
            raise ValueError(f"`x` holds no batches: the {kind} is empty.")
        return checked_source(contract, x), None
    batch_size = _BATCH_SIZE if batch_size is None else whole_number("batch_size", batch_size, 1)
    arrays = checked_arrays(contract, x, y, sample_weight)
    held_out = None
    if validation_split:
        arrays, last = split_off_last(arrays, validation_split)
        held_out = _in_order(contract, last, batch_size, False, 0)
    return _in_order(contract, arrays, batch_size, shuffle, seed), held_out


def single_batch(contract: DataContract, x: Any, y: Any = None, sample_weight: Any = None) -> tuple:
    """Checks the arrays of one batch, for `train_on_batch` and `test_on_batch`.

    Returns:
        The batch for Keras: `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Raises:
        ValueError: If the data does not fit the contract.
    """
    return contract.to_keras(contract.cast(checked_arrays(contract, x, y, sample_weight)))


def prediction_batches(contract: DataContract, x: Any, batch_size: int | None = None) -> Any:
    """Checks data for `predict`, which takes the same data as `fit`; targets are left out.

    Raises:
        ValueError: If the data does not fit the contract.
    """
    contract = contract.of_inputs()
    if is_in_batches(x):
        return checked_source(contract, x, inputs_only=True)
    batch_size = _BATCH_SIZE if batch_size is None else whole_number("batch_size", batch_size, 1)
    arrays = contract.checked(contract.inputs(_taken_apart(x)))
    return _in_order(contract, arrays, batch_size, False, 0)


def prediction_batch(contract: DataContract, x: Any) -> Any:
    """Checks the arrays of one batch, for `predict_on_batch`.

    Returns:
        Tensors with which the model can be called.

    Raises:
        ValueError: If the data does not fit the contract.
    """
    contract = contract.of_inputs()
    arrays = contract.cast(contract.checked(contract.inputs(_taken_apart(x))))
    return tf.nest.map_structure(tf.convert_to_tensor, contract.to_keras(arrays)[0])


class Inputs(NamedTuple):
    """Checked data without targets.

    Attributes:
        data: Arrays, or a dataset that is checked while it is read.
        contract: The contract of the data; `None` for other arrays, such as indices, whose type
            stays as it is.
    """

    data: Batch | tf.data.Dataset
    contract: DataContract | None = None

    def batches(self, batch_size: int, with_label: bool = False) -> Iterator[Batch]:
        """Yields batches of tensors, on request with labels, which are -1 if the data has none.

        Arrays with zero rows give one batch with zero rows, so that results have the right shape.

        Raises:
            ValueError: If `batch_size` is not a positive integer, or, when a batch of a dataset is
                read, its values do not fit the contract.
        """
        batch_size = whole_number("batch_size", batch_size, 1)
        if isinstance(self.data, Batch):
            batches = _slices(self.data, batch_size)
        else:
            batches = map(unpack, self.data)
        with clear_data_errors():
            for batch in batches:
                batch = batch if self.contract is None else self.contract.cast(batch)
                yield _as_tensors(batch, with_label)


def checked_inputs(
    contract: DataContract, x: Any, for_scores: bool = False, name: str = "x"
) -> Inputs:
    """Checks data for codes, reconstructions and scores: arrays at once, datasets when read.

    Args:
        contract: What the model accepts.
        x: Array `(n, ...)`, dictionary of an array and its labels, or batched `tf.data.Dataset`.
        for_scores: Whether `x` is also the target.
        name: Name of the argument in errors.

    Raises:
        ValueError: If the data does not fit the contract.
    """
    contract = contract.of_inputs(for_scores)
    if isinstance(x, tf.data.Dataset):
        return Inputs(checked_dataset(contract, x, inputs_only=True, name=name), contract)
    if is_in_batches(x):
        raise ValueError(
            f"`{name}` must be an array or a tf.data.Dataset here; received a "
            f"{type(x).__name__}. predict() takes it."
        )
    return Inputs(contract.checked(contract.inputs(_taken_apart(x, name=name)), name), contract)


def one_row_of_zeros(element_spec: Any) -> Any:
    """Returns a batch of one row, to find the shape of outputs if there are no rows."""
    return tf.nest.map_structure(
        lambda spec: tf.zeros([1, *(size or 1 for size in spec.shape[1:])], spec.dtype),
        element_spec,
    )


def checked_arrays(
    contract: DataContract, x: Any, y: Any = None, sample_weight: Any = None
) -> Batch:
    """Checks arrays for training, given as in Keras.

    Raises:
        ValueError: If they do not fit the contract, or are empty.
    """
    arrays = contract.checked(contract.from_keras(_taken_apart(x, y, sample_weight)))
    if not arrays.x.shape[0]:
        raise ValueError(f"`x` holds no examples: its shape is {tuple(arrays.x.shape)}.")
    return arrays


@contextlib.contextmanager
def clear_data_errors() -> Iterator[None]:
    """Converts errors from `DataContract.asserted` to a one-line `ValueError`, as for arrays."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        message = re.search(r"assertion failed: \[(`.*)\]", error.message)
        if message is None:
            raise
        raise ValueError(message[1].replace("\\'", "'")) from None


def example_shape(x: Any) -> tuple[tuple[int | None, ...], Any]:
    """Finds the shape of one example, for a model that is built by its first data.

    Returns:
        The shape, and the data; for a generator, another one that still yields the first batch.

    Raises:
        ValueError: If `x` is not data, or its shape is unknown.
    """
    first, x = peek(x) if is_in_batches(x) else (x, x)
    batch = unpack(first) if is_in_batches(x) or first is not x else _taken_apart(first)
    if not isinstance(batch.x, tf.TypeSpec):
        shape = tf.TensorShape(array_of_numbers("x", batch.x).shape)
    else:
        shape = getattr(batch.x, "shape", tf.TensorShape(None))
    if not shape.rank:
        raise ValueError(
            "`x` must have shape (n, ...) to build the model for it; received "
            f"{tuple(shape) if shape.rank is not None else 'an unknown rank'}."
        )
    return tuple(shape[1:]), x


def _taken_apart(x: Any, y: Any = None, sample_weight: Any = None, name: str = "x") -> Batch:
    """`unpack` for arrays, where a list may also be data."""
    if isinstance(x, list | tuple) and not (len(x) == 1 and np.ndim(x[0]) > 1):
        return unpack((array_of_numbers(name, x), y, sample_weight))
    return unpack((x, y, sample_weight))


def _in_order(
    contract: DataContract, arrays: Batch, batch_size: int, shuffle: bool, seed: int | tf.Variable
) -> tf.data.Dataset:
    own_target = arrays.has_own_target
    gathered = arrays if own_target else arrays._replace(target=None)  # do not gather x twice

    def finish(batch: Batch) -> tuple:
        batch = batch if own_target else batch._replace(target=batch.x)
        return contract.to_keras(contract.cast(batch))

    return epoch_ordered(gathered, batch_size, seed, shuffle=bool(shuffle), finish=finish)


def _slices(arrays: Batch, batch_size: int) -> Iterator[Batch]:
    for start in range(0, max(int(arrays.x.shape[0]), 1), batch_size):
        yield rows_of(arrays, slice(start, start + batch_size))


def _as_tensors(batch: Batch, with_label: bool) -> Batch:
    x, label = tf.convert_to_tensor(batch.x), None
    if with_label and batch.label is None:
        label = tf.fill(tf.shape(x)[:1], tf.constant(-1, tf.int64))
    elif with_label:
        label = tf.convert_to_tensor(batch.label, tf.int64)
    weight = None if batch.weight is None else tf.convert_to_tensor(batch.weight)
    return Batch(x, label=label, weight=weight)
