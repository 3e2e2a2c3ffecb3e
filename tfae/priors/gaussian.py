"""The standard normal prior."""

import keras
import tensorflow as tf

from tfae.losses.divergence import gaussian_log_density
from tfae.priors.prior import Prior


@keras.saving.register_keras_serializable("tfae.priors")
class Gaussian(Prior):
    """N(0, I)."""

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        del label
        return tf.random.stateless_normal([n, self.latent_dim], seed, alg="philox")

    def log_density(self, code: tf.Tensor) -> tf.Tensor:
        return gaussian_log_density(code, 0.0, 0.0)
