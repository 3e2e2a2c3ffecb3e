"""The variational autoencoder."""

from collections.abc import Callable
from typing import ClassVar

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from tfae import priors
from tfae.arguments import non_negative
from tfae.attributes import checked_by
from tfae.bases.gaussian_posterior import GaussianPosterior
from tfae.batches.batch import Batch
from tfae.losses.likelihoods import Likelihood
from tfae.training.loss_weight import LossWeight

__all__ = ["VariationalAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class VariationalAutoencoder(GaussianPosterior):
    """A generative model with an approximate posterior: maximises the ELBO.

    The encoder gives the mean and the log-variance of q(z | x). Training samples z, decodes it, and
    minimises `reconstruction_loss + beta * kl_loss`, where the KL is to the prior N(0, I). Sampling
    and KL are one compiled op. For any other prior the KL has no closed form and is estimated from
    the samples as log q(z | x) - log p(z).

    Example:
        ```python
        model = tfae.VariationalAutoencoder.from_shape((28, 28, 1), latent_dim=20)
        model.compile()
        model.fit(images, epochs=10)
        new_images = model.generate(16, seed=1)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to two tensors `(batch, latent_dim)`, the
            mean and the log-variance.
        decoder: Keras model from codes to raw outputs of the data's shape, ending in a linear
            layer.
        likelihood: Name of one, such as `"bernoulli"`, `"gaussian"` or `"poisson"`, or a
            `tfae.losses.Likelihood`.
        beta: Weight of the KL, zero or more (Higgins et al., 2017, for other values than 1), or a
            schedule over train steps such as `tfae.losses.LinearWarmUp`. Evaluation uses the value
            that training has reached.
        num_samples: Number of posterior samples per example, averaged in the loss.
        free_bits: Floor in nats under each dimension's KL, averaged over the batch, in the
            training and validation loss; zero for the plain KL. See `tfae.losses.free_bits`. For
            another prior than N(0, I) the KL is not a sum over dimensions, and the floor under the
            whole KL is `free_bits * latent_dim`.
        prior: `"gaussian"` for N(0, I), `"learned_mixture"`, or a `tfae.priors.Prior` whose
            density is positive everywhere, such as `tfae.priors.VampPrior(500)`. Its weights are
            trained with the model.
        seed: Integer that determines the noise and the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the encoder does not have two heads of the same shape, a number is out of
            range, or the prior has no such density.

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.
    """

    loss_names = ("reconstruction_loss", "kl_loss")
    beta = LossWeight()
    attribute_checks: ClassVar[dict[str, Callable]] = {
        "free_bits": checked_by(non_negative, "free_bits")
    }

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        likelihood: str | Likelihood = "bernoulli",
        beta: float | LearningRateSchedule = 1.0,
        num_samples: int = 1,
        free_bits: float = 0.0,
        prior: str | priors.Prior = "gaussian",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood=likelihood, seed=seed, **kwargs)
        self.prior = priors.get_density(prior)
        self.sample_posterior(num_samples)
        self.beta = beta
        self.free_bits = free_bits
        self._build_if_possible()

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        return self.negative_elbo(batch, training, self.free_bits)

    def term_weights(self) -> dict[str, tf.Tensor | float]:
        return {"kl_loss": type(self).beta.tensor(self)}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "beta": type(self).beta.config(self),
            "num_samples": self.num_samples,
            "free_bits": self.free_bits,
            "prior": keras.saving.serialize_keras_object(self.prior),
        }
