"""What a model accepts, and clear errors for everything else."""

import dataclasses
import warnings
from typing import Any, Self

import numpy as np
import tensorflow as tf

from tfae.batches.batch import Batch, pack
from tfae.batches.labels import LabelRange
from tfae.batches.values import (
    Support,
    array_of_numbers,
    asserted_weights,
    cast,
    check_number_type,
    check_shape,
    check_spec,
    check_values,
    check_weight_shape,
    check_weights,
    equal_length_assertions,
    shape_assertions,
    value_assertions,
)


@dataclasses.dataclass(frozen=True)
class DataContract:
    """What a model accepts.

    Arrays are checked by `checked`. What a dataset declares is checked by `check_spec`, and its
    values by `asserted`, which stands in its pipeline.

    Attributes:
        input_shape: Shape of one input example; `None` entries are free.
        target_shape: Shape of one target example.
        support: Closed interval of the targets, or `None`.
        num_classes: Of a model that uses labels: they are 0 to `num_classes - 1`, or -1 where
            unknown. `None` for one that does not look at them.
        expects_labels: Whether data without labels is likely to be a mistake.
        takes_noise: Whether inputs may lie outside `support` where they are no targets, as those of
            a denoising model may. Integers may not: they are images that nobody has scaled.
        dtype: What the model computes in; data is cast to it.
        x_is_target: Whether `x` must lie in `support` as what is to be reconstructed, where there
            is no other target.
    """

    input_shape: tuple[int | None, ...]
    target_shape: tuple[int | None, ...]
    support: Support = None
    num_classes: int | None = None
    expects_labels: bool = True
    takes_noise: bool = False
    dtype: str = "float32"
    x_is_target: bool = True

    def of_inputs(self, for_scores: bool = False) -> Self:
        """The contract of data without targets: for codes, or for scores, whose target `x` is."""
        return dataclasses.replace(self, expects_labels=False, x_is_target=for_scores)

    def from_keras(self, batch: Batch) -> Batch:
        """What `unpack` gave, with labels where this contract looks for them."""
        return batch

    def inputs(self, batch: Batch) -> Batch:
        """The part of what `unpack` gave that predictions and codes are made of."""
        return Batch(batch.x, label=None if self.num_classes is None else batch.label)

    def to_keras(self, batch: Batch) -> tuple:
        """What Keras hands on to the steps."""
        return pack(batch)

    def checked(self, batch: Batch, name: str = "x") -> Batch:
        """Checks arrays and returns them; parts that are `None` stay `None`.

        Args:
            batch: Arrays, or what becomes one, such as lists of numbers.
            name: Of `x`, for errors.

        Returns:
            NumPy arrays or tensors, in their own types, but no more precise than `dtype`.

        Raises:
            ValueError: If a shape, a type or a value does not fit, or the number of rows differs.
        """
        x = array_of_numbers(name, batch.x)
        check_shape(name, x.shape, self.input_shape)
        check_values(name, x, self._support_of_x(batch, x.dtype))
        n = int(x.shape[0])
        target = x
        if batch.has_own_target:
            target = array_of_numbers("y", batch.target)
            check_shape("y", target.shape, self.target_shape)
            check_values("y", target, self.support)
            if target.shape[0] != n:
                raise ValueError(
                    "`x` and `y` must have the same number of examples; received "
                    f"{n} and {target.shape[0]}."
                )
        weights = batch.sample_weight
        weights = None if weights is None else check_weights(weights, n)
        label = self._checked_label(batch.label, n)
        narrow_x = self._narrowed(x)
        target = self._narrowed(target) if batch.has_own_target else narrow_x
        return Batch(narrow_x, target, label, weights)

    def check_spec(self, spec: Batch, name: str = "x") -> None:
        """Checks what a dataset declares.

        Raises:
            ValueError: If the data is not in batches, or a shape or a type does not fit.
        """
        check_spec(name, spec.x, self.input_shape)
        if spec.has_own_target:
            check_spec("y", spec.target, self.target_shape)
        if spec.sample_weight is not None:
            check_spec("sample_weight", spec.sample_weight, None)
            check_weight_shape(spec.sample_weight.shape)
        self._check_label_spec(spec.label)

    def asserted(self, batch: Batch, name: str = "x") -> Batch:
        """The batch behind assertions of its values; for the graph of an input pipeline."""
        support = self._support_of_x(batch, batch.x.dtype)
        x = target = self._asserted(name, batch.x, support, self.input_shape)
        if batch.has_own_target:
            target = self._asserted("y", batch.target, self.support, self.target_shape)
            with tf.control_dependencies(equal_length_assertions(x, target)):
                target = tf.identity(target)
        weights = batch.sample_weight
        weights = None if weights is None else asserted_weights(weights, x)
        label = batch.label
        if label is not None:
            label_range = self._label_range()
            label = label if label_range is None else label_range.asserted(label, x)
        return Batch(x, target, label, weights)

    def cast(self, batch: Batch) -> Batch:
        """The batch in the types that the model sees, of arrays or of tensors."""
        x = target = cast(batch.x, self.dtype)
        if batch.has_own_target:
            target = cast(batch.target, self.dtype)
        weights = batch.sample_weight
        weights = None if weights is None else cast(weights, "float32")
        label = batch.label
        if label is not None and self.num_classes is not None:
            label = cast(label, "int64")
        return Batch(x, target, label, weights)

    # ------------------------------------------------------------------ parts

    def _support_of_x(self, batch: Batch, dtype: Any) -> Support:
        is_target = self.x_is_target and not batch.has_own_target
        may_be_noisy = self.takes_noise and not is_target and not tf.as_dtype(dtype).is_integer
        return None if may_be_noisy else self.support

    def _narrowed(self, array: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
        """Halves what a copy of float64 data takes; small integers stay small until their batch."""
        is_double = tf.as_dtype(array.dtype) == tf.float64 and self.dtype != "float64"
        return cast(array, self.dtype) if is_double else array

    def _asserted(self, name: str, tensor: tf.Tensor, support: Support, shape: tuple) -> tf.Tensor:
        checks = shape_assertions(name, tensor, shape) + value_assertions(name, tensor, support)
        with tf.control_dependencies(checks):
            # Datasets made by Python code may not know their shapes; the compiled step must.
            return tf.ensure_shape(tf.cast(tensor, self.dtype), [None, *shape])

    def _label_range(self) -> LabelRange | None:
        return None if self.num_classes is None else LabelRange(self.num_classes)

    def _checked_label(self, label: Any, n: int) -> np.ndarray | tf.Tensor | None:
        label_range = self._label_range()
        if label is None:
            self._warn_of_missing_labels()
            return None
        if label_range is not None:
            return label_range.checked(label, n)
        label = array_of_numbers("label", label)
        if not len(label.shape) or label.shape[0] != n:
            raise ValueError(
                "`x` and `label` must have the same number of examples; received "
                f"{n} and labels of shape {tuple(label.shape)}."
            )
        return label

    def _check_label_spec(self, spec: Any) -> None:
        label_range = self._label_range()
        if spec is None:
            self._warn_of_missing_labels()
        elif label_range is not None:
            label_range.check_kind(spec.shape, spec.dtype)
        else:
            check_number_type("label", spec.dtype)

    def _warn_of_missing_labels(self) -> None:
        if self.num_classes is not None and self.expects_labels:
            warnings.warn(
                "The model uses labels and the data has none: every class counts as unknown. Give "
                '{"x": x, "label": label} instead of x.',
                stacklevel=2,
            )
