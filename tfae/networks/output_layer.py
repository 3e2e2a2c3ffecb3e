"""Finds the layer that computes a network's output, and its activation."""

from collections.abc import Callable

import keras

from tfae.internals import call_that_made
from tfae.layers.corruption import Corruption
from tfae.layers.top_k import TopK

# Layers that only pass values on, drop some, or rearrange them.
_PASSING = (
    keras.layers.Dropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Identity,
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    keras.layers.GlobalMaxPooling2D,
    Corruption,  # and with it our Dropout
    TopK,
)

# Layers that are activation functions themselves, without an attribute `activation`.
_ACTIVATIONS = (
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
)


def has_graph(network: keras.layers.Layer) -> bool:
    """Whether Keras knows the inner tensors: it does for built Functional and Sequential models."""
    return isinstance(network, keras.Sequential | keras.Function) and network.built


def output_layer(network: keras.layers.Layer) -> keras.layers.Layer:
    """Returns the layer that computes a network's output.

    Later layers that only pass values on, drop some or rearrange them are skipped. For a nested
    model it is the layer inside; for a network without known layers, the network itself.
    """
    if has_graph(network):
        tensor = network.outputs[0]
        while True:
            layer, inputs, _ = call_that_made(tensor)
            if not isinstance(layer, _PASSING) or len(inputs) != 1:
                return output_layer(layer) if has_graph(layer) else layer
            tensor = inputs[0]
    if isinstance(network, keras.Sequential) and network.layers:  # not built yet
        computing = [x for x in network.layers if not isinstance(x, _PASSING)]
        return output_layer((computing or network.layers)[-1])
    return network


def activation_of(layer: keras.layers.Layer) -> Callable:
    """Returns the activation of a layer; `keras.activations.linear` if it has none."""
    function = getattr(layer, "activation", None)
    if function is not None:
        return function
    if type(layer) is keras.layers.ReLU:
        return keras.activations.relu
    if isinstance(layer, _ACTIVATIONS):
        return layer
    return keras.activations.linear
