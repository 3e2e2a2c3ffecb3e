"""Examples that a file is calibrated and measured on, as arrays by input name."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfae.bases.autoencoding import Autoencoding
from tfae.batches.feeding import checked_inputs
from tfae.export.signatures import Signature

MOST_EXAMPLES = 1000
"""The largest number of examples that is used, however many are given."""

HELD_OUT = 5
"""Every fifth calibration example is used for measuring instead."""

LABEL = tf.int32
"""Type of labels in a file; LiteRT for the web does not support int64."""

Examples = dict[str, np.ndarray]


def checked(model: Autoencoding, name: str, data: Any, at_least: int) -> Examples | None:
    """Checks the examples that a user passes, and takes at most `MOST_EXAMPLES` of them.

    Of a dataset these are the first ones; of an array they are evenly spaced.

    Args:
        model: The model that they are for.
        name: The argument's name, for messages.
        data: Array `(n, ...)`, dictionary with "x" and "label", batched dataset, or `None`.
        at_least: The smallest number of examples allowed.

    Returns:
        "x", float32 `(n, ...)`, and for a conditional model "label", int32 `(n,)`.

    Raises:
        ValueError: If there are too few, or their shape or range does not fit the model.
    """
    if data is None:
        return None
    inputs = checked_inputs(model.data_contract(), data, for_scores=True, name=name)
    arrays: dict[str, list] = {"x": [], "label": []}
    for batch in inputs.batches(MOST_EXAMPLES, with_label=model.conditional):
        arrays["x"].append(np.asarray(batch.x))
        unknown = np.full(len(batch.x), -1)
        arrays["label"].append(unknown if batch.label is None else np.asarray(batch.label))
        if isinstance(data, tf.data.Dataset) and sum(map(len, arrays["x"])) >= MOST_EXAMPLES:
            break
    n = sum(map(len, arrays["x"]))
    if n < at_least:
        raise ValueError(f"`{name}` needs at least {at_least} examples; received {n}.")
    step = 1 if isinstance(data, tf.data.Dataset) else -(-n // MOST_EXAMPLES)
    x, label = (np.concatenate(parts)[::step][:MOST_EXAMPLES] for parts in arrays.values())
    return _of_model(model, x, label)


def split(examples: Examples, at_least: int) -> tuple[Examples, Examples | None]:
    """Splits examples into `at_least` or more to calibrate on, and others to measure on.

    The latter are `None` if there are too few examples.
    """
    held_out = np.arange(len(examples["x"])) % HELD_OUT == HELD_OUT - 1
    if not held_out.any() or np.sum(~held_out) < at_least:
        return examples, None
    calibrating = {name: array[~held_out] for name, array in examples.items()}
    return calibrating, {name: array[held_out] for name, array in examples.items()}


def random(model: Autoencoding, number: int = 64) -> Examples:
    """Draws random examples in place of data: uniform if the data has a range, else normal."""
    generator = np.random.default_rng(0)
    contract = model.data_contract()
    shape = (number, *contract.input_shape)
    if contract.support is None:
        x = generator.normal(size=shape)
    else:
        low, size = bounded(contract.support)
        x = low + generator.random(shape) * size
        x = np.where(contract.integers, np.rint(2 * x), x)
    return _of_model(model, x, np.full(number, -1))


def bounded(support: tuple) -> tuple[np.ndarray, np.ndarray]:
    """The lower end and the size of an interval to draw from; 1 in place of infinite sizes."""
    low = np.where(np.isinf(support[0]), 0.0, support[0])
    return low, np.where(np.isinf(support[1]), 1.0, support[1] - low)


def inputs_of(signature: Signature, examples: Examples) -> Examples:
    """Returns the inputs of a signature by name, in its order.

    If it has a mask, what is missing from "x" gets some number instead of NaN: the mean of the
    rest, which does not widen the range that an int8 file is calibrated for.
    """
    if "mask" in (spec.name for spec in signature.inputs):
        x = examples["x"]
        observed = ~np.isnan(x)
        mean = x[observed].mean() if observed.any() else 0.0
        x = np.where(observed, x, np.float32(mean))
        examples = {**examples, "x": x, "mask": observed.astype("float32")}
    return {spec.name: examples[spec.name] for spec in signature.inputs}


def with_holes(examples: Examples) -> Examples:
    """Returns examples of which some have missing values.

    If none has, a copy of all of them follows, from which a random part of each is missing.
    """
    x = examples["x"]
    if np.isnan(x).any():
        return examples
    generator = np.random.default_rng(0)
    part = generator.random((len(x), *[1] * (x.ndim - 1)))
    holes = generator.random(x.shape) < part
    twice = {name: np.concatenate([array, array]) for name, array in examples.items()}
    return {**twice, "x": np.concatenate([x, np.where(holes, np.nan, x)])}


def answers(signature: Signature, examples: Examples, batch_size: int = 256) -> Examples:
    """Computes the outputs of a signature with Keras, by name."""
    run = tf.function(signature.function, input_signature=signature.inputs, autograph=False)
    inputs = [*inputs_of(signature, examples).values()]
    parts = [
        run(*(tf.constant(values[start : start + batch_size]) for values in inputs))
        for start in range(0, len(inputs[0]), batch_size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _of_model(model: Autoencoding, x: np.ndarray, label: np.ndarray) -> Examples:
    examples = {"x": np.asarray(x, "float32")}
    if model.conditional:
        examples["label"] = label.astype(LABEL.as_numpy_dtype)
    return examples
