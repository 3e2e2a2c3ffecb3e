"""Random seeds as explicit state."""

import random

import keras
import tensorflow as tf

from tfae.internals import all_layers, seed_generators


def next_seed(generator: keras.random.SeedGenerator) -> tf.Tensor:
    """Draws the next seed, a different one for every replica of a `tf.distribute` strategy.

    The replicas of a mirrored strategy have equal generator states. Without folding in the replica
    id they would all draw the same noise.

    Args:
        generator: The generator; its state advances by one draw.

    Returns:
        int64 tensor of shape `(2,)`, for the `seed` of TensorFlow's stateless random functions.
    """
    seed = tf.cast(generator.next(), tf.int64)
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return seed
    replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
    return tf.random.fold_in(seed, replica, alg="philox")


def random_seed() -> int:
    """A seed from Python's generator, which `keras.utils.set_random_seed` seeds."""
    return random.randint(1, 2**31 - 1)


def seed_unseeded(layer: keras.layers.Layer, seed: int) -> None:
    """Seeds the generators of a layer and of its inner layers where they were given no seed.

    Args:
        layer: For example a corruption layer, which gets its seed from the model that uses it.
        seed: Integer, from which each inner layer gets a different seed.
    """
    for i, inner in enumerate(all_layers(layer)):
        if getattr(inner, "seed", 0) is None:
            for generator in seed_generators(inner):
                generator.state.assign([(seed + i) % 2**32, 0])
