"""What a classifier accepts: data and labels."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfae.batches.batch import unpack
from tfae.batches.contract import DataContract


class LabelContract(NamedTuple):
    """Data with an integer label for each example; the methods are those of `DataContract`.

    Attributes:
        data: What the network takes.
        num_classes: Labels are 0 to `num_classes - 1`.
    """

    data: DataContract
    num_classes: int

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of one input example."""
        return self.data.input_shape

    def checked_arrays(self, x: Any, y: Any = None, sample_weight: Any = None) -> tuple:
        """Checks whole arrays; labels may also come as `{"x": x, "label": y}`.

        Raises:
            ValueError: If the data or the labels do not fit.
        """
        if isinstance(x, dict) and y is None:
            x, y = x.get("x"), x.get("label")
        if y is None:
            raise ValueError(
                "`y` must hold the labels: fit(x, y), or a dataset of (x, y) or of "
                '{"x": x, "label": y}.'
            )
        x, _, sample_weight = self.data.checked_arrays(x, None, sample_weight)
        y = np.asarray(y)
        self._check_kind(y.shape, y.dtype)
        y = y.reshape(len(y))
        if len(y) != len(x):
            raise ValueError(
                f"`x` and `y` must have the same number of examples; received {len(x)} and "
                f"{len(y)}."
            )
        low, high = int(y.min()), int(y.max())
        if low < 0 or high >= self.num_classes:
            raise ValueError(f"{self._range()}; received labels from {low} to {high}.")
        return x, y, sample_weight

    def checked_inputs(self, x: Any, **kwargs: Any) -> Any:
        """Checks inputs for inference; as `DataContract.checked_inputs`."""
        return self.data.checked_inputs(x, **kwargs)

    def checked_dataset(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Checks what a dataset declares now, and its labels as they come.

        Raises:
            ValueError: If a declared shape or type does not fit. Bad labels raise
                `tf.errors.InvalidArgumentError` when their batch is read.
        """
        dataset = dataset.map(_with_label_as_target)
        spec = dataset.element_spec
        if not isinstance(spec, tuple) or len(spec) < 2 or spec[1] is None:
            raise ValueError(
                "A dataset for a classifier must give (x, y), (x, y, sample_weight) or "
                f'{{"x": x, "label": y}}; this one gives {spec}.'
            )
        # Checks x, and that the dataset is in batches.
        self.data.checked_dataset(dataset.map(lambda x, *_: x))
        self._check_kind(spec[1].shape, spec[1].dtype.as_numpy_dtype)

        def assert_labels(x: tf.Tensor, y: tf.Tensor, *weights: tf.Tensor) -> tuple:
            inside = tf.reduce_all((y >= 0) & (tf.cast(y, tf.int64) < self.num_classes))
            finite = tf.reduce_all(tf.math.is_finite(tf.cast(x, tf.float32)))
            checks = [
                tf.debugging.Assert(inside, [self._range()]),
                tf.debugging.Assert(finite, ["`x` holds NaN or infinite values."]),
            ]
            with tf.control_dependencies(checks):
                x = tf.ensure_shape(x, [None, *self.data.input_shape])
                return x, tf.reshape(y, [tf.shape(x)[0]]), *weights

        return dataset.map(assert_labels, num_parallel_calls=tf.data.AUTOTUNE)

    def _check_kind(self, shape: Any, dtype: Any) -> None:
        shape = tf.TensorShape(shape)
        if np.dtype(dtype).kind not in "iu":
            raise ValueError(
                f"`y` must hold integer labels, 0 to {self.num_classes - 1}; received dtype "
                f"{np.dtype(dtype)}. One-hot labels become integers with numpy.argmax(y, axis=1)."
            )
        flat = shape.is_compatible_with([None]) or shape.is_compatible_with([None, 1])
        if not flat:
            raise ValueError(
                f"`y` must have shape (n,), one label an example; received {tuple(shape)}. "
                "One-hot labels become integers with numpy.argmax(y, axis=1)."
            )

    def _range(self) -> str:
        return f"`y` must hold labels from 0 to {self.num_classes - 1}, one for each class"


def _with_label_as_target(*batch: Any) -> Any:
    data = batch if len(batch) > 1 else batch[0]
    unpacked = unpack(data)
    if unpacked.label is not None and unpacked.target is unpacked.x:
        rest = () if unpacked.sample_weight is None else (unpacked.sample_weight,)
        return unpacked.x, unpacked.label, *rest
    return data
