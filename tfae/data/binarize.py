"""Black and white from grey: the values are taken as probabilities, or cut at one half."""

import math

import numpy as np
import tensorflow as tf

from tfae.batches.order import as_int64
from tfae.data.examples import Examples, InMemory
from tfae.data.scaling import Scaling
from tfae.data.statistics import extremes

BINARIZE = ("threshold", "static", "dynamic")
"""Values of `binarize` besides `None`."""

_PHILOX = 1  # TensorFlow's number of the algorithm, in the operations that take a key and counter
_LANES = 4  # values drawn for one step of Philox' counter


def threshold(x: tf.Tensor) -> tf.Tensor:
    """1 where `x >= 0.5`, else 0; float32."""
    return tf.cast(x >= 0.5, tf.float32)


def bernoulli(x: tf.Tensor, seed: int, number: tf.Tensor | int, first: tf.Tensor) -> tf.Tensor:
    """Draws each value: 1 with probability `x`, else 0.

    The draw of an example depends on the seed, the pass and the example's position in it, and not
    on how the pass is cut into batches.

    Args:
        x: probabilities, `(batch, ...)`, float32.
        seed: any integer of up to 64 bits.
        number: number of the pass, int64 scalar.
        first: how many examples of the pass come before this batch, int64 scalar.

    Returns:
        float32 of the same shape, 0 and 1.
    """
    size = math.prod(x.shape[1:])
    steps = -(-size // _LANES)
    words = tf.stack([tf.constant(as_int64(seed), tf.int64), tf.cast(number, tf.int64)])
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=words)
    # Each example owns `steps` counts, so a batch starts at its own position in the pass' sequence.
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
    """Draws a whole set in memory once: probabilities `(n, ...)` to 0 and 1, float32."""
    drawn = np.empty_like(x)
    chunk = max(1, 2**24 // max(1, math.prod(x.shape[1:])))
    for start in range(0, len(x), chunk):
        part = tf.constant(x[start : start + chunk])
        drawn[start : start + chunk] = bernoulli(part, seed, 0, tf.constant(start, tf.int64))
    return drawn


def drawn_once(examples: Examples, scaling: Scaling, seed: int) -> InMemory:
    """Scales a whole set and draws its values once.

    Raises:
        ValueError: when it is not in memory.
    """
    if not isinstance(examples, InMemory):
        raise ValueError(
            'binarize="static" keeps the data in memory, but it takes more than memory_limit '
            'bytes: raise that, or use "threshold" or "dynamic".'
        )
    x = bernoulli_once(scaling.scale(examples.x), seed)
    return InMemory(x, examples.label, examples.class_names)


def check_probabilities(examples: Examples, scaling: Scaling, binarize: str) -> None:
    """Raises `ValueError` unless scaled values can be taken as probabilities."""
    if examples.dtype.kind == "u" and examples.dtype.itemsize <= 2:
        ends = 0, np.iinfo(examples.dtype).max  # mostly enough, and nothing need be read
        low, high = (scaling.scale(np.full(examples.shape, end)) for end in ends)
        if low.min() >= 0 and high.max() <= 1:
            return
    # Scaling is monotone in each element, so the ends of each element's range are enough.
    low, high = (scaling.scale(end) for end in extremes(examples))
    if low.min() < 0 or high.max() > 1:
        raise ValueError(
            f"binarize={binarize!r} takes values as probabilities, but they range from "
            f'{low.min():g} to {high.max():g}; pass scale= a number to divide by, or "minmax".'
        )


def check_name(binarize: str | None) -> None:
    """Raises `ValueError` for a `binarize` that there is not."""
    if binarize is not None and binarize not in BINARIZE:
        raise ValueError(
            f"`binarize` must be None or one of {', '.join(map(repr, BINARIZE))}; received "
            f"{binarize!r}."
        )
