"""The variational autoencoder."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from tfae import priors
from tfae.arguments import is_number, non_negative, whole_number
from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.batches.batch import Batch
from tfae.layers import GaussianSampling
from tfae.layers.seeds import random_seed
from tfae.losses.divergence import (
    free_bits,
    gaussian_kl,
    gaussian_kl_per_dimension,
    gaussian_log_density,
)
from tfae.losses.likelihoods import Likelihood, at_least_float32

__all__ = ["VariationalAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class VariationalAutoencoder(EncoderDecoder):
    """A generative model with an approximate posterior: maximises the ELBO.

    The encoder gives the mean and the log-variance of q(z | x); training samples z, decodes it, and
    minimises `reconstruction_loss + beta * kl_loss`, where the KL is taken to N(0, I). Sampling and
    KL are one compiled op. To any other prior, whose KL has no closed form, it is estimated at the
    samples: log q(z | x) - log p(z).

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
        likelihood: `"bernoulli"`, `"gaussian"`, `"squared_error"`, or a `tfae.losses.Likelihood`.
        beta: Weight of the KL, zero or more (Higgins et al., 2017, for other values than 1), or a
            schedule of the train step such as `tfae.losses.LinearWarmUp`. Evaluation uses the
            value that training has reached.
        num_samples: Number of posterior samples an example, averaged in the loss.
        free_bits: Floor in nats under each dimension's KL, averaged over the batch, in the
            training and validation loss; zero for the plain KL. See `tfae.losses.free_bits`. With
            another prior than N(0, I) the KL is no sum over dimensions, and `free_bits *
            latent_dim` is the floor under the whole of it.
        prior: `"gaussian"` for N(0, I), `"learned_mixture"`, or a `tfae.priors.Prior` whose
            density is positive everywhere, such as `tfae.priors.VampPrior(500)`. It is trained
            with the model.
        seed: Integer from which the noise and the order of the data follow; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the encoder has no two heads of one shape, a number is out of range, or the
            prior has no such density.

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.
    """

    loss_names = ("reconstruction_loss", "kl_loss")
    _variational = True

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
        num_samples = whole_number("num_samples", num_samples, 1)
        self._beta_value = self.add_weight(
            name="beta", shape=(), initializer="ones", trainable=False, dtype="float32"
        )
        self.beta = beta
        self.num_samples = num_samples
        self.free_bits = non_negative("free_bits", free_bits)
        self.prior = priors.get(prior)
        if not self.prior.is_density or self.prior.is_bounded:
            problem = "that of {} is not" if self.prior.is_density else "{} has none"
            raise ValueError(
                "`prior` must have a density that is positive everywhere, for the KL to it; "
                f"{problem.format(type(self.prior).__name__)}. An AdversarialAutoencoder or a "
                "WassersteinAutoencoder takes it."
            )
        self.sampling = GaussianSampling(
            num_samples if num_samples > 1 else None, seed=self.seed, name="sampling"
        )
        self._build_if_possible()

    @property
    def beta(self) -> float | LearningRateSchedule:
        """Weight of the KL; a number set between epochs or batches holds from the next step on."""
        if self._beta_schedule is not None:
            return self._beta_schedule
        return round(float(self._beta_value), 7)

    @beta.setter
    def beta(self, beta: float | LearningRateSchedule) -> None:
        is_schedule = isinstance(beta, LearningRateSchedule)
        if not is_schedule and not (is_number(beta) and beta >= 0):
            raise ValueError(
                "`beta` must be a number of zero or more, or a schedule such as "
                f"tfae.losses.LinearWarmUp; received {beta!r}."
            )
        if is_schedule or getattr(self, "_beta_schedule", None) is not None:
            self.train_function = self.test_function = None  # they have the old one built in
        self._beta_schedule = beta if is_schedule else None
        if not is_schedule:
            self._beta_value.assign(beta)

    def _checked_code(self, encoded: Any) -> keras.KerasTensor:
        shapes = [tuple(t.shape) for t in encoded] if isinstance(encoded, list | tuple) else None
        if shapes is None or len(shapes) != 2 or shapes[0] != shapes[1]:
            given = shapes if shapes is not None else f"one tensor {tuple(encoded.shape)}"
            raise ValueError(
                "`encoder` of a variational model must have two heads of one shape, "
                f"(mean, log_variance); it gives {given}. End it in two Dense(latent_dim) layers: "
                "keras.Model(x, [mean, log_variance])."
            )
        if len(shapes[0]) != 2:
            raise ValueError(
                "`encoder` of a variational model must give codes of shape (batch, latent_dim); "
                f"it gives {shapes[0]}. Flatten the features before the two heads."
            )
        return encoded[0]

    # ------------------------------------------------------------------ in the graph

    def code(
        self, x: tf.Tensor, label: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        mean, _ = self._encoded(x, label, training)
        return mean

    def encoding(self, x: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        mean, log_variance = self._encoded(x, label, training=False)
        return {"code": mean, "log_variance": log_variance}

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        mean, log_variance = self._encoded(batch.x, batch.label, training)
        z, kl = self.sampling(mean, log_variance, training=training)
        output = self._decode_samples(z, batch.label, training)
        reconstruction = self.likelihood.loss(batch.target, output)
        if self.num_samples > 1:
            reconstruction = tf.reduce_mean(reconstruction, axis=0)
        mean, log_variance = at_least_float32(mean), at_least_float32(log_variance)
        if not self._kl_is_closed_form:
            kl = self._log_ratio(z, mean, log_variance)
            if self.num_samples > 1:
                kl = tf.reduce_mean(kl, axis=0)
        if self.free_bits:
            if self._kl_is_closed_form:
                kl = free_bits(gaussian_kl_per_dimension(mean, log_variance), self.free_bits)
            else:
                kl = free_bits(kl[:, None], self.free_bits * self.latent_dim)
        return {"reconstruction_loss": reconstruction, "kl_loss": kl}

    @property
    def _kl_is_closed_form(self) -> bool:
        return type(self.prior) is priors.Gaussian

    def _log_ratio(
        self,
        z: tf.Tensor,
        mean: tf.Tensor,
        log_variance: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """log q(z | x) - log p(z) of codes `(batch, d)` or `(samples, batch, d)`, nats.

        A model with further hidden layers draws them with `seed`, or takes their means.
        """
        z = tf.cast(z, mean.dtype)
        return gaussian_log_density(z, mean, log_variance) - self.prior.log_density(z)

    def term_weights(self) -> dict[str, tf.Tensor | float]:
        if self._beta_schedule is None:
            return {"kl_loss": tf.convert_to_tensor(self._beta_value)}
        step = self.optimizer.iterations if self.optimizer is not None else 0
        return {"kl_loss": self._beta_schedule(step)}

    def score(self, x: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        mean, log_variance = self._encoded(x, label, training=False)
        loss = self.likelihood.loss(x, self._output(mean, label, training=False))
        mean, log_variance = tf.cast(mean, loss.dtype), tf.cast(log_variance, loss.dtype)
        if self._kl_is_closed_form:
            return loss + gaussian_kl(mean, log_variance)
        return loss + self._log_ratio(mean, mean, log_variance)

    def score_formula(self) -> list[dict[str, Any]] | None:
        reconstruction = super().score_formula()
        if reconstruction is None or not self._kl_is_closed_form:
            return None
        return [*reconstruction, {"term": "gaussian_kl"}]

    def _decode_samples(self, z: tf.Tensor, label: tf.Tensor | None, training: bool) -> tf.Tensor:
        """Decodes `(batch, d)` or `(samples, batch, d)`; leading axes are kept."""
        if z.shape.rank == 2:
            return self._output(z, label, training)
        leading = tf.shape(z)[:-1]
        if label is not None:
            label = tf.tile(label, leading[:1])
        output = self._output(tf.reshape(z, [-1, z.shape[-1]]), label, training)
        return tf.reshape(output, tf.concat([leading, tf.shape(output)[1:]], axis=0))

    # ------------------------------------------------------------------ arrays in, arrays out

    def log_likelihood(
        self, x: Any, num_samples: int = 100, seed: int | None = None, batch_size: int = 256
    ) -> np.ndarray:
        """Estimates log p(x) by importance sampling from q(z | x).

        The estimate is a lower bound in expectation, and rises towards log p(x) with
        `num_samples`; with one sample it is the ELBO.

        Args:
            x: Array `(n, ...)` or batched dataset.
            num_samples: Number of posterior samples an example, at least 1.
            seed: Integer of the noise; `None` draws one.
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
                "a plain error. Use likelihood='gaussian'."
            )
        num_samples = whole_number("num_samples", num_samples, 1)
        checked = self._checked(x, as_target=True)
        seed = random_seed() if seed is None else seed

        def extra(batch_index: int) -> tuple[tf.Tensor, tf.Tensor]:
            # The draws of a batch are counted on from those of the batches before it.
            first_draw = tf.constant([seed, batch_index * num_samples], tf.int64)
            return tf.constant(num_samples), first_draw

        return self._map("log_likelihood", self._importance_weighted, checked, batch_size, extra)

    def _importance_weighted(self, x: tf.Tensor, *rest: tf.Tensor) -> tf.Tensor:
        """log of the mean importance weight, one sample at a time to bound the memory."""
        *label, num_samples, first_draw = rest
        label = label[0] if label else None
        encoded = self._encoded(x, label, training=False)
        mean, log_variance = map(at_least_float32, encoded)

        def add_sample(i: tf.Tensor, log_sum: tf.Tensor) -> tuple:
            seed = first_draw + tf.stack([tf.zeros((), tf.int64), tf.cast(i, tf.int64)])
            noise = tf.random.stateless_normal(tf.shape(mean), seed, dtype=mean.dtype, alg="philox")
            z = mean + tf.exp(0.5 * log_variance) * noise
            loss = self.likelihood.loss(x, self._output(z, label, training=False))
            log_weight = -loss - self._log_ratio(z, mean, log_variance, seed)
            return i + 1, tf.reduce_logsumexp(tf.stack([log_sum, log_weight]), axis=0)

        start = tf.fill([tf.shape(mean)[0]], tf.constant(-math.inf, mean.dtype))
        _, log_sum = tf.while_loop(
            lambda i, _: i < num_samples,
            add_sample,
            [tf.constant(0), start],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
        )
        return log_sum - tf.math.log(tf.cast(num_samples, mean.dtype))

    def get_config(self) -> dict:
        beta = self.beta
        if isinstance(beta, LearningRateSchedule):
            beta = keras.saving.serialize_keras_object(beta)
        return {
            **super().get_config(),
            "beta": beta,
            "num_samples": self.num_samples,
            "free_bits": self.free_bits,
            "prior": keras.saving.serialize_keras_object(self.prior),
        }
