"""Checks of data: of arrays, and of tensors in an input pipeline.

XLA removes assertions from a compiled step, so they are made in the pipeline before it.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

Support = tuple[Any, Any] | None
"""A closed interval in which values must lie, or `None`; its bounds are numbers, or arrays that
broadcast to an example."""

_UNBATCHED = " A dataset must be batched: call dataset.batch(n) first."
_NO_LABELS = (
    " `y` is the data to reconstruct, for example fit(noisy, clean). Class labels go to "
    'fit({"x": x, "label": label}), in the models that use them.'
)


def array_of_numbers(name: str, value: Any) -> np.ndarray | tf.Tensor:
    """Returns `value` as an array or a tensor.

    Raises:
        ValueError: If it holds anything but real numbers in a dense array.
    """
    if value is None:
        raise ValueError(f"`{name}` must not be None.")
    _refuse_sparse_and_ragged(name, value)
    if isinstance(value, keras.Variable | tf.Variable):
        value = tf.convert_to_tensor(value)
    if np.ma.is_masked(value):
        raise ValueError(
            f"`{name}` is a masked array with missing values; fill them first: {name}.filled(0)."
            f"{_ADVICE.get(name, '')}"
        )
    try:
        array = value if tf.is_tensor(value) else np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"`{name}` must be an array of numbers; received a {type(value).__name__} that NumPy "
            f"cannot convert: {error}"
        ) from None
    check_number_type(name, array.dtype)
    return array


def check_number_type(name: str, dtype: Any) -> None:
    """Raises `ValueError` for text, objects, times and complex numbers."""
    if dtype == tf.bfloat16:  # not a number for NumPy
        return
    numpy_dtype = dtype.as_numpy_dtype if isinstance(dtype, tf.DType) else dtype
    if np.dtype(numpy_dtype).kind in "fiub":
        return
    name_of_dtype = dtype.name if isinstance(dtype, tf.DType) else str(dtype)
    advice = ""
    if np.dtype(numpy_dtype).kind in "OSU" and name in ("label", "y"):
        advice = f" Number the classes: numpy.unique({name}, return_inverse=True)[1]."
    elif np.dtype(numpy_dtype).kind in "OSU":
        advice = " Convert it with numpy.asarray(..., dtype='float32')."
    raise ValueError(
        f"`{name}` must be an array of numbers; received dtype {name_of_dtype}.{advice}"
    )


def cast(array: np.ndarray | tf.Tensor, dtype: str) -> np.ndarray | tf.Tensor:
    """Casts an array or a tensor; NumPy arrays stay NumPy arrays."""
    return (
        array.astype(dtype, copy=False) if isinstance(array, np.ndarray) else tf.cast(array, dtype)
    )


def check_spec(name: str, spec: Any, expected: tuple | None) -> None:
    """Checks the declared type and shape of a part of a dataset, given the shape of one example.

    Raises:
        ValueError: If it is not a dense tensor of numbers, or has another shape.
    """
    _refuse_sparse_and_ragged(name, spec)
    if not isinstance(spec, tf.TensorSpec):
        raise ValueError(f"`{name}` must be one tensor in the dataset; it is {spec}.")
    check_number_type(name, spec.dtype)
    if expected is not None:
        check_shape(name, spec.shape, expected, _UNBATCHED)


def check_shape(name: str, shape: Any, expected: tuple, hint: str = "") -> None:
    """Checks a shape with a leading batch axis against the shape of one example.

    Args:
        name: Name of the argument in errors.
        shape: Shape with the batch axis; unknown sizes match any size.
        expected: Shape without the batch axis.
        hint: Advice for a missing batch axis.

    Raises:
        ValueError: If the shapes differ.
    """
    shape = tf.TensorShape(shape)
    if shape.is_compatible_with(tf.TensorShape([None, *expected])):
        return
    if name == "y":
        hint = _NO_LABELS
    elif shape.is_compatible_with(tf.TensorShape(expected)):
        hint = hint or f" A single example needs a batch axis: {name}[None]."
    elif _is_channels_first(shape, expected):
        hint = f" Channels come last: numpy.moveaxis({name}, 1, -1)."
    else:
        hint = ""
    sizes = ", ".join(map(str, expected))
    raise ValueError(
        f"`{name}` must have shape (n, {sizes}); "
        f"received {tuple(shape) if shape.rank is not None else 'an unknown rank'}.{hint}"
    )


def check_values(
    name: str,
    array: Any,
    support: Support,
    integers: bool | np.ndarray = False,
    missing: bool = False,
) -> None:
    """Checks that all values are finite and within `support`, and integers if `integers` is set.

    The minimum and the maximum are enough: NaN and infinity show in them. With `missing`, NaN is a
    missing value, of which nothing is asked.

    Raises:
        ValueError: If one is not.
    """
    array = np.asarray(array)
    if array.size == 0:
        return
    # `fmin` and `fmax` pass over NaN.
    smallest, largest = (np.fmin, np.fmax) if missing else (np.minimum, np.maximum)
    low, high = (float(f.reduce(array, axis=None)) for f in (smallest, largest))
    if not missing and not np.isfinite([low, high]).all():
        raise ValueError(
            f"`{name}` holds NaN or infinite values (minimum {low}, maximum {high}); remove or "
            f"impute them first.{_ADVICE.get(name, '')}"
        )
    if np.isinf([low, high]).any():
        raise ValueError(
            f"`{name}` holds infinite values (minimum {low}, maximum {high}); use NaN for what is "
            "missing."
        )
    if support is None:
        return
    lowest, highest = low, high
    if np.ndim(support[0]):
        lowest, highest = smallest.reduce(array, axis=0), largest.reduce(array, axis=0)
    if np.any(lowest < support[0]) or np.any(highest > support[1]):
        raise ValueError(f"{_range_message(name, support)} Received [{low:g}, {high:g}].")
    # NaN, which differs from everything, is looked at above.
    if np.any(integers) and array.dtype.kind == "f":
        broken = abs(array - np.rint(array)) > 0
        if np.any(broken & integers):
            raise ValueError(_integers_message(name))


def value_assertions(
    name: str,
    tensor: tf.Tensor,
    support: Support,
    integers: bool | np.ndarray = False,
    missing: bool = False,
) -> list[tf.Operation]:
    """Does the same as `check_values` in a graph."""
    tensor = tf.cast(tensor, tf.float32)
    if missing:
        valid = ~tf.math.is_inf(tensor)
        message = f"`{name}` holds infinite values; use NaN for what is missing."
    else:
        valid = tf.math.is_finite(tensor)
        message = f"`{name}` holds NaN or infinite values; remove or impute them first."
        message += _ADVICE.get(name, "")
    checks = [tf.debugging.Assert(tf.reduce_all(valid), [message])]
    if support is not None:
        # These comparisons are false for NaN, which is looked at above.
        outside = tf.reduce_any((tensor < support[0]) | (tensor > support[1]))
        is_nan = tf.math.is_nan(tensor)
        low = tf.reduce_min(tf.where(is_nan, tensor.dtype.max, tensor))
        high = tf.reduce_max(tf.where(is_nan, tensor.dtype.min, tensor))
        received = [tf.strings.as_string(bound, shortest=True) for bound in (low, high)]
        message = [
            _range_message(name, support),
            " Received [",
            received[0],
            ", ",
            received[1],
            "].",
        ]
        checks.append(tf.debugging.Assert(~outside, [tf.strings.join(message)]))
    if np.any(integers):
        broken = (tensor < tf.round(tensor)) | (tensor > tf.round(tensor))
        broken = tf.reduce_any(broken & integers)
        checks.append(tf.debugging.Assert(~broken, [_integers_message(name)]))
    return checks


def shape_assertions(name: str, tensor: tf.Tensor, expected: tuple) -> list[tf.Operation]:
    """Does the same as `check_shape` in a graph, for shapes that a dataset does not declare."""
    if tensor.shape.rank is not None and None not in tensor.shape[1:].as_list():
        return []
    sizes = tf.shape(tensor)[1:]
    wanted = tf.constant([-1 if size is None else size for size in expected], tf.int32)
    fits = tf.cond(
        tf.size(sizes) == len(expected),
        lambda: tf.reduce_all((wanted == -1) | (sizes == wanted)),
        lambda: tf.constant(False),
    )
    message = [
        f"`{name}` must have shape (n, {', '.join(map(str, expected))}); received (",
        tf.strings.reduce_join(tf.strings.as_string(tf.shape(tensor)), separator=", "),
        ").",
    ]
    return [tf.debugging.Assert(fits, [tf.strings.join(message)])]


def equal_length_assertions(x: tf.Tensor, y: tf.Tensor) -> list[tf.Operation]:
    """Asserts in a graph that there is one `y` for each `x`."""
    message = "`x` and `y` must have the same number of examples in each batch."
    return [tf.debugging.Assert(tf.shape(x)[0] == tf.shape(y)[0], [message])]


def check_weights(weights: Any, n: int) -> np.ndarray | tf.Tensor:
    """Returns sample weights `(n,)`, given an array `(n,)` or `(n, 1)`.

    Raises:
        ValueError: If there is not one finite number for each example.
    """
    weights = array_of_numbers("sample_weight", weights)
    check_weight_shape(weights.shape)
    if weights.shape[0] != n:
        raise ValueError(
            "`x` and `sample_weight` must have the same number of examples; received "
            f"{n} and {weights.shape[0]}."
        )
    check_values("sample_weight", weights, None)
    return weights if len(weights.shape) == 1 else weights[:, 0]


def check_weight_shape(shape: Any) -> None:
    """Raises `ValueError` for weights of time steps or pixels, which losses do not support."""
    shape = tf.TensorShape(shape)
    if not (shape.is_compatible_with([None]) or shape.is_compatible_with([None, 1])):
        raise ValueError(
            "`sample_weight` must have one weight for each example, shape (n,); received shape "
            f"{tuple(shape)}."
        )


def asserted_weights(weights: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Does the same as `check_weights` in a graph, for the examples of `x`."""
    n = tf.shape(x)[0]
    fits = (tf.size(weights) == n) & (tf.shape(weights)[0] == n)
    one_each = tf.debugging.Assert(
        fits, ["`sample_weight` must have one weight for each example, shape (n,)."]
    )
    with tf.control_dependencies([one_each, *value_assertions("sample_weight", weights, None)]):
        return tf.reshape(tf.cast(weights, tf.float32), [-1])


