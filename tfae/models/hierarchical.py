"""The variational autoencoder with two stochastic layers."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from tfae.bases.gaussian_posterior import GaussianPosterior
from tfae.batches.batch import Batch
from tfae.layers import GaussianSampling
from tfae.losses.divergence import (
    expected_gaussian_log_density,
    gaussian_entropy,
    gaussian_kl,
    gaussian_log_density,
)
from tfae.losses.likelihoods import Likelihood, at_least_float32
from tfae.networks import mlp
from tfae.networks.layers import for_further_network
from tfae.priors import Prior
from tfae.training.loss_weight import LossWeight

__all__ = ["HierarchicalVariationalAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class HierarchicalVariationalAutoencoder(GaussianPosterior):
    """A variational autoencoder with two stochastic layers: the code z1 has its own code z2.

    Generation goes from the top down: z2 ~ N(0, I), then z1 ~ p(z1 | z2), then x ~ p(x | z1).
    Encoding goes up: q(z1 | x), then q(z2 | z1). The distributions of z1 and z2 are diagonal
    Gaussians whose parameters are outputs of networks. So the prior of z1 is learned and can have
    any shape. The loss is `reconstruction_loss + beta * kl_loss`, where the KL covers both layers:
    log q(z1 | x) - log p(z1 | z2) at the samples, plus the KL of q(z2 | z1) to N(0, I), which is
    also logged as `top_kl_loss`.

    `encode` gives the mean of q(z1 | x); `top_encoder` is the network of q(z2 | z1).

    Example:
        ```python
        model = tfae.HierarchicalVariationalAutoencoder.from_shape((28, 28, 1), 32)
        model.compile()
        model.fit(images, epochs=10)
        new_images = model.generate(16, seed=1)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to two tensors `(batch, latent_dim)`, the mean
            and log-variance of q(z1 | x).
        decoder: Keras model from z1 to raw outputs of the data's shape, ending in a linear layer.
        top_encoder: Keras model from z1 `(batch, latent_dim)` to mean and log-variance
            `(batch, top_latent_dim)` of q(z2 | z1).
        top_decoder: Keras model from z2 to mean and log-variance `(batch, latent_dim)` of
            p(z1 | z2).
        likelihood: Name of one, such as `"bernoulli"`, `"gaussian"` or `"poisson"`, or a
            `tfae.losses.Likelihood`.
        beta: Weight of the KL, zero or more, or a schedule over train steps; two stochastic layers
            train best with a warm-up.
        seed: Integer that determines the noise and the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the networks do not fit together, or `beta` is out of range.

    Reference:
        Rezende, Mohamed and Wierstra, "Stochastic Backpropagation and Approximate Inference in
        Deep Generative Models", 2014; Soenderby et al., "Ladder Variational Autoencoders", 2016.
    """

    loss_names = ("reconstruction_loss", "kl_loss")
    monitor_names = ("top_kl_loss",)
    network_names = (*GaussianPosterior.network_names, "top_encoder", "top_decoder")
    beta = LossWeight()

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        top_encoder: keras.Model,
        top_decoder: keras.Model,
        likelihood: str | Likelihood = "bernoulli",
        beta: float | LearningRateSchedule = 1.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood=likelihood, seed=seed, **kwargs)
        self.prior = _Ancestral(top_encoder, top_decoder)
        self.sample_posterior()
        self.beta = beta
        self.top_encoder = top_encoder
        self.top_decoder = top_decoder
        self.top_sampling = GaussianSampling(seed=self.seed + 2, name="top_sampling")
        self._build_if_possible()

    @classmethod
    def _networks(
        cls,
        build: Callable,
        input_shape: Sequence[int],
        latent_dim: int,
        *,
        top_latent_dim: int = 8,
        top_hidden_units: Sequence[int] = (64,),
    ) -> tuple[keras.Model, ...]:
        """Builds the networks of both layers, for `from_shape`.

        Args:
            build: Builds encoder and decoder.
            input_shape: Shape of one example.
            latent_dim: Size of z1.
            top_latent_dim: Size of z2.
            top_hidden_units: Widths of the hidden layers between z1 and z2.
        """
        options = {"variational": True, "hidden_units": top_hidden_units}
        top_encoder, _ = mlp(
            (latent_dim,), top_latent_dim, **options, **for_further_network(build, 1)
        )
        top_decoder, _ = mlp(
            (top_latent_dim,), latent_dim, **options, **for_further_network(build, 2)
        )
        top_encoder.name, top_decoder.name = "top_encoder", "top_decoder"
        return *build(input_shape, latent_dim), top_encoder, top_decoder

    @property
    def num_samples(self) -> int:
        """Always 1: one sample of each layer an example."""
        return 1

    def _check_networks(self, input_shape: Sequence[int | None]) -> None:
        super()._check_networks(input_shape)
        code = (None, self.latent_dim)
        top = _heads(self.top_encoder, code)
        if len(top) != 2 or top[0] != top[1] or _heads(self.top_decoder, top[0]) != [code, code]:
            raise ValueError(
                f"`top_encoder` must map codes of shape {code} to a mean and a log-variance of the "
                f"same shape, and `top_decoder` must map a code of that shape to a mean and a "
                f"log-variance of shape {code}; `top_encoder` gives {top}."
            )

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        mean, log_variance = self._encoder_output(batch, training)
        z, _ = self.sampling(mean, log_variance, training=training)
        top_z, top_kl = self.top_sampling(
            *self.top_encoder(z, training=training), training=training
        )
        output = self._decoder_output(batch._replace(x=z), training)
        prior_parameters = self.top_decoder(top_z, training=training)
        log_ratio = _log_density(z, mean, log_variance) - _log_density(z, *prior_parameters)
        top_kl = tf.cast(top_kl, log_ratio.dtype)
        return {
            "reconstruction_loss": self.reconstruction_loss(batch, output),
            "kl_loss": log_ratio + top_kl,
            "top_kl_loss": top_kl,
        }

    def term_weights(self) -> dict[str, tf.Tensor | float]:
        return {"kl_loss": type(self).beta.tensor(self)}

    def log_ratio(
        self,
        z: tf.Tensor,
        mean: tf.Tensor,
        log_variance: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """log of q(z1 | x) q(z2 | z1) / (p(z1 | z2) p(z2)), with z2 drawn with `seed`."""
        top_mean, top_log_variance = _cast(mean.dtype, *self.top_encoder(z, training=False))
        noise = tf.random.stateless_normal(
            tf.shape(top_mean),
            tf.random.fold_in(seed, 1, alg="philox"),
            dtype=top_mean.dtype,
            alg="philox",
        )
        top_z = top_mean + tf.exp(0.5 * top_log_variance) * noise
        top_log_ratio = _log_density(top_z, top_mean, top_log_variance)
        top_log_ratio -= gaussian_log_density(top_z, 0.0, 0.0)
        prior_parameters = self.top_decoder(top_z, training=False)
        log_ratio = _log_density(z, mean, log_variance) - _log_density(z, *prior_parameters)
        return log_ratio + top_log_ratio

    def expected_log_ratio(self, mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
        """KL(q(z1 | x) || p(z1 | z2)) + KL(q(z2 | z1) || p(z2)), at the means of z2 and of z1."""
        top_mean, top_log_variance = _cast(mean.dtype, *self.top_encoder(mean, training=False))
        prior_parameters = _cast(mean.dtype, *self.top_decoder(top_mean, training=False))
        expected = expected_gaussian_log_density(mean, log_variance, *prior_parameters)
        return gaussian_kl(top_mean, top_log_variance) - gaussian_entropy(log_variance) - expected

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "beta": type(self).beta.config(self),
            "top_encoder": keras.saving.serialize_keras_object(self.top_encoder),
            "top_decoder": keras.saving.serialize_keras_object(self.top_decoder),
        }


class _Ancestral(Prior):
    """p(z1), the average of p(z1 | z2) over z2 ~ N(0, I); it can be sampled, but has no density."""

    is_density = False

    def __init__(self, top_encoder: keras.Model, top_decoder: keras.Model):
        super().__init__()
        # In a function, since Keras would otherwise save the networks with the prior, too.
        self._networks = lambda: (top_encoder, top_decoder)

    def get_config(self) -> dict:
        return {}  # the model creates it

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        del label
        top_encoder, top_decoder = self._networks()
        top_latent_dim = top_encoder.output_shape[0][-1]
        top_seed, code_seed = tf.unstack(tf.random.split(seed, 2, alg="philox"))
        top_z = tf.random.stateless_normal([n, top_latent_dim], top_seed, alg="philox")
        mean, log_variance = top_decoder(top_z, training=False)
        noise = tf.random.stateless_normal([n, self.latent_dim], code_seed, alg="philox")
        return mean + tf.exp(0.5 * log_variance) * noise


def _heads(network: keras.Model, shape: tuple[int | None, ...]) -> list[tuple[int | None, ...]]:
    return [tuple(t.shape) for t in keras.tree.flatten(network(keras.KerasTensor(shape)))]


def _log_density(z: tf.Tensor, mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    z = at_least_float32(z)
    return gaussian_log_density(z, *_cast(z.dtype, mean, log_variance))


def _cast(dtype: tf.DType, *tensors: tf.Tensor) -> list[tf.Tensor]:
    """Casts the networks' outputs, whose dtype may differ from the code's."""
    return [tf.cast(tensor, dtype) for tensor in tensors]
