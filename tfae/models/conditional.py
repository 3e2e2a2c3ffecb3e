"""The conditional variational autoencoder."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from tfae import priors
from tfae.arguments import non_negative, whole_number
from tfae.attributes import checked_by
from tfae.bases.gaussian_posterior import GaussianPosterior
from tfae.batches.batch import Batch
from tfae.losses.likelihoods import Likelihood
from tfae.training.loss_weight import LossWeight

__all__ = ["ConditionalVariationalAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class ConditionalVariationalAutoencoder(GaussianPosterior):
    """A variational autoencoder of p(x | label), which generates examples of a given class.

    Both networks use the label, so the code only has to describe what the label does not. The
    decoder gets it as a one-hot vector beside the code. The encoder's input is the data plus a
    trained offset for each class, of the data's shape; in front of a dense layer this is equivalent
    to a one-hot vector beside the data.

    If the label is -1 or missing, the class is unknown: the one-hot vector and the offset are
    zero.

    Example:
        ```python
        model = tfae.ConditionalVariationalAutoencoder.from_shape((28, 28, 1), 20, num_classes=10)
        model.compile()
        model.fit({"x": images, "label": labels}, epochs=10)
        sevens = model.generate(16, seed=1, label=7)
        as_threes = model.decode(model.encode({"x": images, "label": labels}), label=3)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to two tensors `(batch, latent_dim)`, the
            mean and the log-variance.
        decoder: Keras model from codes followed by the one-hot label,
            `(batch, latent_dim + num_classes)`, to raw outputs of the data's shape, ending in a
            linear layer.
        num_classes: Number of classes; labels are 0 to `num_classes - 1`.
        likelihood: Name of one, such as `"bernoulli"`, `"gaussian"` or `"poisson"`, or a
            `tfae.losses.Likelihood`.
        beta: Weight of the KL, zero or more, or a schedule over train steps.
        num_samples: Number of posterior samples per example, averaged in the loss.
        free_bits: Floor in nats under each dimension's KL, averaged over the batch.
        prior: `"gaussian"` for N(0, I), `"learned_mixture"`, or a `tfae.priors.Prior` with a
            density; the same for every class.
        seed: Integer that determines the noise and the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the networks do not fit together, or a number is out of range.

    Reference:
        Sohn, Lee and Yan, "Learning Structured Output Representation using Deep Conditional
        Generative Models", 2015; Kingma et al., "Semi-supervised Learning with Deep Generative
        Models", 2014.
    """

    loss_names = ("reconstruction_loss", "kl_loss")
    beta = LossWeight()
    conditional = True
    attribute_checks: ClassVar[dict[str, Callable]] = {
        "free_bits": checked_by(non_negative, "free_bits")
    }

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        num_classes: int = 10,
        likelihood: str | Likelihood = "bernoulli",
        beta: float | LearningRateSchedule = 1.0,
        num_samples: int = 1,
        free_bits: float = 0.0,
        prior: str | priors.Prior = "gaussian",
        seed: int | None = None,
        **kwargs,
    ):
        self._num_classes = whole_number("num_classes", num_classes, 1)
        super().__init__(encoder, decoder, likelihood=likelihood, seed=seed, **kwargs)
        self.prior = priors.get_density(prior)
        self.sample_posterior(num_samples)
        self.beta = beta
        self.free_bits = free_bits
        self._build_if_possible()

    @property
    def num_classes(self) -> int:
        """Labels are 0 to `num_classes - 1`."""
        return self._num_classes

    @classmethod
    def _networks(
        cls,
        build: Callable,
        input_shape: Sequence[int],
        latent_dim: int,
        *,
        num_classes: int = 10,
    ) -> tuple[keras.Model, keras.Model]:
        encoder, _ = build(input_shape, latent_dim)
        _, decoder = build(input_shape, latent_dim + num_classes)
        return encoder, decoder

    def _check_networks(self, input_shape: Sequence[int | None]) -> None:
        super()._check_networks(input_shape)
        if not hasattr(self, "offsets"):
            self.offsets = self.add_weight(
                name="offsets", shape=(self.num_classes, *input_shape[1:]), initializer="zeros"
            )

    def _decoder_input_shape(self, code_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*code_shape[:-1], code_shape[-1] + self.num_classes)

    def _with_label(self, x: tf.Tensor, batch: Batch) -> tf.Tensor:
        offsets = tf.convert_to_tensor(self.offsets)
        one_hot = self._one_hot(batch, offsets.dtype)
        return tf.cast(x, offsets.dtype) + tf.tensordot(one_hot, offsets, axes=1)

    def _decoder_input(self, batch: Batch) -> tf.Tensor:
        return tf.concat([batch.x, self._one_hot(batch, batch.x.dtype)], axis=-1)

    def _one_hot(self, batch: Batch, dtype: tf.DType) -> tf.Tensor:
        """`(batch, num_classes)`; zeros where the class is unknown."""
        label = tf.fill(tf.shape(batch.x)[:1], -1) if batch.label is None else batch.label
        # Not `tf.one_hot`: int8 conversion gives its output another scale than the code.
        classes = tf.pad(tf.eye(self.num_classes, dtype=dtype), [[1, 0], [0, 0]])
        return tf.gather(classes, tf.cast(label, tf.int32) + 1)

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        return self.negative_elbo(batch, training, self.free_bits)

    def term_weights(self) -> dict[str, tf.Tensor | float]:
        return {"kl_loss": type(self).beta.tensor(self)}

    def _labels_to_generate(self, n: int, seed: int) -> tf.Tensor:
        return tf.constant(np.random.default_rng(seed).integers(self.num_classes, size=n), tf.int64)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "beta": type(self).beta.config(self),
            "num_samples": self.num_samples,
            "free_bits": self.free_bits,
            "prior": keras.saving.serialize_keras_object(self.prior),
        }
