"""Vector quantisation; moving averages update the codebook."""

import math
from collections.abc import Callable
from typing import ClassVar

import keras
import tensorflow as tf

from tfae.arguments import is_number, whole_number
from tfae.attributes import CheckedAttributes, checked_by, set_fixed


def _part(name: str, value: float) -> float:
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must lie in [0, 1); received {value!r}.")
    return value


@keras.saving.register_keras_serializable("tfae")
class VectorQuantizer(CheckedAttributes, keras.layers.Layer):
    """Replaces each vector by its nearest embedding in a codebook.

    The codebook is not trained by gradients: `update` sets each embedding to the moving average of
    the vectors that were assigned to it. An embedding with (almost) no vectors restarts at a random
    vector of the batch. So the first update already moves the whole codebook onto the data. Under a
    distribution strategy the update uses the vectors of all replicas.

    Args:
        num_embeddings: Size of the codebook, at least 1.
        embedding_dim: Size of an embedding; the input's last axis is split into vectors of this
            size. `None` for the size of the last axis.
        decay: Decay of the moving averages, in [0, 1).
        restart_below: An embedding restarts when its moving count is at most this fraction of an
            even share, in [0, 1). With zero, none restarts after the first update.
        seed: Integer seed of the restarts; `None` takes one from Keras' global seed.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a number is out of range, or `embedding_dim` does not divide the last axis.

    Reference:
        Van den Oord, Vinyals and Kavukcuoglu, "Neural Discrete Representation Learning", 2017,
        appendix A.1; Dhariwal et al., "Jukebox", 2020, for the restarts.
    """

    attribute_checks: ClassVar[dict[str, Callable]] = {
        name: checked_by(_part, name) for name in ("decay", "restart_below")
    }
    fixed_attributes = ("num_embeddings", "embedding_dim", "seed")

    def __init__(
        self,
        num_embeddings: int = 512,
        embedding_dim: int | None = None,
        decay: float = 0.99,
        restart_below: float = 0.1,
        seed: int | None = None,
        **kwargs,
    ):
        # No autocast: distances are computed in float32 under mixed precision too.
        super().__init__(**{"autocast": False, "dtype": "float32", **kwargs})
        self.num_embeddings = whole_number("num_embeddings", num_embeddings, 1)
        self.embedding_dim = (
            None if embedding_dim is None else whole_number("embedding_dim", embedding_dim, 1)
        )
        self.decay = decay
        self.restart_below = restart_below
        self.seed = seed
        self.seeds = keras.random.SeedGenerator(seed)

    built: bool  # Keras sets it

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the codebook for inputs `(batch, ..., size)`."""
        if self.built:
            return
        if self.embedding_dim is None:
            set_fixed(self, embedding_dim=input_shape[-1])
        if None in input_shape[1:] or input_shape[-1] % self.embedding_dim:
            raise ValueError(
                f"`embedding_dim` must divide the last axis of the code; received "
                f"{self.embedding_dim} for codes of shape {tuple(input_shape)}."
            )
        # Each update leaves these weights equal on all replicas, so the first one's are saved.
        shared = {
            "trainable": False,
            "aggregation": "only_first_replica",
            "dtype": "float32",  # under every policy, as the moving averages need it
            "autocast": False,
        }
        shape = (self.num_embeddings, self.embedding_dim)
        start = keras.initializers.RandomNormal(
            stddev=1.0 / math.sqrt(self.embedding_dim), seed=self.seed
        )
        self.codebook = self.add_weight(name="codebook", shape=shape, initializer=start, **shared)
        self.sums = self.add_weight(name="sums", shape=shape, initializer="zeros", **shared)
        self.counts = self.add_weight(name="counts", shape=shape[:1], initializer="zeros", **shared)
        self.built = True

    def call(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Quantises.

        Args:
            inputs: Tensor `(batch, ..., size)`.

        Returns:
            The nearest embeddings, float32 of the inputs' shape, and their indices, int32
            `(batch, ..., size / embedding_dim)`, without the last axis if it would be 1.
        """
        codebook = tf.convert_to_tensor(self.codebook)
        product = tf.matmul(self._vectors(inputs), codebook, transpose_b=True)
        # Squared distances, without the vectors' norms, which do not change the nearest.
        distances = tf.reduce_sum(tf.square(codebook), axis=-1) - 2.0 * product
        indices = tf.argmin(distances, axis=-1, output_type=tf.int32)
        last = [] if inputs.shape[-1] == self.embedding_dim else [-1]
        indices = tf.reshape(indices, tf.concat([tf.shape(inputs)[:-1], last], axis=0))
        return tf.reshape(tf.gather(codebook, indices), tf.shape(inputs)), indices

    def lookup(self, indices: tf.Tensor, code_shape: tuple[int, ...]) -> tf.Tensor:
        """The codes `(batch, *code_shape)` for indices in the form that `call` returns."""
        codes = tf.gather(tf.convert_to_tensor(self.codebook), indices)
        return tf.reshape(codes, [-1, *code_shape])

    def perplexity(self, indices: tf.Tensor) -> tf.Tensor:
        """The effective number of embeddings in use: exp(entropy of the indices of all replicas).

        Returns:
            Scalar from 1 to `num_embeddings`.
        """
        counts = _sum_over_replicas(tf.reduce_sum(self._one_hot(indices), axis=0))
        share = tf.math.divide_no_nan(counts, tf.reduce_sum(counts))
        return tf.exp(-tf.reduce_sum(tf.math.xlogy(share, share)))

    def update(
        self, inputs: tf.Tensor, indices: tf.Tensor, weight: tf.Tensor | None = None
    ) -> None:
        """Updates the codebook; to be called once per train step.

        Args:
            inputs: The vectors that were quantised, `(batch, ..., size)`.
            indices: Their indices, from `call`.
            weight: Weight of each example, `(batch,)`; `None` for ones.
        """
        vectors, chosen = self._vectors(inputs), self._one_hot(indices)
        weight = tf.ones(tf.shape(inputs)[:1]) if weight is None else tf.cast(weight, tf.float32)
        vectors_per_example = math.prod(inputs.shape[1:]) // self.embedding_dim
        weight = tf.repeat(weight, vectors_per_example)
        chosen *= weight[:, None]
        new_counts = _sum_over_replicas(tf.reduce_sum(chosen, axis=0))
        new_sums = _sum_over_replicas(tf.matmul(chosen, vectors, transpose_a=True))

        counts = self.decay * self.counts + (1.0 - self.decay) * new_counts
        sums = self.decay * self.sums + (1.0 - self.decay) * new_sums
        even_share = tf.reduce_mean(counts)
        dead = counts <= self.restart_below * even_share
        drawn = self._draw(vectors, weight)
        counts = tf.where(dead, even_share, counts)
        sums = tf.where(dead[:, None], even_share * drawn, sums)
        has_weight = tf.reduce_sum(new_counts) > 0
        for variable, value in (
            (self.counts, counts),
            (self.sums, sums),
            (self.codebook, tf.math.divide_no_nan(sums, counts[:, None])),
        ):
            variable.assign(tf.where(has_weight, value, variable))

    def _draw(self, vectors: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        """Draws a vector for every embedding from those of all replicas, in proportion to weight.

        All replicas draw the same point of the cumulated weights; the replica that holds this point
        contributes its vector, the others zeros.
        """
        total = tf.reduce_sum(weight)
        before, overall = tf.zeros(()), total
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            own = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync)
            totals = _sum_over_replicas(own * total)
            overall = tf.reduce_sum(totals)
            before = tf.reduce_sum(tf.cumsum(totals, exclusive=True) * own)
        # Random words are the same under XLA, random floats are not.
        words = tf.random.stateless_uniform(
            [self.num_embeddings], self.seeds.next(), None, None, tf.uint32, alg="philox"
        )
        uniform = tf.cast(tf.bitwise.right_shift(words, tf.constant(8, tf.uint32)), tf.float32)
        point = uniform * 2.0**-24 * overall - before
        index = tf.searchsorted(tf.cumsum(weight), point, side="right")
        index = tf.where((point >= 0) & (point < total), index, tf.size(weight))
        return _sum_over_replicas(tf.gather(tf.pad(vectors, [[0, 1], [0, 0]]), index))

    def _vectors(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.cast(inputs, tf.float32), [-1, self.embedding_dim])

    def _one_hot(self, indices: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(tf.reshape(indices, [-1]), self.num_embeddings)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_embeddings": self.num_embeddings,
            "embedding_dim": self.embedding_dim,
            "decay": self.decay,
            "restart_below": self.restart_below,
            "seed": self.seed,
        }


def _sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)
