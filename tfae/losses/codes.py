"""The reconstruction loss for codes of a hidden layer, to which an activation was applied."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfae.losses.likelihoods import Bernoulli, Likelihood


def likelihood_of_codes(activation: Callable) -> Likelihood:
    """Returns the likelihood for codes with an activation, which its `mean` applies.

    Sigmoid codes lie in [0, 1] and get a Bernoulli likelihood; all others get squared error.
    """
    return Bernoulli() if activation is keras.activations.sigmoid else ActivatedCodes(activation)


class ActivatedCodes(Likelihood):
    """The sum of squared errors against codes to which `activation` was applied.

    The same activation is applied to the decoder's output before the comparison, except for ReLU:
    a unit whose output is negative for all data would never get a gradient. So the loss takes the
    raw output, and only `mean` applies the ReLU. Since codes are not negative, that can only reduce
    the error.

    Args:
        activation: Keras activation function.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    is_density = False

    def __init__(self, activation: Callable, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        if self.activation is not keras.activations.relu:
            output = self.activation(output)
        return tf.math.squared_difference(target, output)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return self.activation(output)
