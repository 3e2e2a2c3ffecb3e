"""Numbers of 256 levels between 0 and 1, such as the pixels of 8-bit images."""

import keras
import tensorflow as tf

from tfae.losses.likelihoods import draws
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32

_STEP = 1.0 / 255.0


@keras.saving.register_keras_serializable("tfae")
class DiscretizedLogistic(Likelihood):
    """Independent levels 0, 1/255, ..., 1: a logistic distribution around the decoder's output.

    A level's probability is that of the interval of numbers nearest to it; the lowest and the
    highest level get all that lies beyond. Targets are rounded to levels, so the loss is in nats of
    an 8-bit number: divided by log 2 and the number of pixels, it is bits a dimension.

    Args:
        scale: Of the logistic distribution, shared by all elements, a positive float in units of
            the data, or `"learned"`: one trainable scale that starts at 0.1.

    Raises:
        ValueError: If `scale` is neither.

    Reference:
        Salimans et al., "PixelCNN++", 2017.
    """

    support = (0.0, 1.0)
    link = "mean of the levels"

    def __init__(self, scale: float | str = "learned", **kwargs):
        super().__init__(**kwargs)
        self._set_parameter("scale", scale, start=0.1)

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        level = tf.round(target * 255.0) * _STEP
        inverse_scale = tf.exp(-self._log_parameter("scale", output.dtype))
        upper = (level + 0.5 * _STEP - output) * inverse_scale
        lower = (level - 0.5 * _STEP - output) * inverse_scale
        # sigmoid(upper) - sigmoid(lower) is a product of three factors, none of which cancels.
        is_lowest, is_highest = level < 0.5 * _STEP, level > 1.0 - 0.5 * _STEP
        zeros = tf.zeros_like(upper)
        width = -tf.math.log(-tf.math.expm1(-_STEP * inverse_scale))
        return (
            tf.where(is_highest, zeros, tf.nn.softplus(-upper))
            + tf.where(is_lowest, zeros, tf.nn.softplus(lower))
            + tf.where(is_lowest | is_highest, zeros, width)
        )

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        """The mean of the levels; to within half a step where the scale is below one step."""
        # The sum of the 255 probabilities to lie above an interval's end is a midpoint rule of this
        # integral of sigmoid((output - t) / scale) over t in [0, 1].
        output = at_least_float32(output)
        scale = tf.exp(self._log_parameter("scale", output.dtype))
        location = tf.clip_by_value(output, -40.0 * scale, 1.0 + 40.0 * scale)
        above = tf.nn.softplus(location / scale) - tf.nn.softplus((location - 1.0) / scale)
        return tf.clip_by_value(scale * above, 0.0, 1.0)

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        output = at_least_float32(output)
        scale = tf.exp(self._log_parameter("scale", output.dtype))
        u = draws.uniform(tf.shape(output), seed, output.dtype)
        u = tf.clip_by_value(u, 1e-30, 1.0 - 2.0**-24)
        continuous = output + scale * (tf.math.log(u) - tf.math.log1p(-u))
        return tf.round(tf.clip_by_value(continuous, 0.0, 1.0) * 255.0) * _STEP

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale}
