"""The semi-supervised adversarial autoencoder, with a class in its code."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfae import priors
from tfae.arguments import non_negative
from tfae.attributes import checked_by
from tfae.internals import all_layers
from tfae.layers import ClassProbabilities
from tfae.losses.likelihoods import Likelihood
from tfae.models.adversarial import AdversarialAutoencoder
from tfae.networks.discriminator import discriminator as standard_discriminator
from tfae.networks.layers import for_further_network
from tfae.priors import ClassAndStyle, Prior
from tfae.training.players import Player

__all__ = ["SemiSupervisedAdversarialAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class SemiSupervisedAdversarialAutoencoder(AdversarialAutoencoder):
    """Separates class from style: classifies with few labels, and clusters without any.

    A code consists of class probabilities followed by a continuous style. One discriminator pushes
    the probabilities towards single, equally frequent classes, a second one pushes the style
    towards its prior. (In `from_shape`, `latent_dim` is the size of the style.) If labels are
    given, `fit({"x": x, "label": label})` with -1 where unknown, the encoder also learns to predict
    them. Without labels the classes are clusters.

    If few examples are labelled, their effect is small. Repeat the labelled examples until they
    make up a tenth of each batch or more.

    Example:
        ```python
        model = tfae.SemiSupervisedAdversarialAutoencoder.from_shape((28, 28, 1), latent_dim=10)
        model.compile()
        model.fit({"x": images, "label": labels_or_minus_one}, epochs=50)
        classes = model.predict_classes(test_images)
        threes = model.generate(16, seed=1, label=3)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to codes `(batch, num_classes + style)`,
            ending in `tfae.layers.ClassProbabilities(num_classes)`.
        decoder: Keras model from codes to raw outputs of the data's shape, ending in a linear
            layer.
        discriminator: Keras model from codes to logits `(batch, 2)`, high for draws from the prior:
            one judges the class, one the style.
        num_classes: Number of classes or clusters, at least 2.
        classification_weight: Weight of the cross-entropy of known labels, zero or more.
        prior: Prior of the style; as for `AdversarialAutoencoder`.
        likelihood: Name of one, such as `"bernoulli"`, `"gaussian"` or `"poisson"`, or a
            `tfae.losses.Likelihood`.
        gradient_penalty: As for `AdversarialAutoencoder`.
        seed: Integer that determines the noise and the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the networks do not fit together, or a number is out of range.

    Reference:
        Makhzani et al., "Adversarial Autoencoders", 2015, sections 5 and 6.
    """

    loss_names = (*AdversarialAutoencoder.loss_names, "classification_loss")
    architecture_defaults: ClassVar[dict[str, dict]] = {}
    attribute_checks: ClassVar[dict[str, Callable]] = {
        "classification_weight": checked_by(non_negative, "classification_weight")
    }

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        discriminator: keras.Model,
        num_classes: int = 10,
        classification_weight: float = 1.0,
        prior: str | Prior | Callable = "gaussian",
        likelihood: str | Likelihood = "bernoulli",
        gradient_penalty: float = 0.03,
        seed: int | None = None,
        **kwargs,
    ):
        classification_weight = non_negative("classification_weight", classification_weight)
        super().__init__(
            encoder,
            decoder,
            discriminator,
            prior=ClassAndStyle(num_classes, priors.get_fixed(prior)),
            likelihood=likelihood,
            gradient_penalty=gradient_penalty,
            seed=seed,
            **kwargs,
        )
        self.classification_weight = classification_weight

    @classmethod
    def _networks(
        cls,
        build: Callable,
        input_shape: Sequence[int],
        latent_dim: int,
        *,
        num_classes: int = 10,
        discriminator_units: Sequence[int] = (256, 256),
    ) -> tuple[keras.Model, keras.Model, keras.Model]:
        """Builds encoder and decoder, as in `EncoderDecoder`, and the discriminator.

        Args:
            build: Builds encoder and decoder.
            input_shape: Shape of one example.
            latent_dim: Size of the style.
            num_classes: Number of classes or clusters.
            discriminator_units: Widths of the hidden layers of both discriminators.
        """
        encoder, decoder = build(
            input_shape, num_classes + latent_dim, code_activation=ClassProbabilities(num_classes)
        )
        parts = [num_classes, latent_dim]
        return (
            encoder,
            decoder,
            standard_discriminator(parts, discriminator_units, **for_further_network(build)),
        )

    def _check_networks(self, input_shape: Sequence[int | None]) -> None:
        super()._check_networks(input_shape)
        for layer in all_layers(self.encoder):
            for part in (layer, getattr(layer, "activation", None)):
                if isinstance(part, ClassProbabilities) and part.num_classes != self.num_classes:
                    raise ValueError(
                        f"`encoder` gives probabilities of {part.num_classes} classes, but "
                        f"`num_classes` is {self.num_classes}; make the two equal."
                    )

    @property
    def _is_conditioned(self) -> bool:
        return False  # the class is in the code

    # ------------------------------------------------------------------ in the graph

    def _game(
        self, code: tf.Tensor, label: tf.Tensor | None, training: bool
    ) -> dict[str, tf.Tensor]:
        probabilities = code[:, : self.num_classes]
        terms = super()._game(code, label, training)
        return {**terms, "classification_loss": _cross_entropy(probabilities, label)}

    def term_weights(self) -> dict[str, tf.Tensor | float]:
        return {**super().term_weights(), "classification_loss": self.classification_weight}

    @property
    def _learning_rates(self) -> tuple[float, float, float]:
        return (1e-3, 3e-3, 1e-3)  # the generator also learns the labels

    def players(self) -> Sequence[Player]:
        *others, generator = super().players()
        return *others, generator._replace(terms=(*generator.terms, "classification_loss"))

    # ------------------------------------------------------------------ arrays in, arrays out

    def predict_classes(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Returns the most likely class, or the cluster, of each example.

        Args:
            x: Array `(n, ...)` or batched dataset.
            batch_size: Examples at a time, for arrays.

        Returns:
            int64 `(n,)`. The probabilities are `encode(x)[:, :num_classes]`.
        """
        return self.encode(x, batch_size)[:, : self.num_classes].argmax(axis=-1)

    # ------------------------------------------------------------------ serialisation

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "classification_weight": self.classification_weight,
            "prior": keras.saving.serialize_keras_object(self.prior.style),
        }


def _cross_entropy(probabilities: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
    """The negative log-probability of the label, `(batch,)`; zero where the label is unknown."""
    if label is None:
        return tf.zeros(tf.shape(probabilities)[:1])
    probability = tf.gather(probabilities, tf.maximum(label, 0), axis=1, batch_dims=1)
    loss = -tf.math.log(tf.maximum(tf.cast(probability, tf.float32), 1e-30))
    return tf.where(label < 0, 0.0, loss)
