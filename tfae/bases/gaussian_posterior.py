"""The base class of the variational models, whose encoder gives a Gaussian over codes."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfae import priors
from tfae.arguments import whole_number
from tfae.bases import imputation
from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.bases.importance_sampling import resampled, weighted_mean
from tfae.batches.batch import Batch
from tfae.batches.elements import is_observed
from tfae.layers import GaussianSampling
from tfae.layers.seeds import random_seed
from tfae.losses.divergence import (
    free_bits,
    gaussian_entropy,
    gaussian_kl,
    gaussian_kl_per_dimension,
    gaussian_log_density,
)
from tfae.losses.likelihoods import at_least_float32


class GaussianPosterior(EncoderDecoder):
    """An encoder-decoder model with q(z | x) = N(mean, exp(log_variance)).

    It provides the posterior of a batch, samples from it, the log ratio of q(z | x) and p(z), the
    two terms of the negative ELBO, and the estimate of log p(x).

    A variant's constructor sets `prior` and calls `sample_posterior`.

    Attributes:
        encoder: Maps data `(batch, ...)` to two tensors `(batch, latent_dim)`, the mean and the
            log-variance.
        prior: The `tfae.priors.Prior` p(z).
        num_samples: Number of posterior samples per example.
    """

    _variational = True
    weighs_codes = True

    def sample_posterior(self, num_samples: int = 1) -> None:
        """Sets the number of samples from q(z | x) per example.

        Raises:
            ValueError: If it is not an integer of at least 1.
        """
        num_samples = whole_number("num_samples", num_samples, 1)
        self.sampling = GaussianSampling(
            num_samples if num_samples > 1 else None, seed=self.seed, name="sampling"
        )

    @property
    def num_samples(self) -> int:
        """Number of posterior samples an example."""
        return self.sampling.num_samples or 1

    @num_samples.setter
    def num_samples(self, value: int) -> None:
        value = whole_number("num_samples", value, 1)
        self.sampling.num_samples = value if value > 1 else None

    def _checked_code(self, encoded: Any) -> keras.KerasTensor:
        shapes = [tuple(t.shape) for t in encoded] if isinstance(encoded, list | tuple) else None
        if shapes is None or len(shapes) != 2 or shapes[0] != shapes[1]:
            given = shapes or (
                f"a {type(encoded).__name__}"
                if isinstance(encoded, dict)
                else f"one tensor {tuple(encoded.shape)}"
            )
            raise ValueError(
                "`encoder` of a variational model must have two heads of the same shape, "
                f"(mean, log_variance); it gives {given}. End it in two Dense(latent_dim) layers: "
                "keras.Model(x, [mean, log_variance])."
            )
        return encoded[0]

    # ------------------------------------------------------------------ in graphs

    def encode_batch(self, batch: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        mean, log_variance = self._encoder_output(batch, training)
        return {"code": mean, "log_variance": log_variance}

    def negative_elbo(
        self, batch: Batch, training: bool, min_kl: float = 0.0
    ) -> dict[str, tf.Tensor]:
        """Returns the two terms of the negative ELBO, averaged over samples from q(z | x).

        Args:
            batch: Data and targets.
            training: Whether this is a train step.
            min_kl: Floor in nats under each dimension's KL; see `tfae.losses.free_bits`. If the KL
                is not a sum over dimensions, the floor under the whole KL is
                `min_kl * latent_dim`.

        Returns:
            "reconstruction_loss" and "kl_loss", `(batch,)` in nats.
        """
        mean, log_variance = self._encoder_output(batch, training)
        z, kl = self.sampling(mean, log_variance, training=training)
        output = self._decode_samples(z, batch, training)
        reconstruction = self.reconstruction_loss(batch, output)
        mean, log_variance = at_least_float32(mean), at_least_float32(log_variance)
        if not self._kl_is_closed_form:
            kl = self.log_ratio(z, mean, log_variance)
        if self.num_samples > 1:
            reconstruction = tf.reduce_mean(reconstruction, axis=0)
            kl = kl if self._kl_is_closed_form else tf.reduce_mean(kl, axis=0)
        if min_kl and self._kl_is_closed_form:
            kl = free_bits(gaussian_kl_per_dimension(mean, log_variance), min_kl)
        elif min_kl:
            kl = free_bits(kl[:, None], min_kl * self.latent_dim)
        return {"reconstruction_loss": reconstruction, "kl_loss": kl}

    @property
    def _kl_is_closed_form(self) -> bool:
        return type(self.prior) is priors.Gaussian

    def log_ratio(
        self,
        z: tf.Tensor,
        mean: tf.Tensor,
        log_variance: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """log q(z | x) - log p(z) for codes `(batch, d)` or `(samples, batch, d)`, in nats.

        A hierarchical model samples its further latent layers with `seed`; others ignore it.
        """
        z = tf.cast(z, mean.dtype)
        return gaussian_log_density(z, mean, log_variance) - self.prior.log_density(z)

    def expected_log_ratio(self, mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
        """E_q[log q(z | x) - log p(z)], `(batch,)` in nats: the KL to the prior, not sampled."""
        expected = self.prior.expected_log_density(mean, log_variance)
        return -gaussian_entropy(log_variance) - expected

    def anomaly_score_batch(self, batch: Batch) -> tf.Tensor:
        mean, log_variance = self._encoder_output(batch)
        output = self._decoder_output(batch._replace(x=mean))
        loss = self.reconstruction_loss(batch, output)
        mean, log_variance = tf.cast(mean, loss.dtype), tf.cast(log_variance, loss.dtype)
        if self._kl_is_closed_form:
            return loss + gaussian_kl(mean, log_variance)
        return loss + self.expected_log_ratio(mean, log_variance)

    def score_formula(self) -> list[dict[str, Any]] | None:
        reconstruction = super().score_formula()
        if reconstruction is None or not self._kl_is_closed_form:
            return None
        return [*reconstruction, {"term": "gaussian_kl"}]

    def _decode_samples(self, z: tf.Tensor, batch: Batch, training: bool) -> tf.Tensor:
        """Decodes `(batch, d)` or `(samples, batch, d)`; leading axes are kept."""
        if z.shape.rank == 2:
            return self._decoder_output(batch._replace(x=z), training)
        leading = tf.shape(z)[:-1]
        label = None if batch.label is None else tf.tile(batch.label, leading[:1])
        codes = Batch(tf.reshape(z, [-1, z.shape[-1]]), label=label)
        output = self._decoder_output(codes, training)
        return tf.reshape(output, tf.concat([leading, tf.shape(output)[1:]], axis=0))

    # ------------------------------------------------------------------ arrays in, arrays out

    def log_likelihood(
        self, x: Any, num_samples: int = 100, seed: int | None = None, batch_size: int = 256
    ) -> np.ndarray:
        """Estimates log p(x) by importance sampling from q(z | x).

        In expectation the estimate is a lower bound of log p(x), which gets tighter with more
        samples; with one sample it is the ELBO.

        Args:
            x: Array `(n, ...)` or batched dataset.
            num_samples: Number of posterior samples per example, at least 1.
            seed: Integer seed of the noise; `None` draws one.
            batch_size: Examples at a time, for arrays.

        Returns:
            Log-likelihoods `(n,)` in nats.

        Raises:
            ValueError: If the likelihood is not a density.

        Reference:
            Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2016.
        """
        if not self.likelihood.is_density:
            raise ValueError(
                f"log_likelihood needs a likelihood that is a density; {self.likelihood.name!r} is "
                "not one. Use likelihood='gaussian'."
            )
        num_samples = whole_number("num_samples", num_samples, 1)
        checked = self._checked(x, as_target=True)
        seed = random_seed() if seed is None else seed

        def extra(batch_index: int) -> tuple[tf.Tensor, tf.Tensor]:
            # Draws are numbered across batches, so each gets another seed.
            first_draw = tf.constant([seed, batch_index * num_samples], tf.int64)
            return tf.constant(num_samples), first_draw

        return self._map_batches(
            "log_likelihood", self._log_mean_weight, checked, batch_size, extra
        )

    def _weighted_draw(
        self, batch: Batch, mean: tf.Tensor, log_variance: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Draws a code from q(z | x) for each example.

        Returns:
            The codes, the decoder's output at them, and the log weights `(batch,)`,
            log p(x | z) + log p(z) - log q(z | x), in which only what is observed of x counts.
        """
        noise = tf.random.stateless_normal(tf.shape(mean), seed, dtype=mean.dtype, alg="philox")
        z = mean + tf.exp(0.5 * log_variance) * noise
        output = self._decoder_output(batch._replace(x=z))
        loss = self.reconstruction_loss(batch, output)
        return z, output, -loss - self.log_ratio(z, mean, log_variance, seed)

    def impute_batch(
        self,
        batch: Batch,
        num_samples: tf.Tensor,
        seed: tf.Tensor,
        num_imputations: int | None = None,
    ) -> tf.Tensor:
        mean, log_variance = map(at_least_float32, self._encoder_output(batch))

        def draw(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            z, output, log_weight = self._weighted_draw(batch, mean, log_variance, seed)
            return z, at_least_float32(self._mean_of_output(output)), log_weight

        if num_imputations is None:
            return imputation.filled(batch, weighted_mean(draw, num_samples, seed))
        of_codes, of_data = tf.unstack(tf.random.split(seed, 2, alg="philox"))
        codes = resampled(draw, num_samples, num_imputations, of_codes)
        return imputation.filled_with_draws(self, batch, codes, of_data)

    def _log_mean_weight(
        self, batch: Batch, num_samples: tf.Tensor, first_draw: tf.Tensor
    ) -> tf.Tensor:
        """The log of the mean importance weight; samples one at a time to bound memory."""
        mean, log_variance = map(at_least_float32, self._encoder_output(batch))

        def add_sample(i: tf.Tensor, log_sum: tf.Tensor) -> tuple:
            seed = first_draw + tf.stack([tf.zeros((), tf.int64), tf.cast(i, tf.int64)])
            *_, log_weight = self._weighted_draw(batch, mean, log_variance, seed)
            return i + 1, tf.reduce_logsumexp(tf.stack([log_sum, log_weight]), axis=0)

        start = tf.fill([tf.shape(mean)[0]], tf.constant(-math.inf, mean.dtype))
        _, log_sum = tf.while_loop(
            lambda i, _: i < num_samples,
            add_sample,
            [tf.constant(0), start],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
        )
        log_mean = log_sum - tf.math.log(tf.cast(num_samples, mean.dtype))
        if self.scaling is None:
            return log_mean
        observed = None if self.missing is None else is_observed(batch.x, batch.mask)
        return log_mean + tf.cast(self.scaling.log_volume(batch.x, observed), mean.dtype)
