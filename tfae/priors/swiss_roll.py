"""The swiss roll prior."""

import math

import keras
import tensorflow as tf

from tfae.arguments import non_negative, positive, whole_number
from tfae.ops.reference import standard_normal, standard_uniform
from tfae.priors.prior import Prior, label_or_any


@keras.saving.register_keras_serializable("tfae.priors")
class SwissRoll(Prior):
    """A spiral in two dimensions, with one class after another along it.

    Codes are spread evenly along the spiral, so each class gets a piece of the same length.
    Gaussian noise is added to them.

    Args:
        num_classes: Number of classes, at least 1.
        turns: Number of turns around the origin, above zero.
        radius: Radius at the outer end.
        noise: Standard deviation of the noise, zero or more.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a number is out of its range, or the code is not two-dimensional.

    Reference:
        Makhzani et al., "Adversarial Autoencoders", 2015, section 2.3.
    """

    is_density = False

    def __init__(
        self,
        num_classes: int = 10,
        turns: float = 2.0,
        radius: float = 3.0,
        noise: float = 0.05,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_classes = whole_number("num_classes", num_classes, 1)
        self.turns, self.radius = positive("turns", turns), positive("radius", radius)
        self.noise = non_negative("noise", noise)

    def build(self, code_shape: tuple[int | None, ...]) -> None:
        if code_shape[-1] != 2:
            raise ValueError(
                "The prior SwissRoll needs codes of two dimensions; received "
                f"latent_dim={code_shape[-1]}. Use latent_dim=2, or another prior."
            )
        super().build(code_shape)

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        piece = tf.cast(label_or_any(n, seed, label, self.num_classes), tf.float32)
        within = standard_uniform([n], tf.random.fold_in(seed, 2, "philox"))
        # The arc length grows almost with the square of the angle.
        position = tf.sqrt((piece + within) / self.num_classes)
        angle = 2.0 * math.pi * self.turns * position
        roll = self.radius * position[:, None] * tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)
        return roll + self.noise * standard_normal([n, 2], seed)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "turns": self.turns,
            "radius": self.radius,
            "noise": self.noise,
        }
