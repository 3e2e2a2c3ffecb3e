"""The Wasserstein autoencoder with the MMD penalty."""

import functools
from collections.abc import Callable
from typing import ClassVar

import keras
import tensorflow as tf

from tfae import priors
from tfae.arguments import non_negative
from tfae.attributes import checked_by
from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.batches.batch import Batch
from tfae.losses.likelihoods import Likelihood, at_least_float32
from tfae.losses.mmd import inverse_multiquadratic_kernel, squared_mmd

__all__ = ["WassersteinAutoencoder"]

# Multiples of the kernel's scale for N(0, I), so that near and far codes both get a gradient.
_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@keras.saving.register_keras_serializable("tfae")
class WassersteinAutoencoder(EncoderDecoder):
    """A generative model (WAE-MMD) whose codes, taken together, follow a prior.

    The encoder is deterministic. Training minimises `reconstruction_loss + penalty * mmd_loss`,
    where `mmd_loss` is the squared maximum mean discrepancy between the codes of a batch and as
    many draws from the prior, with inverse multiquadratic kernels. Unlike the KL of a variational
    model, it does not pull the code of every single example towards the prior. The estimate is
    unbiased, so it is close to zero, and may be negative, if codes and prior agree. Batches of 100
    examples or more give good estimates.

    Example:
        ```python
        model = tfae.WassersteinAutoencoder.from_shape((28, 28, 1), latent_dim=8)
        model.compile()
        model.fit(images, epochs=10, batch_size=100)
        new_images = model.generate(16, seed=1)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to codes `(batch, latent_dim)`.
        decoder: Keras model from codes to raw outputs of the data's shape, ending in a linear
            layer.
        likelihood: `"squared_error"` as in the paper, `"bernoulli"`, `"gaussian"`, or a
            `tfae.losses.Likelihood`.
        penalty: Weight of the discrepancy, zero or more.
        prior: A name in `tfae.priors.PRIORS`, or a `tfae.priors.Prior`. It needs no density, and
            must not be a learned one.
        seed: Integer that determines the draws and the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the networks do not fit together or do not fit the prior, or `penalty` is out
            of range.

    Reference:
        Tolstikhin et al., "Wasserstein Auto-Encoders", 2018.
    """

    loss_names = ("reconstruction_loss", "mmd_loss")
    attribute_checks: ClassVar[dict[str, Callable]] = {
        "penalty": checked_by(non_negative, "penalty")
    }

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        likelihood: str | Likelihood = "bernoulli",
        penalty: float = 10.0,
        prior: str | priors.Prior = "gaussian",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood=likelihood, seed=seed, **kwargs)
        self.penalty = penalty
        self.prior = priors.get_fixed(prior)
        self.training_seeds = keras.random.SeedGenerator(self.seed)
        self.evaluation_seeds = keras.random.SeedGenerator(self.seed + 1)
        self._build_if_possible()

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        code = self.encode_batch(batch, training)["code"]
        output = self._decoder_output(batch._replace(x=code), training)
        reconstruction = self.reconstruction_loss(batch, output)
        seeds = self.training_seeds if training else self.evaluation_seeds
        discrepancy = self._discrepancy(at_least_float32(code), seeds.next())
        return {
            "reconstruction_loss": reconstruction,
            "mmd_loss": tf.fill(tf.shape(reconstruction), discrepancy),
        }

    def _discrepancy(self, code: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns the squared MMD between the prior and the codes of all replicas."""
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            code = context.all_gather(code, axis=0)
        n = tf.shape(code)[0]
        drawn = tf.cast(self.prior.sample(n, tf.cast(seed, tf.int64)), code.dtype)
        scales = [2.0 * self.latent_dim * factor for factor in _SCALES]
        kernel = functools.partial(inverse_multiquadratic_kernel, scales=scales)
        # A single code has no distance to another.
        return tf.where(n > 1, squared_mmd(code, drawn, kernel), tf.zeros((), code.dtype))

    def term_weights(self) -> dict[str, tf.Tensor | float]:
        return {"mmd_loss": self.penalty}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "penalty": self.penalty,
            "prior": keras.saving.serialize_keras_object(self.prior),
        }
