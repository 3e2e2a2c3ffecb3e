"""The only place where private names of Keras and TensorFlow stand.

Each function says why the public way does not serve. `tests/test_internals.py` holds them by name,
so that an upgrade which breaks one of them says which.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel


def all_layers(layer: keras.layers.Layer, include_self: bool = True) -> Iterator[Any]:
    """The layers inside a layer, at any depth, and itself first.

    `Model.layers` holds the outermost ones only, and a layer that is no model has no such list.
    """
    return layer._flatten_layers(include_self=include_self)


def seed_generators(layer: keras.layers.Layer) -> list[keras.random.SeedGenerator]:
    """The seed generators of a layer, without those of the layers inside it."""
    return list(layer._seed_generators)


class Call(NamedTuple):
    """One call of a layer, or another operation, in the graph of a network."""

    operation: Any
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]


def call_that_made(tensor: keras.KerasTensor) -> Call:
    """The call whose output a symbolic tensor is.

    `Layer.output` leads from a layer to its tensor, if it was called once only; nothing public
    leads back.
    """
    operation, index, _ = tensor._keras_history
    return _as_call(operation._inbound_nodes[index])


def calls_of_layers(network: keras.Model) -> list[Call]:
    """Every call of a layer in a network's graph, in the order of computation.

    `Function.operations` tells the layers; of one that is called twice, or in another graph too, it
    does not tell which call is which.
    """
    graph = keras.Function(network.inputs, network.outputs)
    in_graph = {id(node) for nodes in graph._nodes_by_depth.values() for node in nodes}
    return [
        _as_call(node)
        for layer in graph.operations
        if isinstance(layer, keras.layers.Layer)
        for node in layer._inbound_nodes
        if id(node) in in_graph
    ]


def _as_call(node: Any) -> Call:
    return Call(node.operation, list(node.input_tensors), list(node.output_tensors))


def graph_of_saved_model(folder: Path) -> tf.compat.v1.GraphDef:
    """The graph of a SavedModel, as it is on the disk.

    `tf.saved_model.load` gives functions, and fails for operations that it does not know.
    """
    saved = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    (graph,) = (meta_graph.graph_def for meta_graph in saved.meta_graphs)
    return graph
