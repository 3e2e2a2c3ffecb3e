import keras
import pytest

import tfae
from tfae.networks.output_layer import activation_of, output_layer

layers = keras.layers


def functional(*stack, shape=(8, 8, 1)):
    x = keras.Input(shape)
    h = x
    for layer in stack:
        h = layer(h)
    return keras.Model(x, h)


@pytest.mark.parametrize(
    "network",
    [
        layers.Dense(4, "sigmoid"),
        keras.Sequential([layers.Dense(4, "sigmoid")]),
        functional(layers.Conv2D(2, 3, activation="sigmoid"), layers.Flatten()),
        functional(layers.Conv2D(2, 3, activation="sigmoid"), layers.MaxPooling2D()),
        functional(layers.Dense(4), layers.Activation("sigmoid"), tfae.layers.Dropout(0.5)),
        functional(functional(layers.Dense(4, "sigmoid")), layers.Dropout(0.5)),
        functional(layers.Dense(4, "sigmoid"), tfae.layers.TopK(2), shape=(8,)),
    ],
    ids=["layer", "not built", "flattened", "pooled", "dropped", "nested", "largest"],
)
def test_activation_of_looks_behind_layers_that_do_not_change_the_range(network):
    assert activation_of(output_layer(network)) is keras.activations.sigmoid


def test_activation_layers_stand_for_their_function():
    assert activation_of(layers.ReLU()) is keras.activations.relu
    leaky = layers.LeakyReLU()
    assert activation_of(leaky) is leaky
    assert activation_of(layers.Dense(3)) is keras.activations.linear
    assert activation_of(layers.Flatten()) is keras.activations.linear
