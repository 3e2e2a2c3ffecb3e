"""Models that output the activations of a network's layers."""

from collections import Counter
from collections.abc import Callable, Sequence

import keras

from tfae.internals import call_that_made, calls_of_layers
from tfae.networks.output_layer import activation_of, has_graph, output_layer


def feature_model(encoder: keras.Model, layers: Sequence[str] | None = None) -> keras.Model:
    """Builds a model that returns the output of every layer of `encoder`.

    It shares the encoder's layers, so training the encoder changes it too.

    Args:
        encoder: A built Functional or Sequential model; layers of nested models are included.
        layers: Names of the layers wanted; all of them by default.

    Returns:
        A model whose output is a dictionary from layer names ("dense", "block/dense") to tensors
        `(batch, ...)`, in the order of computation, without input layers.

    Raises:
        ValueError: If Keras does not know the encoder's inner tensors, or a name is unknown.
    """
    _check_graph(encoder, "features()")
    outputs = _collect(encoder, "")
    unknown = [name for name in layers or () if name not in outputs]
    if unknown:
        raise ValueError(
            f"The encoder has no layer {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(map(repr, outputs))}."
        )
    wanted = {name: t for name, t in outputs.items() if layers is None or name in layers}
    return keras.Model(_single(encoder.inputs), wanted)


def hidden_model(network: keras.Model) -> keras.Model:
    """Builds a model that returns the output of `network` and its hidden layers' activations.

    The hidden activations are the outputs of all layers that apply an activation function, such as
    `Dense(..., "relu")` and `ReLU()`, before the layer that computes the output. Layers without
    one, such as those that only reshape or normalise, are left out.

    Args:
        network: A built Functional or Sequential model; layers of nested models are included.

    Returns:
        A model whose outputs are a list: the network's output, then the activations `(batch, ...)`
        in the order of computation.

    Raises:
        ValueError: If Keras does not know the network's inner tensors.
    """
    _check_graph(network, "A penalty on every hidden layer")
    last = output_layer(network)

    def is_hidden(layer: keras.layers.Layer) -> bool:
        return layer is not last and activation_of(layer) is not keras.activations.linear

    hidden = _collect(network, "", is_hidden)
    return keras.Model(_single(network.inputs), [network.outputs[0], *hidden.values()])


def last_layer(network: keras.layers.Layer) -> keras.layers.Layer:
    """The layer whose output is the network's; if that is a nested model, the layer inside it."""
    while has_graph(network):
        network = call_that_made(network.outputs[0]).operation
    return network


def _check_graph(network: keras.Model, what: str) -> None:
    if not has_graph(network):
        raise ValueError(
            f"{what} needs a Functional or Sequential network; {network.name!r} is a "
            f"{type(network).__name__}, whose inner tensors Keras does not know. Rebuild it as "
            "keras.Model(inputs, outputs), or add its inputs with keras.Input if it is a "
            "Sequential."
        )


def _collect(
    model: keras.Model,
    prefix: str,
    wanted: Callable[[keras.layers.Layer], bool] = lambda layer: True,
) -> dict[str, keras.KerasTensor]:
    """Outputs of the wanted layers of `model` as functions of `model.inputs`."""
    outputs: dict[str, keras.KerasTensor] = {}
    times: Counter[str] = Counter()
    for layer, inputs, results in calls_of_layers(model):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        # A layer that is called several times has one entry per call.
        name = f"{prefix}{layer.name}" + (f"_{times[layer]}" if times[layer] else "")
        times[layer] += 1
        if has_graph(layer):
            inner = _collect(layer, f"{name}/", wanted)
            if inner:
                inner = keras.Model(layer.inputs, inner)
                outputs.update(inner(_single(inputs)))
        elif wanted(layer):
            outputs[name] = _single(results)
    return outputs


def _single(tensors: list) -> keras.KerasTensor | list:
    return tensors[0] if len(tensors) == 1 else tensors
