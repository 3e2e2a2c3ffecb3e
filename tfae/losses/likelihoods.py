"""Likelihoods: the link from the decoder's output to data space, and the loss per example.

A decoder ends in a linear layer; the likelihood owns everything after it. To write a new one,
subclass `Likelihood` and define `elementwise_loss` and `mean`.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from tfae.arguments import is_number


class Likelihood(keras.layers.Layer):
    """Base of the reconstruction losses.

    It is a Keras layer so that learned parameters are trained, saved and counted like any other
    weight. It is never called. It computes in float32, or in float64 if the decoder does.

    Attributes:
        support: The closed interval that targets must lie in, or `None` for all real numbers.
        is_density: Whether `loss` is a negative log-density in nats, so that log p(x) exists.
        link: Name of the function that `mean` applies to the decoder's output, such as "sigmoid";
            the decoder must not apply it too. `None` if the output already is the mean.
    """

    support: tuple[float, float] | None = None
    link: str | None = None
    is_density = True

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.built = True

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        """The loss of each element; `output` broadcasts against `target`."""
        raise NotImplementedError

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        """Maps decoder outputs to data space: the mean of p(x | z), of the same shape."""
        raise NotImplementedError

    def formula(self) -> dict[str, Any] | None:
        """Describes the loss as a term that `tfae.device` computes from target and mean.

        Returns:
            `{"term": name, parameter: value, ...}`, or `None` if there is no such term.
        """
        return None

    def loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        """The loss of each example, summed over its data dimensions.

        Args:
            target: Data of shape `(batch, ...)`, any real or integer dtype.
            output: Decoder outputs of shape `(batch, ...)`, or `(samples, batch, ...)` for several
                samples per example.

        Returns:
            Float tensor `(batch,)` or `(samples, batch)`; in nats if the likelihood is a density.
        """
        output = at_least_float32(output)
        target = tf.cast(target, output.dtype)
        data_rank = target.shape.rank - 1
        per_element = self.elementwise_loss(target, output)
        return tf.reduce_sum(per_element, axis=list(range(-data_rank, 0)))


@keras.saving.register_keras_serializable("tfae")
class Bernoulli(Likelihood):
    """Independent Bernoulli elements; the decoder gives logits, targets lie in [0, 1].

    For targets strictly between 0 and 1 this is the usual cross-entropy, not a normalised density
    (Loaiza-Ganem and Cunningham, 2019).
    """

    support = (0.0, 1.0)
    link = "sigmoid"

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        return tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.broadcast_to(target, tf.shape(output)), logits=output
        )

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid(output)

    def formula(self) -> dict[str, Any]:
        return {"term": "bernoulli"}


@keras.saving.register_keras_serializable("tfae")
class Gaussian(Likelihood):
    """Independent Gaussian elements around the decoder's output.

    Args:
        scale: Standard deviation of all elements, a positive float in the data's units, or
            `"learned"`: one trainable scale that starts at 1 (Rybkin et al., 2021, sigma-VAE).
    """

    def __init__(self, scale: float | str = 1.0, **kwargs):
        super().__init__(**kwargs)
        if scale != "learned":
            if not is_number(scale) or scale <= 0:
                raise ValueError(
                    f"`scale` must be a positive number or 'learned'; received scale={scale!r}."
                )
            scale = float(scale)
        self.scale = scale
        if scale == "learned":
            self.log_scale = self.add_weight(
                name="log_scale", shape=(), initializer="zeros", dtype="float32"
            )

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        if self.scale == "learned":
            log_scale = tf.cast(self.log_scale, output.dtype)
        else:
            log_scale = tf.constant(math.log(self.scale), output.dtype)
        standardised = (target - output) * tf.exp(-log_scale)
        return 0.5 * tf.square(standardised) + log_scale + 0.5 * math.log(2.0 * math.pi)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return tf.identity(output)

    def formula(self) -> dict[str, Any]:
        scale = self.scale
        if scale == "learned":  # `float` fails for a variable with replicas
            scale = math.exp(float(keras.ops.convert_to_numpy(self.log_scale)))
        return {"term": "gaussian", "scale": scale}

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable("tfae")
class SquaredError(Likelihood):
    """The plain sum of squared differences: no factor of one half, no constant, not a density."""

    is_density = False

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        return tf.math.squared_difference(target, output)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return tf.identity(output)

    def formula(self) -> dict[str, Any]:
        return {"term": "squared_error"}


_SHORTCUTS = {"bernoulli": Bernoulli, "gaussian": Gaussian, "squared_error": SquaredError}


def get(identifier: str | dict | Likelihood) -> Likelihood:
    """Returns a `Likelihood` from its short name, its serialised form, or itself.

    Raises:
        ValueError: If the name is unknown.
    """
    if isinstance(identifier, Likelihood):
        return identifier
    if isinstance(identifier, dict):
        return keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, str) and identifier in _SHORTCUTS:
        return _SHORTCUTS[identifier]()
    raise ValueError(
        f"`likelihood` must be one of {sorted(_SHORTCUTS)} or a tfae.losses.Likelihood; "
        f"received likelihood={identifier!r}."
    )


def at_least_float32(x: tf.Tensor) -> tf.Tensor:
    """Casts half precision to float32, as sums over hundreds of pixels overflow or lose digits."""
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
