"""Composes networks into one, and splits an encoder and a decoder into pairs of layers."""

from collections.abc import Sequence

import keras

from tfae.layers.missing import Observed
from tfae.networks.compatibility import declared_input_shape, takes_mask
from tfae.networks.output_layer import has_graph


def chain(
    networks: Sequence[keras.layers.Layer],
    name: str,
    input_shape: Sequence[int | None] | None = None,
    fill: bool = False,
) -> keras.layers.Layer:
    """Composes networks into one model that shares their layers.

    The layers of Functional and Sequential models become layers of the composition itself and keep
    their names. If two names are the same, the models are nested instead.

    Args:
        networks: Keras models or layers, in the order of computation.
        name: Name of the composition.
        input_shape: `(batch, ...)`, if the first network does not declare it.
        fill: Whether the composition takes data with NaN, and finds the mask in it. Without this it
            takes a mask if one of the networks does.

    Returns:
        A Functional model; the network itself if there is only one; or, if the input shape is not
        known yet, a Sequential model that is built by the first data.
    """
    if len(networks) == 1 and not fill:
        return networks[0]
    first = networks[0]
    shape = input_shape or declared_input_shape(first, missing=True)
    if shape is None:
        return keras.Sequential(networks, name=name)
    x = keras.Input(
        shape[1:], name=first.inputs[0].name if has_graph(first) else "x", dtype=_dtype(first)
    )
    inputs = h = x
    if fill:
        h, mask = Observed(name="observed", dtype=first.compute_dtype)(x)
    elif any(map(takes_mask, networks)):
        mask = keras.Input(shape[1:], name="mask")
        inputs = [x, mask]
    names = [layer.name for network in networks for layer in _layers(network)]
    inline = len(set(names)) == len(names)
    for network in networks:
        h = [h, mask] if takes_mask(network) else h
        # `call` of a model with a graph applies its layers; `__call__` would apply the model.
        h = network.call(h) if inline and has_graph(network) else network(h)
    return keras.Model(inputs, h, name=name)


def pairs(
    encoder: keras.Model, decoder: keras.Model
) -> tuple[list[keras.Model], list[keras.Model]]:
    """Splits an encoder into its layers, and its decoder at the same shapes.

    Each part holds one layer with weights and the layers without weights around it; more than one
    where the decoder does not pass through the shape between them. The parts share the encoder's
    layers. The last layer of each decoder part becomes linear, except next to the data: whoever
    composes the parts again applies the activation.

    Args:
        encoder: A Functional model that is a plain chain of layers, whose first one with weights
            may also take a mask.
        decoder: Likewise, from the encoder's output back to its input.

    Returns:
        Encoders and decoders; the pair next to the data comes first.
    """
    groups = _groups(_layers(encoder), _layers(decoder))
    first = keras.Model(_single(encoder.inputs), groups[0][-1].output, name="encoder_1")
    encoders = [first]
    for i, group in enumerate(groups[1:], start=2):
        encoders.append(_line(group, encoders[-1].output_shape, "codes", f"encoder_{i}"))

    decoders: list[keras.Model] = []
    rest = _layers(decoder)
    for i, part in reversed(list(enumerate(encoders, start=1))):
        group = []
        while rest and not (i > 1 and _is_cut(group, part.input_shape)):
            group.append(rest.pop(0))
        if i > 1:
            group = _with_linear_output(group)
        decoders.insert(0, _line(group, part.output_shape, "codes", f"decoder_{i}"))
    return encoders, decoders


def _groups(
    encoder: list[keras.layers.Layer], decoder: list[keras.layers.Layer]
) -> list[list[keras.layers.Layer]]:
    """Groups the encoder's layers: each with weights and the ones that follow it; see `pairs`.

    Two groups are merged where the decoder does not pass through the shape between them.
    """
    groups: list[list[keras.layers.Layer]] = [[]]
    for layer in encoder:
        if layer.weights and any(other.weights for other in groups[-1]):
            groups.append([])
        groups[-1].append(layer)
    merged, rest = [groups.pop()], list(decoder)
    while groups:
        part: list[keras.layers.Layer] = []
        while rest and not _is_cut(part, groups[-1][-1].output.shape):
            part.append(rest.pop(0))
        if rest:
            merged.insert(0, groups.pop())
        else:
            rest = part
            merged[0] = groups.pop() + merged[0]
    return merged


def _is_cut(group: list[keras.layers.Layer], shape: tuple) -> bool:
    return any(layer.weights for layer in group) and group[-1].output.shape == shape


def _with_linear_output(group: list[keras.layers.Layer]) -> list[keras.layers.Layer]:
    last = max(i for i, layer in enumerate(group) if layer.weights)
    config = {**group[last].get_config(), "activation": "linear"}
    return [*group[:last], type(group[last]).from_config(config), *group[last + 1 :]]


def _line(layers: list, shape: tuple, input_name: str, name: str) -> keras.Model:
    inputs = h = keras.Input(shape[1:], name=input_name)
    for layer in layers:
        h = layer(h)
    return keras.Model(inputs, h, name=name)


def _layers(network: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers of a network, without its input layers; without a graph, the network itself."""
    if not has_graph(network):
        return [network]
    return [x for x in network.layers if not isinstance(x, keras.layers.InputLayer)]


def _single(tensors: list) -> keras.KerasTensor | list:
    return tensors[0] if len(tensors) == 1 else tensors


def _dtype(network: keras.layers.Layer) -> str | None:
    return network.inputs[0].dtype if has_graph(network) else None
