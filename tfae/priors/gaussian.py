"""The standard normal prior."""

import keras
import tensorflow as tf

from tfae.losses.divergence import gaussian_log_density
from tfae.ops.reference import standard_normal
from tfae.priors.prior import Prior


@keras.saving.register_keras_serializable("tfae.priors")
class Gaussian(Prior):
    """N(0, I)."""

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        del label
        shape = tf.stack([tf.cast(n, tf.int64), self.latent_dim])
        return standard_normal(shape, tf.convert_to_tensor(seed))  # the same under XLA

    def log_density(self, code: tf.Tensor) -> tf.Tensor:
        return gaussian_log_density(code, 0.0, 0.0)
