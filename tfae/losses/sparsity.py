"""Penalties that keep hidden units at zero most of the time.

Each computes in float32 and gives one value an example, so that sample weights and unequal batches
count as they do for every other term of a loss.
"""

import math
from collections.abc import Sequence
from typing import Self

import keras
import tensorflow as tf

from tfae.arguments import between, non_negative


class Sparsity:
    """Base of the penalties.

    Attributes:
        code_activation: What the code layer of a standard network gets.
        every_layer: Whether the penalty is on every hidden layer's activations, or on the code's.
    """

    code_activation = "relu"
    every_layer = False

    def penalty(
        self, activations: Sequence[tf.Tensor], sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Computes the penalty of each example, in the unit of the loss.

        Args:
            activations: Tensors `(batch, ...)` of one or more layers.
            sample_weight: Weights `(batch,)`, or `None` for ones. The caller weighs what comes
                out; a penalty needs them only to take a mean over the batch.

        Returns:
            float32 tensor `(batch,)`.
        """
        raise NotImplementedError

    def get_config(self) -> dict:
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: dict) -> Self:
        return cls(**config)


@keras.saving.register_keras_serializable("tfae")
class L1(Sparsity):
    """The sum of absolute activations over all hidden units: drives most of them to exactly zero.

    Args:
        coefficient: Cost of one unit of activation, zero or more, in the unit of the loss (nats
            for a density); independent of the batch size.

    Raises:
        ValueError: If `coefficient` is negative or not finite.
    """

    every_layer = True

    def __init__(self, coefficient: float = 0.1):
        self.coefficient = non_negative("coefficient", coefficient)

    def penalty(
        self, activations: Sequence[tf.Tensor], sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self.coefficient * tf.add_n([_l1_norm(a) for a in activations])

    def get_config(self) -> dict:
        return {"coefficient": self.coefficient}


@keras.saving.register_keras_serializable("tfae")
class KL(Sparsity):
    """Pulls the mean activation of each sigmoid unit to a target.

    The penalty is `coefficient * sum over units of KL(target || mean activation)`, both as
    Bernoulli probabilities and the mean over the (weighted) batch, on all replicas together. It is
    one number for the batch, which every example is given; take batches of some 100 examples or
    more, so that the mean says something about the data.

    Args:
        target: Mean activation to reach, in (0, 1).
        coefficient: Cost of one nat of divergence, zero or more, in the unit of the loss.

    Raises:
        ValueError: If a number is out of range.

    Reference:
        Lee, Ekanadham and Ng, "Sparse Deep Belief Net Model for Visual Area V2", 2007; Ng,
        "Sparse Autoencoder", CS294A lecture notes, 2011.
    """

    code_activation = "sigmoid"

    def __init__(self, target: float = 0.05, coefficient: float = 1.0):
        self.target = between("target", target, 0, 1)
        self.coefficient = non_negative("coefficient", coefficient)

    def penalty(
        self, activations: Sequence[tf.Tensor], sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        batch = tf.shape(activations[0])[0]
        weights = tf.ones([batch]) if sample_weight is None else tf.reshape(sample_weight, [-1])
        weights = tf.cast(weights, tf.float32)
        units = tf.concat(
            [tf.reshape(tf.cast(a, tf.float32), [batch, -1]) for a in activations], axis=1
        )
        total, count = tf.linalg.matvec(units, weights, transpose_a=True), tf.reduce_sum(weights)
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            # The divergence of a mean is not the mean of divergences: sum up before it.
            total, count = context.all_reduce(tf.distribute.ReduceOp.SUM, [total, count])
        divergence = bernoulli_kl(self.target, tf.math.divide_no_nan(total, count))
        return tf.fill([batch], self.coefficient * tf.reduce_sum(divergence))

    def get_config(self) -> dict:
        return {"target": self.target, "coefficient": self.coefficient}


def bernoulli_kl(p: float, q: tf.Tensor) -> tf.Tensor:
    """KL(Bernoulli(p) || Bernoulli(q)) of each element, in nats.

    Args:
        p: Probability in (0, 1).
        q: Probabilities of any shape; kept 1e-6 away from 0 and 1, where the divergence is
            infinite.

    Returns:
        Tensor of the shape of `q`, zero where `q` equals `p`, never negative.
    """
    q = tf.clip_by_value(q, 1e-6, 1.0 - 1e-6)
    return p * (math.log(p) - tf.math.log(q)) + (1.0 - p) * (math.log1p(-p) - tf.math.log1p(-q))


def zero_fraction(activations: Sequence[tf.Tensor]) -> tf.Tensor:
    """Fraction of exact zeros among all activations of each example.

    Args:
        activations: Tensors `(batch, ...)` of one or more layers.

    Returns:
        float32 tensor `(batch,)` in [0, 1].
    """
    zeros = [_sum_per_example(tf.cast(tf.equal(a, 0), tf.float32)) for a in activations]
    count = tf.add_n([tf.size(a) for a in activations]) / tf.shape(activations[0])[0]
    return tf.add_n(zeros) / tf.cast(count, tf.float32)


def _l1_norm(activation: tf.Tensor) -> tf.Tensor:
    return _sum_per_example(tf.abs(tf.cast(activation, tf.float32)))


def _sum_per_example(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(x, axis=list(range(1, x.shape.rank)))
