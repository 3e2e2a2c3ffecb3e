"""Reparameterised sampling with its KL divergence, as a layer."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfae import ops
from tfae.layers.seeds import next_seed


@keras.saving.register_keras_serializable("tfae")
class GaussianSampling(keras.layers.Layer):
    """Draws z ~ N(mean, exp(log_variance)) and gives its KL to N(0, I), in one fused pass.

    Training and evaluation draw from two generators, so that evaluating now and then changes
    nothing in the noise that training sees.

    Args:
        num_samples: Number of draws an example, or `None` for one without a leading axis.
        seed: Integer seed; `None` takes one from Keras' global seed.

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, section 2.4.
    """

    def __init__(self, num_samples: int | None = None, seed: int | None = None, **kwargs):
        # No autocast: under mixed precision the heads stay in float32 if they are in float32.
        super().__init__(**{"autocast": False, **kwargs})
        self.num_samples = num_samples
        self.seed = seed
        self.training_seeds = keras.random.SeedGenerator(seed)
        self.evaluation_seeds = keras.random.SeedGenerator(None if seed is None else seed + 1)
        self.built = True

    def build(
        self, mean_shape: Sequence[int | None], log_variance_shape: Sequence[int | None]
    ) -> None:
        """Makes nothing: there are no weights."""
        self.built = True

    def call(
        self, mean: tf.Tensor, log_variance: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Samples.

        Args:
            mean, log_variance: Tensors of one shape `(batch, d)` and dtype.
            training: Which generator to draw from.

        Returns:
            `z` of shape `(batch, d)` or `(num_samples, batch, d)`, and `kl` of shape `(batch,)` in
            nats (float32 for half-precision input).
        """
        generator = self.training_seeds if training else self.evaluation_seeds
        z, kl = ops.gaussian_sample_kl(
            mean, log_variance, next_seed(generator), num_samples=self.num_samples
        )
        return z, kl

    def get_config(self) -> dict:
        return {**super().get_config(), "num_samples": self.num_samples, "seed": self.seed}
