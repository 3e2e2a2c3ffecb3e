"""The importance-weighted autoencoder."""

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from tfae import priors
from tfae.bases.gaussian_posterior import GaussianPosterior
from tfae.batches.batch import Batch
from tfae.losses.likelihoods import Likelihood, at_least_float32

__all__ = ["ImportanceWeightedAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class ImportanceWeightedAutoencoder(GaussianPosterior):
    """A variational autoencoder that maximises a tighter lower bound of log p(x) than the ELBO.

    It draws `num_samples` codes from q(z | x), each with the weight p(x, z) / q(z | x); the bound
    is the logarithm of the mean weight. With one sample it is the ELBO; more samples bring it
    closer to log p(x). In the logs `reconstruction_loss` and `kl_loss` add up to the negative ELBO,
    and `importance_weighting_loss`, which is never positive, is the improvement over it.

    Example:
        ```python
        model = tfae.ImportanceWeightedAutoencoder.from_shape((28, 28, 1), 20, num_samples=50)
        model.compile()
        model.fit(images, epochs=10)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to two tensors `(batch, latent_dim)`, the
            mean and the log-variance.
        decoder: Keras model from codes to raw outputs of the data's shape, ending in a linear
            layer.
        likelihood: Name of one that is a density, such as `"bernoulli"`, `"gaussian"` or
            `"poisson"`, or a `tfae.losses.Likelihood`.
        num_samples: Number of posterior samples per example in the bound.
        doubly_reparameterized: Whether the encoder gets the doubly reparameterised gradient. It has
            the same expectation as the plain one and a lower variance, most of all with many
            samples, where the noise of the plain gradient hides its signal.
        prior: `"gaussian"` for N(0, I), `"learned_mixture"`, or a `tfae.priors.Prior` with a
            density.
        seed: Integer that determines the noise and the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the encoder does not have two heads of the same shape, a number is out of
            range, or the likelihood or the prior has no density.

    Reference:
        Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2016; Tucker et al.,
        "Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives", 2019.
    """

    loss_names = ("reconstruction_loss", "kl_loss", "importance_weighting_loss")

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        likelihood: str | Likelihood = "bernoulli",
        num_samples: int = 5,
        doubly_reparameterized: bool = False,
        prior: str | priors.Prior = "gaussian",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood=likelihood, seed=seed, **kwargs)
        self.prior = priors.get_density(prior)
        self.sample_posterior(num_samples)
        if not self.likelihood.is_density:
            raise ValueError(
                f"Importance weights need a likelihood that is a density; {self.likelihood.name!r} "
                "is not one. Use likelihood='gaussian'."
            )
        self.doubly_reparameterized = doubly_reparameterized
        self._build_if_possible()

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        encoded = self._encoder_output(batch, training)
        z, _ = self.sampling(*encoded, training=training)
        z = z if self.num_samples > 1 else z[None]
        mean, log_variance = map(at_least_float32, encoded)
        if self.doubly_reparameterized:
            # The density of q then depends on the encoder through z alone.
            mean, log_variance = tf.stop_gradient(mean), tf.stop_gradient(log_variance)
            z, set_factor = _with_scaled_gradient(z)
        output = self._decode_samples(z, batch, training)
        reconstruction = self.reconstruction_loss(batch, output)
        log_ratio = tf.cast(self.log_ratio(z, mean, log_variance), reconstruction.dtype)
        log_weight = -reconstruction - log_ratio
        if self.doubly_reparameterized:
            set_factor(tf.nn.softmax(log_weight, axis=0)[..., None])
        bound = tf.reduce_logsumexp(log_weight, axis=0) - math.log(self.num_samples)
        # Only the bound has a gradient; the ELBO's two terms are for the logs.
        reconstruction = tf.stop_gradient(tf.reduce_mean(reconstruction, axis=0))
        kl = tf.stop_gradient(tf.reduce_mean(log_ratio, axis=0))
        return {
            "reconstruction_loss": reconstruction,
            "kl_loss": kl,
            "importance_weighting_loss": -bound - reconstruction - kl,
        }

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_samples": self.num_samples,
            "doubly_reparameterized": self.doubly_reparameterized,
            "prior": keras.saving.serialize_keras_object(self.prior),
        }


def _with_scaled_gradient(z: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], None]]:
    """Returns `z`, and a function that sets the factor by which its gradient is multiplied.

    The gradient through a sample must be scaled by the sample's weight, which is known only after
    decoding. The gradient of the decoder's variables is not scaled.
    """
    factors: list[tf.Tensor] = []

    @tf.custom_gradient
    def scaled(z: tf.Tensor) -> tuple:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return upstream * tf.cast(tf.stop_gradient(factors[0]), upstream.dtype)

        return tf.identity(z), gradient

    return scaled(z), factors.append
