"""The density of discrete codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfae.arguments import non_negative
from tfae.ops.reference import standard_uniform
from tfae.priors.prior import Prior


@keras.saving.register_keras_serializable("tfae.priors")
class FittedCategorical(Prior):
    """An independent categorical distribution over the embeddings at each position of a code.

    It knows how often each embedding occurs at a position, but not which ones occur together. A
    model of the whole grid, such as the paper's autoregressive one, gives better pictures.

    `fit` estimates the probabilities from indices; training does not change them.

    Args:
        probabilities: `(..., num_embeddings)`, summing to 1 at every position of the grid.
        codebook: `(num_embeddings, embedding_dim)`, the embeddings that codes consist of.
        code_shape: Shape of one code, all its embeddings joined.

    Reference:
        Van den Oord, Vinyals and Kavukcuoglu, "Neural Discrete Representation Learning", 2017,
        section 3.3.
    """

    kind = "categorical"
    is_density = False  # over codes: it is one over indices

    def __init__(self, probabilities: Any, codebook: Any, code_shape: Sequence[int], **kwargs):
        super().__init__(**kwargs)
        self.probabilities = np.asarray(probabilities, np.float64)
        self.codebook = np.asarray(codebook, np.float32)
        self.code_shape = tuple(int(size) for size in code_shape)
        self.build((None, *self.code_shape))

    @classmethod
    def fit(
        cls, indices: np.ndarray, codebook: Any, code_shape: Sequence[int], smoothing: float = 1.0
    ) -> FittedCategorical:
        """Counts the indices at each position.

        Args:
            indices: Integers `(n, ...)` into the codebook, at least one row.
            codebook: `(num_embeddings, embedding_dim)`.
            code_shape: Shape of one code.
            smoothing: Pseudo-count, zero or more: this many examples are added at each position,
                spread evenly over the codebook. Above zero, every embedding is possible.

        Raises:
            ValueError: If there are no indices, or `smoothing` is out of range.
        """
        smoothing = non_negative("smoothing", smoothing)
        if not len(indices):
            raise ValueError("A categorical distribution needs at least 1 code; received 0.")
        grid, num_embeddings = indices.shape[1:], len(codebook)
        rows = indices.reshape(len(indices), -1).T
        counts = np.stack([np.bincount(row, minlength=num_embeddings) for row in rows])
        smoothed = (counts + smoothing / num_embeddings) / (len(indices) + smoothing)
        return cls(smoothed.reshape(*grid, num_embeddings), codebook, code_shape)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The constructor's arguments by name."""
        return {
            "probabilities": np.asarray(self.probabilities),
            "codebook": np.asarray(self.codebook),
            "code_shape": np.array(self.code_shape, np.int64),
        }

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Draws codes `(n, *code_shape)`; see `Prior.sample`."""
        del label
        bounds = self.probabilities.reshape(-1, len(self.codebook)).cumsum(axis=-1)
        bounds[:, -1] = np.inf  # rounding must not leave a position without an embedding
        uniform = standard_uniform([n, len(bounds)], tf.cast(seed, tf.int64))
        # The op behind `tf.searchsorted`, which itself does not take n = 0.
        index = tf.raw_ops.UpperBound(
            sorted_inputs=tf.constant(bounds, tf.float32), values=tf.transpose(uniform)
        )
        vectors = tf.gather(tf.constant(self.codebook), tf.transpose(index))
        return tf.reshape(vectors, [n, *self.code_shape])

    def get_config(self) -> dict:
        lists = {name: array.tolist() for name, array in self.parameters.items()}
        return {**super().get_config(), **lists}