_ADVICE = dict.fromkeys(
    ("x", "y"), " A model made with missing='mask' takes NaN as a missing value."
)
"""What else can be done about NaN, by the argument that holds it."""


def _range_message(name: str, support: tuple[Any, Any]) -> str:
    low, high = np.min(support[0]), np.max(support[1])
    if np.isinf(high):
        return (
            f"`{name}` must be at least {low:g} for this likelihood. Choose likelihood='gaussian', "
            "'laplace' or 'student_t' for data that can be negative."
        )
    # Without the margin for rounding that a scaling adds.
    low, high = (round(end / (high - low), 5) * (high - low) + 0.0 for end in (low, high))
    return (
        f"`{name}` must lie in [{low:g}, {high:g}] for this likelihood. Scale the data (divide "
        "8-bit images by 255) or clip it, or choose likelihood='gaussian' or 'squared_error'."
    )


def _integers_message(name: str) -> str:
    return (
        f"`{name}` must hold integers for this likelihood of counts. Do not scale counts; round "
        "them if they are estimates, or choose likelihood='gaussian' or 'laplace'."
    )


def _refuse_sparse_and_ragged(name: str, value: Any) -> None:
    if hasattr(value, "toarray"):  # a SciPy matrix
        advice = f"a sparse matrix; make it dense: {name}.toarray()."
    elif isinstance(value, tf.SparseTensor | tf.SparseTensorSpec):
        advice = "a sparse tensor; make it dense: tf.sparse.to_dense."
    elif isinstance(value, tf.RaggedTensor | tf.RaggedTensorSpec):
        advice = "a ragged tensor; pad or cut its rows to the same length: to_tensor(shape=...)."
    else:
        return
    raise ValueError(f"`{name}` must be a dense array; received {advice}")


def _is_channels_first(shape: tf.TensorShape, expected: tuple) -> bool:
    if shape.rank is None or shape.rank != len(expected) + 1 or len(expected) < 2:
        return False
    return shape[1:].is_compatible_with([expected[-1], *expected[:-1]])
