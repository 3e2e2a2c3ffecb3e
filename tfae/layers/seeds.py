"""Random seeds as explicit state."""

import random

import keras
import tensorflow as tf

from tfae.internals import all_layers, seed_generators


def next_seed(generator: keras.random.SeedGenerator) -> tf.Tensor:
    """Draws the next seed, another one for every replica of a `tf.distribute` strategy.

    Replicas of a mirrored strategy hold equal generator states; without the fold they would all
    draw the same noise.

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
    """Seeds the generators of a layer, and of those inside it, that was given no seed of its own.

    Args:
        layer: For example a corruption that a model takes over, with the model's seed.
        seed: Integer; the layers inside get different ones that follow from it.
    """
    for i, inner in enumerate(all_layers(layer)):
        if getattr(inner, "seed", 0) is None:
            for generator in seed_generators(inner):
                generator.state.assign([(seed + i) % 2**32, 0])
