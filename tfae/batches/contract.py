"""What a model accepts, and clear errors for everything else."""

import warnings
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfae.batches.batch import unpack


class DataContract(NamedTuple):
    """What a model accepts.

    Attributes:
        input_shape: Shape of one input example; `None` entries are free.
        target_shape: Shape of one target example.
        support: Closed interval of the targets, or `None`.
        num_classes: Of a model that uses labels: they are 0 to `num_classes - 1`, or -1 where
            unknown. `None` for one that does not look at them.
        expects_labels: Whether data without labels is likely to be a mistake.
    """

    input_shape: tuple[int | None, ...]
    target_shape: tuple[int | None, ...]
    support: tuple[float, float] | None
    num_classes: int | None = None
    expects_labels: bool = True

    def checked_arrays(self, x: Any, y: Any = None, sample_weight: Any = None) -> tuple:
        """Checks whole arrays before training.

        Args:
            x: Array `(n, ...)`, or a dictionary with the keys "x" and, optionally, "label".
            y: Array `(n, ...)` to reconstruct, or `None` for `x`.
            sample_weight: Array `(n,)` or `None`.

        Returns:
            The same three, as NumPy arrays or tensors (`None` stays `None`).

        Raises:
            ValueError: If an array is empty, has the wrong shape, is not numeric, holds NaN or
                infinity, a target lies outside the likelihood's support, or a label is no class.
        """
        label = None
        if isinstance(x, dict):
            unknown = sorted(set(x) - {"x", "label"})
            if unknown or "x" not in x:
                raise ValueError(
                    'A dictionary of inputs must have the key "x" and may have "label"; received '
                    f"the keys {sorted(x)}."
                )
            x, label = x["x"], x.get("label")
        elif isinstance(x, list | tuple) and len(x) == 1 and np.ndim(x[0]) > 1:
            (x,) = x  # Keras lets a single input stand in a list.
        x = _array("x", x)
        _check_shape("x", x.shape, self.input_shape)
        if y is None:
            _check_values("x", x, self.support)
        else:
            y = _array("y", y)
            _check_shape("y", y.shape, self.target_shape)
            _check_values("x", x, None)
            _check_values("y", y, self.support)
        if sample_weight is not None:
            sample_weight = _array("sample_weight", sample_weight)
            if len(sample_weight.shape) != 1:
                raise ValueError(
                    "`sample_weight` must have one weight an example, shape (n,); received shape "
                    f"{tuple(sample_weight.shape)}."
                )
            _check_values("sample_weight", sample_weight, None)
        label = self._checked_label(label)
        sizes = {
            name: a.shape[0]
            for name, a in [("x", x), ("y", y), ("sample_weight", sample_weight), ("label", label)]
            if a is not None
        }
        if len(set(sizes.values())) > 1:
            raise ValueError(f"All arrays need the same number of examples; received {sizes}.")
        if not sizes["x"]:
            raise ValueError(f"`x` holds no examples: its shape is {tuple(x.shape)}.")
        return (x if label is None else {"x": x, "label": label}), y, sample_weight

    def checked_inputs(
        self, x: Any, values: bool, support: tuple[float, float] | None, name: str = "x"
    ) -> np.ndarray | tf.Tensor | tf.data.Dataset:
        """Checks inputs for inference: an array with any number of rows, or a dataset.

        Args:
            x: Array `(n, ...)`, dictionary of it, or batched dataset.
            values: Whether to look for NaN and infinity, too.
            support: Closed interval that the values must lie in, or `None`.
            name: Of the argument, for errors.

        Returns:
            The array, in a dictionary with its labels if the model uses them; or the dataset.

        Raises:
            ValueError: If the shape, the kind of data or, for arrays, a value does not fit.
        """
        label = None
        if isinstance(x, tf.data.Dataset):
            _check_shape(name, unpack(x.element_spec).x.shape, self.input_shape, _UNBATCHED)
            return x
        if isinstance(x, dict):
            batch = unpack(x)
            x, label = batch.x, batch.label
        elif isinstance(x, list | tuple) and len(x) == 1 and np.ndim(x[0]) > 1:
            (x,) = x
        if isinstance(x, keras.utils.PyDataset) or hasattr(x, "__next__"):
            raise ValueError(
                f"`{name}` must be an array or a tf.data.Dataset here; received a "
                f"{type(x).__name__}. predict() takes it."
            )
        x = _array(name, x)
        _check_shape(name, x.shape, self.input_shape)
        if values:
            _check_values(name, x, support)
        if self.num_classes is None or label is None:
            return x
        label = self._checked_label(label)
        if len(label) != len(x):
            raise ValueError(
                f"`{name}` and `label` must have the same number of examples; received "
                f"{len(x)} and {len(label)}."
            )
        return {"x": x, "label": label}

    def _checked_label(self, label: Any) -> np.ndarray | tf.Tensor | None:
        if self.num_classes is None:
            return None if label is None else _array("label", label)
        if label is None:
            self._warn_of_missing_labels()
            return None
        return checked_label(label, self.num_classes)

    def _warn_of_missing_labels(self) -> None:
        if self.expects_labels:
            warnings.warn(
                "The model uses labels and the data has none: every class counts as unknown. Give "
                '{"x": x, "label": label} instead of x.',
                stacklevel=2,
            )

    def checked_dataset(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Checks what a dataset declares now, and its values as they come.

        The values are asserted in the input pipeline because XLA removes assertions from a
        compiled step.

        Raises:
            ValueError: If the declared shapes do not fit. Bad values raise
                `tf.errors.InvalidArgumentError` when their batch is read.
        """
        spec = unpack(dataset.element_spec)
        _check_shape("x", spec.x.shape, self.input_shape, _UNBATCHED)
        if spec.target is not spec.x:
            _check_shape("y", spec.target.shape, self.target_shape, _UNBATCHED)
        if self.num_classes is not None:
            if spec.label is None:
                self._warn_of_missing_labels()
            else:
                _check_label_kind(spec.label.shape, spec.label.dtype, self.num_classes)

        def assert_values(*data):
            data = data if len(data) > 1 else data[0]
            batch = unpack(data)
            own_target = batch.target is not batch.x
            checks = _value_assertions("x", batch.x, None if own_target else self.support)
            # Datasets made by Python code may not know their shapes; the compiled step must.
            shapes = {id(batch.x): self.input_shape}
            if own_target:
                checks += _value_assertions("y", batch.target, self.support)
                shapes[id(batch.target)] = self.target_shape
            if self.num_classes is not None and batch.label is not None:
                label = tf.cast(batch.label, tf.int64)
                inside = tf.reduce_all((label >= -1) & (label < self.num_classes))
                checks.append(tf.debugging.Assert(inside, [_label_range(self.num_classes)]))
            with tf.control_dependencies(checks):
                return tf.nest.map_structure(
                    lambda t: (
                        tf.ensure_shape(t, [None, *shapes[id(t)]])
                        if id(t) in shapes
                        else (None if t is None else tf.identity(t))
                    ),
                    data,
                )

        return dataset.map(assert_values, num_parallel_calls=tf.data.AUTOTUNE)


_UNBATCHED = " A dataset must be batched: call dataset.batch(n) first."
_LABELS = (
    " `y` is the data to reconstruct, for example fit(noisy, clean). Class labels go to "
    'fit({"x": x, "label": label}), in the models that use them.'
)


def checked_label(label: Any, num_classes: int, name: str = "label") -> np.ndarray | tf.Tensor:
    """Returns class labels as an array.

    Raises:
        ValueError: If they are not integers `(n,)` from -1, for unknown, to `num_classes - 1`.
    """
    label = _array(name, label)
    _check_label_kind(label.shape, label.dtype, num_classes, name)
    low, high = np.min(label, initial=0), np.max(label, initial=0)
    if low < -1 or high >= num_classes:
        raise ValueError(f"{_label_range(num_classes, name)} Received {low} to {high}.")
    return label


def _check_label_kind(shape: Any, dtype: Any, num_classes: int, name: str = "label") -> None:
    if not tf.TensorShape(shape).is_compatible_with([None]) or not tf.as_dtype(dtype).is_integer:
        raise ValueError(
            f"{_label_range(num_classes, name)} Received {tf.as_dtype(dtype).name} of shape "
            f"{tuple(shape)}; one-hot labels become integers with numpy.argmax(label, axis=1)."
        )


def _label_range(num_classes: int, name: str = "label") -> str:
    return (
        f"`{name}` must hold integers from 0 to {num_classes - 1}, or -1 where the class is "
        "unknown, one an example."
    )


def _array(name: str, value: Any) -> np.ndarray | tf.Tensor:
    if value is None:
        raise ValueError(f"`{name}` must not be None.")
    array = value if tf.is_tensor(value) else np.asarray(value)
    dtype = array.dtype.as_numpy_dtype if tf.is_tensor(array) else array.dtype
    if np.dtype(dtype).kind not in "fiub" and array.dtype != tf.bfloat16:
        raise ValueError(
            f"`{name}` must be an array of numbers; received dtype {array.dtype}. Convert it "
            "with numpy.asarray(..., dtype='float32')."
        )
    return array


def _check_shape(name: str, shape: Any, expected: tuple, hint: str = "") -> None:
    """Compares a shape with its leading batch axis against the shape of one example."""
    shape = tf.TensorShape(shape)
    if shape.is_compatible_with(tf.TensorShape([None, *expected])):
        return
    if name == "y":
        hint = _LABELS
    elif shape.is_compatible_with(tf.TensorShape(expected)):
        hint = hint or f" A single example needs a batch axis: {name}[None]."
    else:
        hint = ""
    raise ValueError(
        f"`{name}` must have shape (n, {', '.join(map(str, expected))}); "
        f"received {tuple(shape) if shape.rank is not None else 'an unknown rank'}.{hint}"
    )


def _range_message(name: str, support: tuple[float, float]) -> str:
    low, high = support
    return (
        f"`{name}` must lie in [{low:g}, {high:g}] for this likelihood. Scale the data (divide "
        "8-bit images by 255), or choose likelihood='gaussian' or 'squared_error'."
    )


def _check_values(name: str, array: Any, support: tuple[float, float] | None) -> None:
    """One pass each for the minimum and the maximum: NaN and infinity show in them."""
    array = np.asarray(array)
    if array.size == 0:
        return  # reported as "no examples" by the caller
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise ValueError(
            f"`{name}` holds NaN or infinite values (minimum {low}, maximum {high}); remove or "
            "impute them first."
        )
    if support is not None and (low < support[0] or high > support[1]):
        raise ValueError(f"{_range_message(name, support)} Received [{low:g}, {high:g}].")


def _value_assertions(name: str, tensor: tf.Tensor, support: tuple[float, float] | None) -> list:
    tensor = tf.cast(tensor, tf.float32)
    finite = tf.debugging.Assert(
        tf.reduce_all(tf.math.is_finite(tensor)), [f"`{name}` holds NaN or infinite values."]
    )
    if support is None:
        return [finite]
    inside = tf.reduce_all((tensor >= support[0]) & (tensor <= support[1]))
    return [finite, tf.debugging.Assert(inside, [_range_message(name, support)])]
