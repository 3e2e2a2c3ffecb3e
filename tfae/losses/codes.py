"""The reconstruction loss of hidden codes, which have gone through an activation."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfae.losses.likelihoods import Bernoulli, Likelihood


def likelihood_of_codes(activation: Callable) -> Likelihood:
    """The likelihood for codes with an activation; its `mean` always applies the activation.

    Sigmoid codes lie in [0, 1] and are Bernoulli, as binary data; all others get squared error.
    """
    return Bernoulli() if activation is keras.activations.sigmoid else ActivatedCodes(activation)


class ActivatedCodes(Likelihood):
    """Squared error, summed, against codes that have gone through `activation`.

    The decoder's output is compared after the same activation, except with ReLU: there a unit
    whose output is negative for all data would never get a gradient, so the output is compared as
    it is. Codes are not negative, and rectifying the output afterwards only brings it nearer.

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
