"""Binarization: values become 0 or 1, by a threshold or drawn with themselves as probability."""

import math

import numpy as np
import tensorflow as tf

from tfae.batches.order import as_int64
from tfae.data.examples import Examples, InMemory
from tfae.data.scaling import Scaling
from tfae.data.statistics import extremes

BINARIZE = ("threshold", "static", "dynamic")
"""Values of `binarize` besides `None`."""

_PHILOX = 1  # TensorFlow's number for the algorithm, in operations that take a key and a counter
_LANES = 4  # values drawn per step of Philox's counter


def threshold(x: tf.Tensor) -> tf.Tensor:
    """Returns 1 where `x >= 0.5`, else 0; float32."""
    return tf.cast(x >= 0.5, tf.float32)


def bernoulli(x: tf.Tensor, seed: int, number: tf.Tensor | int, first: tf.Tensor) -> tf.Tensor:
    """Draws each value: 1 with probability `x`, else 0.

    What is drawn for an example depends on the seed, the number of the pass and the example's
    position in it, but not on the batch size.

    Args:
        x: Probabilities, `(batch, ...)`, float32.
        seed: Any integer of up to 64 bits.
        number: Number of the pass over the data, int64 scalar.
        first: How many examples of the pass come before this batch, int64 scalar.

    Returns:
        float32 of the same shape, 0 or 1.
    """
    size = math.prod(x.shape[1:])
    steps = -(-size // _LANES)
    words = tf.stack([tf.constant(as_int64(seed), tf.int64), tf.cast(number, tf.int64)])
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=words)
    # Each example owns `steps` counts, so a batch starts where its first example's counts do.
    counter += tf.cast(tf.stack([first * steps, tf.zeros_like(first)]), tf.uint64)
    uniform = tf.raw_ops.StatelessRandomUniformV2(
        shape=tf.stack([tf.shape(x)[0], steps * _LANES]),
        key=key,
        counter=counter,
        alg=_PHILOX,
        dtype=tf.float32,
    )
    uniform = tf.reshape(uniform[:, :size], tf.shape(x))
    return tf.cast(uniform < x, tf.float32)


def bernoulli_once(x: np.ndarray, seed: int) -> np.ndarray:
    """Draws 0 or 1 for all probabilities `(n, ...)` of a data set in memory, float32."""
    drawn = np.empty_like(x)
    chunk = max(1, 2**24 // max(1, math.prod(x.shape[1:])))
    for start in range(0, len(x), chunk):
        part = tf.constant(x[start : start + chunk])
        drawn[start : start + chunk] = bernoulli(part, seed, 0, tf.constant(start, tf.int64))
    return drawn


def drawn_once(examples: Examples, scaling: Scaling, seed: int) -> InMemory:
    """Scales a whole data set and draws its values once.

    Raises:
        ValueError: If it is not in memory.
    """
    if not isinstance(examples, InMemory):
        raise ValueError(
            'binarize="static" keeps the data in memory, but it takes more than memory_limit '
            'bytes. Raise memory_limit, or use "threshold" or "dynamic".'
        )
    x = bernoulli_once(scaling.scale(examples.x), seed)
    return InMemory(x, examples.label, examples.class_names)


def check_probabilities(examples: Examples, scaling: Scaling, binarize: str) -> None:
    """Raises `ValueError` unless all scaled values are probabilities, in [0, 1]."""
    if examples.dtype.kind == "u" and examples.dtype.itemsize <= 2:
        ends = 0, np.iinfo(examples.dtype).max  # usually enough, without reading anything
        low, high = (scaling.scale(np.full(examples.shape, end)) for end in ends)
        if low.min() >= 0 and high.max() <= 1:
            return
    # Scaling is monotonic in each element, so the ends of each element's range are enough.
    low, high = (scaling.scale(end) for end in extremes(examples))
    if low.min() < 0 or high.max() > 1:
        raise ValueError(
            f"binarize={binarize!r} takes values as probabilities, but they range from "
            f'{low.min():g} to {high.max():g}. Pass scale="minmax", or a number to divide by.'
        )


def check_name(binarize: str | None) -> None:
    """Raises `ValueError` for an unknown `binarize`."""
    if binarize is not None and binarize not in BINARIZE:
        raise ValueError(
            f"`binarize` must be None or one of {', '.join(map(repr, BINARIZE))}; received "
            f"{binarize!r}."
        )
