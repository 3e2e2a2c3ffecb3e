"""Importance-weighted imputation: means and draws of missing values, one sample at a time."""

from collections.abc import Callable

import tensorflow as tf

# Draws a code `(batch, ...)` with a seed, and returns it, the mean of the data given it, and its
# log weight `(batch,)`.
Draw = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


def weighted_mean(draw: Draw, num_samples: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The self-normalised importance-weighted mean of the data, `(batch, ...)`.

    Args:
        draw: Draws a code.
        num_samples: Number of draws.
        seed: int64 `(2,)`.
    """

    def add(i: tf.Tensor, log_sum: tf.Tensor, mean: tf.Tensor) -> tuple:
        _, value, log_weight = draw(_folded(seed, i))
        new_sum = tf.reduce_logsumexp(tf.stack([log_sum, log_weight]), axis=0)
        share = _per_row(tf.exp(log_weight - new_sum), value)
        return i + 1, new_sum, mean + share * (value - mean)

    _, first, log_weight = draw(_folded(seed, tf.constant(0)))
    return _loop(add, num_samples, log_weight, first)


def resampled(draw: Draw, num_samples: tf.Tensor, num_resampled: int, seed: tf.Tensor) -> tf.Tensor:
    """Codes `(batch, num_resampled, ...)` drawn by sampling-importance-resampling.

    Each is one of `num_samples` draws, chosen with a probability proportional to its weight: the
    one whose log weight plus Gumbel noise is the largest, so no draw need be kept.

    Args:
        draw: Draws a code.
        num_samples: Number of draws.
        num_resampled: Number of codes for each example.
        seed: int64 `(2,)`.
    """

    def keys(log_weight: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        def gumbel(j: tf.Tensor) -> tf.Tensor:
            # The draws of one row do not depend on how many rows and codes there are.
            uniform = tf.random.stateless_uniform(
                tf.shape(log_weight), _folded(seed, j + 1), 1e-20, 1.0, log_weight.dtype, "philox"
            )
            return -tf.math.log(-tf.math.log(uniform))

        spec = tf.TensorSpec([None], log_weight.dtype)
        noise = tf.map_fn(gumbel, tf.range(num_resampled), fn_output_signature=spec)
        return log_weight[:, None] + tf.transpose(noise)

    def add(i: tf.Tensor, best: tf.Tensor, codes: tf.Tensor) -> tuple:
        of_draw = _folded(seed, i)
        code, _, log_weight = draw(of_draw)
        key = keys(log_weight, of_draw)
        is_better = tf.reshape(key > best, tf.concat([tf.shape(key), _ones(code)], axis=0))
        return i + 1, tf.maximum(key, best), tf.where(is_better, code[:, None], codes)

    of_first = _folded(seed, tf.constant(0))
    code, _, log_weight = draw(of_first)
    return _loop(
        add,
        num_samples,
        keys(log_weight, of_first),
        tf.repeat(code[:, None], num_resampled, axis=1),
    )


def _loop(add: Callable, num_samples: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    state = [tf.constant(1), first, second]
    *_, result = tf.while_loop(
        lambda i, *_: i < num_samples,
        add,
        state,
        shape_invariants=[
            tf.TensorShape([]),
            tf.TensorShape([None, *first.shape[1:]]),
            tf.TensorShape([None, *second.shape[1:]]),
        ],
    )
    return result


def _folded(seed: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    return tf.random.fold_in(seed, number, alg="philox")


def _per_row(values: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Gives `(batch,)` the rank of `like`, `(batch, ...)`."""
    shape = tf.concat([tf.shape(values), _ones(like)], axis=0)
    return tf.cast(tf.reshape(values, shape), like.dtype)


def _ones(like: tf.Tensor) -> tf.Tensor:
    """A size of 1 for every axis of `like` but the first."""
    return tf.ones([like.shape.rank - 1], tf.int32)
