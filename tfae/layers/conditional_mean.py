"""Fills missing elements with their mean given the observed ones, under a Gaussian."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("tfae")
class ConditionalMean(keras.layers.Layer):
    """Fills missing elements with their conditional mean under a Gaussian that is given to it.

    The Gaussian is that of a linear autoencoder: x = mean + factors z + noise, where z is N(0, I)
    and the noise of the elements is independent. The layer solves for the mean of z given the
    observed elements, a system of `rank` equations a row, and decodes it.

    Its weights are not trained; `set_gaussian` sets them. Until then it fills in zeros.

    Args:
        rank: Number of factors.
        **kwargs: Passed to `keras.layers.Layer`.

    Reference:
        Roweis and Ghahramani, "A Unifying Review of Linear Gaussian Models", 1999.
    """

    def __init__(self, rank: int, **kwargs):
        super().__init__(**{"trainable": False, "dtype": "float32", **kwargs})
        self.rank = int(rank)

    def build(self, input_shape: Sequence[tuple[int | None, ...]]) -> None:
        dim = input_shape[0][-1]
        self.factors = self.add_weight(name="factors", shape=(dim, self.rank), initializer="zeros")
        self.precision = self.add_weight(name="precision", shape=(dim,), initializer="ones")
        self.mean = self.add_weight(name="mean", shape=(dim,), initializer="zeros")

    def set_gaussian(self, mean: np.ndarray, factors: np.ndarray, variance: np.ndarray) -> None:
        """Sets the Gaussian.

        Args:
            mean: `(dim,)`.
            factors: `(dim, rank)`; fewer columns are filled up with zeros.
            variance: Variance of each element's noise, `(dim,)`, above zero.
        """
        missing = self.rank - factors.shape[1]
        self.factors.assign(np.pad(factors, [(0, 0), (0, missing)]))
        self.precision.assign(1 / variance)
        self.mean.assign(mean)

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Fills data.

        Args:
            inputs: Data `(batch, dim)` with any finite values at what is missing, and its mask
                `(batch, dim)`, 1 where it is observed.
        """
        x, mask = (tf.cast(tensor, self.compute_dtype) for tensor in inputs)
        factors, mean = tf.convert_to_tensor(self.factors), tf.convert_to_tensor(self.mean)
        weights = mask * self.precision
        # The posterior of z given what is observed: its precision, and then its mean.
        precision = tf.einsum("bd,dk,dl->bkl", weights, factors, factors)
        precision += tf.eye(self.rank, dtype=precision.dtype)
        projected = tf.matmul(weights * (x - mean), factors)
        z = tf.linalg.cholesky_solve(tf.linalg.cholesky(precision), projected[..., None])[..., 0]
        return tf.where(mask > 0, x, mean + tf.matmul(z, factors, transpose_b=True))

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple[int | None, ...]:
        return tuple(input_shape[0])

    def compute_output_spec(self, inputs: Sequence[Any]) -> keras.KerasTensor:
        return keras.KerasTensor(inputs[0].shape, self.compute_dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "rank": self.rank}
