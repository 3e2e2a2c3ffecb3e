"""Reparameterised sampling with its KL divergence, as a layer."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfae import ops
from tfae.attributes import CheckedAttributes
from tfae.layers.seeds import next_seed


@keras.saving.register_keras_serializable("tfae")
class GaussianSampling(CheckedAttributes, keras.layers.Layer):
    """Draws z ~ N(mean, exp(log_variance)) and computes its KL to N(0, I), in one fused op.

    Training and evaluation use separate seed generators, so evaluating in between does not change
    the noise of training.

    Args:
        num_samples: Number of samples per example, or `None` for one without a leading axis.
        seed: Integer seed; `None` takes one from Keras' global seed.
        **kwargs: Passed to `keras.layers.Layer`.

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, section 2.4.
    """

    fixed_attributes = ("seed",)

    def __init__(self, num_samples: int | None = None, seed: int | None = None, **kwargs):
        # No autocast: float32 inputs must stay float32 under mixed precision.
        super().__init__(**{"autocast": False, **kwargs})
        self.num_samples = num_samples
        self.seed = seed
        self.training_seeds = keras.random.SeedGenerator(seed)
        self.evaluation_seeds = keras.random.SeedGenerator(None if seed is None else seed + 1)
        self.built = True

    def build(
        self, mean_shape: Sequence[int | None], log_variance_shape: Sequence[int | None]
    ) -> None:
        """There are no weights to make."""
        self.built = True

    def call(
        self, mean: tf.Tensor, log_variance: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Samples z and computes its KL divergence.

        Args:
            mean, log_variance: Tensors `(batch, d)` of the same dtype.
            training: Whether to use the seed generator of training or of evaluation.

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
