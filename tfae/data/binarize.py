"""Black and white from grey: the values are taken as probabilities, or cut at one half."""

import math

import numpy as np
import tensorflow as tf

from tfae.batches.order import as_int64

_PHILOX = 1  # TensorFlow's number of the algorithm, in the operations that take a key and counter
_LANES = 4  # values drawn for one step of Philox' counter


def threshold(x: tf.Tensor) -> tf.Tensor:
    """1 where `x >= 0.5`, else 0; float32."""
    return tf.cast(x >= 0.5, tf.float32)


def bernoulli(x: tf.Tensor, seed: int, number: tf.Tensor | int, first: tf.Tensor) -> tf.Tensor:
    """Draws each value: 1 with probability `x`, else 0.

    The draw of an example depends on the seed, the pass and the example's place in it, and not on
    how the pass is cut into batches.

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
    # Each example owns `steps` counts, so a batch starts at its own place in the pass' sequence.
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
