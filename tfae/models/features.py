"""The activations of every layer of an encoder."""

from collections.abc import Sequence

import keras


def feature_model(encoder: keras.Model, layers: Sequence[str] | None = None) -> keras.Model:
    """Builds a model that gives the output of every layer of `encoder`.

    It shares the encoder's layers, so it follows their training.

    Args:
        encoder: A Functional or Sequential model, built; nested models are opened.
        layers: Names of the layers wanted; all of them by default.

    Returns:
        A model whose output is a dictionary from layer names ("dense", "block/dense") to tensors
        `(batch, ...)`, in the order of computation, inputs left out.

    Raises:
        ValueError: If Keras does not know the encoder's inner tensors, or has no layer of a name.
    """
    if not _has_graph(encoder):
        raise ValueError(
            f"features() needs a Functional or Sequential encoder; {encoder.name!r} is a "
            f"{type(encoder).__name__}, whose inner tensors Keras does not know. Rebuild it as "
            "keras.Model(inputs, outputs), or add its inputs with keras.Input if it is a "
            "Sequential."
        )
    outputs = _collect(encoder, "")
    unknown = [name for name in layers or () if name not in outputs]
    if unknown:
        raise ValueError(
            f"The encoder has no layer {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(map(repr, outputs))}."
        )
    wanted = {name: t for name, t in outputs.items() if layers is None or name in layers}
    return keras.Model(encoder.inputs, wanted)


def _has_graph(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.Sequential | keras.src.models.Functional) and layer.built


def _collect(model: keras.Model, prefix: str) -> dict[str, keras.KerasTensor]:
    """Outputs of the layers of `model` as functions of `model.inputs`."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    in_graph = {id(node) for nodes in graph._nodes_by_depth.values() for node in nodes}
    outputs = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        calls = [node for node in layer._inbound_nodes if id(node) in in_graph]
        for i, call in enumerate(calls):
            # A layer that is called several times gives one entry a call.
            name = f"{prefix}{layer.name}" + (f"_{i}" if i else "")
            if _has_graph(layer):
                inner = keras.Model(layer.inputs, _collect(layer, f"{name}/"))
                outputs.update(inner(_single(call.input_tensors)))
            else:
                outputs[name] = _single(call.output_tensors)
    return outputs


def _single(tensors: list) -> keras.KerasTensor | list:
    return tensors[0] if len(tensors) == 1 else tensors
