"""Seeds of draws from p(x | z), one for each batch."""

from collections.abc import Callable

import tensorflow as tf


def seed_of_batch(seed: int) -> Callable[[int], tuple[tf.Tensor]]:
    """Gives each batch a seed of its own, other than the one that codes are drawn with."""
    return lambda batch_index: (seed_of_draws(tf.constant(seed, tf.int64), batch_index),)


def seed_of_draws(seed: tf.Tensor, batch_index: int = 0) -> tf.Tensor:
    """The seed int64 `(2,)` with which `generate(n, seed)` draws a batch from p(x | z)."""
    return tf.random.fold_in(tf.stack([seed, 0]), batch_index + 1, alg="philox")
