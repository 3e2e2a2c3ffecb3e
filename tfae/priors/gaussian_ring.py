"""A ring of Gaussians, one for each class."""

import math

import keras
import tensorflow as tf

from tfae.arguments import positive, whole_number
from tfae.losses.divergence import gaussian_log_density
from tfae.ops.reference import standard_normal
from tfae.priors.prior import Prior, label_or_any


@keras.saving.register_keras_serializable("tfae.priors")
class GaussianRing(Prior):
    """A mixture of Gaussians in a ring, each stretched outwards; each component is a class.

    In the first two dimensions component k lies at the angle `2 pi k / num_components`. Further
    dimensions are N(0, 1) in all components.

    Args:
        num_components: Number of Gaussians, at least 2.
        radius: Distance of their means from the origin.
        along, across: Standard deviations in the radial and the tangential direction, above zero.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a number is out of its range, or the code has only one dimension.

    Reference:
        Makhzani et al., "Adversarial Autoencoders", 2015, section 2.3.
    """

    def __init__(
        self,
        num_components: int = 10,
        radius: float = 2.0,
        along: float = 0.5,
        across: float = 0.15,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_classes = self.num_components = whole_number("num_components", num_components, 2)
        self.radius = positive("radius", radius)
        self.along, self.across = positive("along", along), positive("across", across)

    def build(self, code_shape: tuple[int | None, ...]) -> None:
        if code_shape[-1] < 2:
            raise ValueError(
                f"The prior GaussianRing needs codes of at least 2 dimensions; received "
                f"latent_dim={code_shape[-1]}."
            )
        super().build(code_shape)

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        component = label_or_any(n, seed, label, self.num_components)
        noise = standard_normal([n, self.latent_dim], seed)
        outwards = self.radius + self.along * noise[:, 0]
        around = self.across * noise[:, 1]
        cos, sin = self._direction(tf.cast(component, tf.float32))
        ring = tf.stack([outwards * cos - around * sin, outwards * sin + around * cos], axis=-1)
        return tf.concat([ring, noise[:, 2:]], axis=-1)

    def log_density(self, code: tf.Tensor) -> tf.Tensor:
        cos, sin = self._direction(tf.range(self.num_components, dtype=code.dtype))
        x, y = code[..., 0, None], code[..., 1, None]
        outwards = ((x * cos + y * sin - self.radius) / self.along)[..., None]
        around = ((y * cos - x * sin) / self.across)[..., None]
        components = gaussian_log_density(tf.concat([outwards, around], axis=-1), 0.0, 0.0)
        scale = math.log(self.along * self.across * self.num_components)
        return (
            tf.reduce_logsumexp(components, axis=-1)
            - scale
            + gaussian_log_density(code[..., 2:], 0.0, 0.0)
        )

    def _direction(self, component: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        angle = component * (2.0 * math.pi / self.num_components)
        return tf.cos(angle), tf.sin(angle)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_components": self.num_components,
            "radius": self.radius,
            "along": self.along,
            "across": self.across,
        }
