"""Examples that a file is calibrated and measured on: arrays by the name of a signature's input."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfae.bases.autoencoding import Autoencoding
from tfae.batches.feeding import checked_inputs
from tfae.export.signatures import Signature

MOST_EXAMPLES = 1000
"""So many at most are taken of what is given."""

HELD_OUT = 5
"""Every fifth example that is given for calibration is kept for measurements."""

LABEL = tf.int32
"""Type of labels in a file: LiteRT for the web takes no int64."""

Examples = dict[str, np.ndarray]


def checked(model: Autoencoding, name: str, data: Any, at_least: int) -> Examples | None:
    """Takes examples from what a user gives: of a dataset the first ones, of an array all over it.

    Args:
        model: That they are for.
        name: Of the argument, for errors.
        data: Array `(n, ...)`, dictionary with "x" and "label", batched dataset, or `None`.
        at_least: So many are needed.

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
    """Examples to calibrate on, at least so many, and others to measure on, if there are enough."""
    held_out = np.arange(len(examples["x"])) % HELD_OUT == HELD_OUT - 1
    if not held_out.any() or np.sum(~held_out) < at_least:
        return examples, None
    return tuple({k: v[rows] for k, v in examples.items()} for rows in (~held_out, held_out))


def random(model: Autoencoding, number: int = 64) -> Examples:
    """Examples that are no data: uniform where the data has a range, else normal."""
    generator = np.random.default_rng(0)
    contract = model.data_contract()
    shape = (number, *contract.input_shape)
    if contract.support is None:
        x = generator.normal(size=shape)
    else:
        x = generator.uniform(*contract.support, shape)
    return _of_model(model, x, np.full(number, -1))


def answers(signature: Signature, examples: Examples, batch_size: int = 256) -> Examples:
    """What Keras gives: the outputs of a signature, by name."""
    run = tf.function(signature.function, input_signature=signature.inputs, autograph=False)
    inputs = [examples[spec.name] for spec in signature.inputs]
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
