"""Penalties that keep hidden units at zero most of the time.

They compute in float32 and give one value per example, so that sample weights and batches of
unequal size have the same effect as on any other loss term.
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
        code_activation: Activation of the code layer in networks that `from_shape` builds.
        every_layer: Whether all hidden layers' activations are penalised, or only the code's.
    """

    code_activation = "relu"
    every_layer = False

    def penalty(
        self, activations: Sequence[tf.Tensor], sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Computes the penalty of each example, in the loss's units.

        Args:
            activations: Tensors `(batch, ...)` of one or more layers.
            sample_weight: Weights `(batch,)`, or `None` for ones. The caller applies them to the
                result; a penalty uses them only for a mean over the batch.

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
        coefficient: Cost of one unit of activation, zero or more, in the loss's units (nats for
            a density); independent of the batch size.

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
    """Pulls the mean activation of each sigmoid unit towards a target.

    The penalty is `coefficient * sum over units of KL(target || mean activation)`, with both taken
    as Bernoulli probabilities. The mean is over the (weighted) batch of all replicas. The penalty
    is the same for every example of a batch. Use batches of some 100 examples or more, so that the
    mean is representative of the data.

    Args:
        target: Mean activation to reach, in (0, 1).
        coefficient: Cost of one nat of divergence, zero or more, in the loss's units.

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
            # The divergence of the mean is not the mean of the divergences: sum first.
            total, count = context.all_reduce(tf.distribute.ReduceOp.SUM, [total, count])
        divergence = bernoulli_kl(self.target, tf.math.divide_no_nan(total, count))
        return tf.fill([batch], self.coefficient * tf.reduce_sum(divergence))

    def get_config(self) -> dict:
        return {"target": self.target, "coefficient": self.coefficient}


def bernoulli_kl(p: float, q: tf.Tensor) -> tf.Tensor:
    """KL(Bernoulli(p) || Bernoulli(q)) of each element, in nats.

    Args:
        p: Probability in (0, 1).
        q: Probabilities of any shape, clipped to [1e-6, 1 - 1e-6], since the divergence is
            infinite at 0 and 1.

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
