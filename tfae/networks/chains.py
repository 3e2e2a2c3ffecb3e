"""Networks one after another, and the pairs of layers that an encoder and a decoder consist of."""

from collections.abc import Sequence

import keras

from tfae.networks.outputs import has_graph


def chain(
    networks: Sequence[keras.layers.Layer],
    name: str,
    input_shape: Sequence[int | None] | None = None,
) -> keras.layers.Layer:
    """Composes networks into one model that shares their layers.

    The layers of Functional and Sequential models become layers of the composition itself, with
    their own names, unless two of these are the same; then the models are nested.

    Args:
        networks: Keras models or layers, the first one first.
        name: Of the composition.
        input_shape: `(batch, ...)`, when the first network does not declare it.

    Returns:
        A Functional model; the network itself when it is the only one; or, while the shape of the
        input is not known, a Sequential model that is built from the first data.
    """
    if len(networks) == 1:
        return networks[0]
    first = networks[0]
    shape = input_shape or (getattr(first, "input_shape", None) if first.built else None)
    if shape is None:
        return keras.Sequential(networks, name=name)
    inputs = keras.Input(
        shape[1:], name=first.inputs[0].name if has_graph(first) else "x", dtype=_dtype(first)
    )
    names = [layer.name for network in networks for layer in _layers(network)]
    inline = len(set(names)) == len(names)
    h = inputs
    for network in networks:
        # `call` of a model with a graph applies its layers; `__call__` would apply the model.
        h = network.call(h) if inline and has_graph(network) else network(h)
    return keras.Model(inputs, h, name=name)


def pairs(
    encoder: keras.Model, decoder: keras.Model
) -> tuple[list[keras.Model], list[keras.Model]]:
    """Cuts an encoder into its layers, and its decoder at the same shapes.

    A layer here is one with weights, and those without around it; with a further one where the
    decoder has no single inverse of the two. The parts of the encoder share
    its layers. Where the decoder is cut its layer becomes linear: the activation is for whoever
    puts the parts together again.

    Args:
        encoder: A Functional model whose layers form a line.
        decoder: The same, from the encoder's output back to its input.

    Returns:
        Encoders and decoders, the pair next to the data first.
    """
    groups = _groups(_layers(encoder), _layers(decoder))
    encoders = []
    shape = encoder.input_shape
    for i, group in enumerate(groups, start=1):
        encoders.append(_line(group, shape, "codes" if encoders else "x", f"encoder_{i}"))
        shape = encoders[-1].output_shape

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
    """The layers of an encoder, each with weights and what follows it; see `pairs`.

    Two of them stay together where the decoder does not lead back to the shape between them.
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
    """The layers of a network, without its inputs; of anything without a graph, itself."""
    if not has_graph(network):
        return [network]
    return [x for x in network.layers if not isinstance(x, keras.layers.InputLayer)]


def _dtype(network: keras.layers.Layer) -> str | None:
    return network.inputs[0].dtype if has_graph(network) else None
