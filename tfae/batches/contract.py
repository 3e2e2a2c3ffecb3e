"""The contract of a model's data, and clear errors for data that breaks it."""

import dataclasses
import warnings
from typing import Any, Self

import numpy as np
import tensorflow as tf

from tfae.batches.batch import Batch, pack
from tfae.batches.elements import (
    asserted_elements,
    check_element_spec,
    checked_elements,
    with_nan,
)
from tfae.batches.label_range import LabelRange
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
    """The data that a model accepts.

    `checked` checks arrays. `check_spec` checks the shapes and types that a dataset declares, and
    `asserted` checks its values in the input pipeline.

    Attributes:
        input_shape: Shape of one input example; `None` entries allow any size.
        target_shape: Shape of one target example.
        support: Closed interval of the targets, or `None`. Its upper end may be infinite.
        integers: Whether targets are integers, of whatever dtype; or an array that broadcasts to an
            example and tells which elements are.
        missing: Whether NaN in inputs and targets is a missing value.
        num_classes: Number of classes for a model that uses labels: 0 to `num_classes - 1`, or -1
            where unknown. `None` for a model that ignores labels.
        expects_labels: Whether missing labels are likely to be a mistake.
        takes_noise: Whether inputs that are not targets may lie outside `support`, as for a
            denoising model. Integers may not: they are most likely images that were not scaled.
        dtype: Dtype in which the model computes; data is cast to it.
        x_is_target: Whether `x` is reconstructed, and so must lie in `support`, if there is no
            other target.
    """

    input_shape: tuple[int | None, ...]
    target_shape: tuple[int | None, ...]
    support: Support = None
    num_classes: int | None = None
    expects_labels: bool = True
    takes_noise: bool = False
    dtype: str = "float32"
    x_is_target: bool = True
    integers: bool | np.ndarray = False
    missing: bool = False

    def of_inputs(self, for_scores: bool = False) -> Self:
        """Returns the contract for data without targets; for scores `x` itself is the target."""
        return dataclasses.replace(self, expects_labels=False, x_is_target=for_scores)

    def from_keras(self, batch: Batch) -> Batch:
        """Moves labels from where Keras has them to where this contract has them."""
        return batch

    def inputs(self, batch: Batch) -> Batch:
        """Returns only what predictions, codes and scores need of a batch."""
        return Batch(
            batch.x,
            label=None if self.num_classes is None else batch.label,
            mask=batch.mask,
            weight=batch.weight if self.x_is_target else None,
        )

    def to_keras(self, batch: Batch) -> tuple:
        """Converts a batch to the tuple that Keras passes to the steps."""
        return pack(batch)

    def checked(self, batch: Batch, name: str = "x") -> Batch:
        """Checks arrays and returns them; parts that are `None` stay `None`.

        Args:
            batch: Arrays, or what can be converted to arrays, such as lists of numbers.
            name: Name of `x` in errors.

        Returns:
            NumPy arrays or tensors of unchanged dtype, except that float64 becomes `dtype`, and
            without a mask: what it does not observe is NaN.

        Raises:
            ValueError: If a shape, a type or a value does not fit, or numbers of rows differ.
        """
        x = self._array(name, batch.x)
        check_shape(name, x.shape, self.input_shape)
        n = int(x.shape[0])
        if batch.mask is not None:
            self._refuse_unused_mask()
            mask = checked_elements("mask", batch.mask, n, self.input_shape)
            x = with_nan(x, mask, self.dtype)
        support = self._support_of_x(batch, x.dtype)
        integers = False if support is None else self.integers
        check_values(name, x, support, integers, self.missing)
        target = x
        if batch.has_own_target:
            target = self._array("y", batch.target)
            check_shape("y", target.shape, self.target_shape)
            check_values("y", target, self.support, self.integers, self.missing)
            if target.shape[0] != n:
                raise ValueError(
                    "`x` and `y` must have the same number of examples; received "
                    f"{n} and {target.shape[0]}."
                )
        weights = batch.sample_weight
        weights = None if weights is None else check_weights(weights, n)
        label = self._checked_label(batch.label, n)
        weight = batch.weight
        if weight is not None:
            weight = checked_elements("weight", weight, n, self.target_shape)
        narrow_x = self._narrowed(x)
        target = self._narrowed(target) if batch.has_own_target else narrow_x
        return Batch(narrow_x, target, label, weights, weight=weight)

    def check_spec(self, spec: Batch, name: str = "x") -> None:
        """Checks the shapes and types that a dataset declares.

        Raises:
            ValueError: If the data is not batched, or a shape or a type does not fit.
        """
        check_spec(name, spec.x, self.input_shape)
        if spec.has_own_target:
            check_spec("y", spec.target, self.target_shape)
        if spec.sample_weight is not None:
            check_spec("sample_weight", spec.sample_weight, None)
            check_weight_shape(spec.sample_weight.shape)
        self._check_label_spec(spec.label)
        if spec.mask is not None:
            self._refuse_unused_mask()
            check_element_spec("mask", spec.mask, self.input_shape)
        if spec.weight is not None:
            check_element_spec("weight", spec.weight, self.target_shape)

    def asserted(self, batch: Batch, name: str = "x") -> Batch:
        """Returns the batch with assertions of its values, for the graph of an input pipeline."""
        x, own_target = batch.x, batch.has_own_target
        support = self._support_of_x(batch, x.dtype)
        if batch.mask is not None:
            x = with_nan(x, asserted_elements("mask", batch.mask, x), self.dtype)
        x = target = self._asserted(name, x, support, self.input_shape)
        if own_target:
            target = self._asserted("y", batch.target, self.support, self.target_shape)
            with tf.control_dependencies(equal_length_assertions(x, target)):
                target = tf.identity(target)
        weights = batch.sample_weight
        weights = None if weights is None else asserted_weights(weights, x)
        label = batch.label
        if label is not None:
            label_range = self._label_range()
            label = label if label_range is None else label_range.asserted(label, x)
        weight = batch.weight
        if weight is not None:
            weight = asserted_elements("weight", weight, x)
        return Batch(x, target, label, weights, weight=weight)

    def cast(self, batch: Batch) -> Batch:
        """Casts a batch of arrays or of tensors to the model's dtypes."""
        x = target = cast(batch.x, self.dtype)
        if batch.has_own_target:
            target = cast(batch.target, self.dtype)
        weights = batch.sample_weight
        weights = None if weights is None else cast(weights, "float32")
        label = batch.label
        if label is not None and self.num_classes is not None:
            label = cast(label, "int64")
        weight = None if batch.weight is None else cast(batch.weight, "float32")
        return Batch(x, target, label, weights, weight=weight)

    # ------------------------------------------------------------------ parts

    def _array(self, name: str, value: Any) -> np.ndarray | tf.Tensor:
        if self.missing and isinstance(value, np.ma.MaskedArray):
            value = with_nan(value.data, ~np.ma.getmaskarray(value), self.dtype)
        return array_of_numbers(name, value)

    def _refuse_unused_mask(self) -> None:
        if not self.missing:
            raise ValueError(
                "`mask` says which elements are observed; that is for models made with "
                "missing='mask'."
            )

    def _support_of_x(self, batch: Batch, dtype: Any) -> Support:
        is_target = self.x_is_target and not batch.has_own_target
        may_be_noisy = self.takes_noise and not is_target and not tf.as_dtype(dtype).is_integer
        return None if may_be_noisy else self.support

    def _narrowed(self, array: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
        """Casts float64 to save memory; small integers stay as they are until they are batched."""
        is_double = tf.as_dtype(array.dtype) == tf.float64 and self.dtype != "float64"
        return cast(array, self.dtype) if is_double else array

    def _asserted(self, name: str, tensor: tf.Tensor, support: Support, shape: tuple) -> tf.Tensor:
        integers = False if support is None else self.integers
        checks = shape_assertions(name, tensor, shape)
        checks += value_assertions(name, tensor, support, integers, self.missing)
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
                "The model uses labels, but the data has none: every class counts as unknown. Give "
                '{"x": x, "label": label} instead of x.',
                stacklevel=2,
            )
