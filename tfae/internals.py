"""The only place where private names of Keras and TensorFlow stand.

Each function says why the public way does not serve. `tests/test_internals.py` holds them by name,
so that an upgrade which breaks one of them says which.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.src.trainers.trainer import model_supports_jit
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.framework.none_tensor import NoneTensorSpec
from tensorflow.python.framework.ops import gradient_registry
from tensorflow.python.ops.resource_variable_ops import ResourceVariable


def all_layers(layer: keras.layers.Layer, include_self: bool = True) -> Iterator[Any]:
    """The layers inside a layer, at any depth, and itself first.

    `Model.layers` holds the outermost ones only, and a layer that is no model has no such list.
    """
    return layer._flatten_layers(include_self=include_self)


def forget_layer(owner: keras.layers.Layer, layer: keras.layers.Layer) -> None:
    """Takes a layer out of what another one holds, saves and trains.

    Keras adds a layer when an attribute is set to it, and leaves the one that was there before.
    """
    owner._tracker.untrack(layer)


def seed_generators(layer: keras.layers.Layer) -> list[keras.random.SeedGenerator]:
    """The seed generators of a layer, without those of the layers inside it."""
    return list(layer._seed_generators)


def has_own_random_state(layer: keras.layers.Layer) -> bool:
    """Whether a layer draws from a seed generator of its own.

    Keras offers their states among all variables, and does not say whose they are.
    """
    return bool(layer._seed_generators)


def supports_xla(model: keras.Model) -> bool:
    """Whether Keras lets XLA compile this model on this machine.

    `Model.jit_compile = True` says so too, but only by a warning.
    """
    return model_supports_jit(model)


def let_go_of(function: Any) -> Any:
    """Lets the graph of a traced function die with it, where nothing differentiates it any more.

    TensorFlow registers each custom gradient in a graph (Keras' own losses have some) by a name,
    for the life of the process, and with it the graph and the weights it was traced for.

    Args:
        function: What `get_concrete_function` gave; its gradients are taken inside of it.

    Returns:
        The function.
    """
    for operation in function.graph.get_operations():
        with contextlib.suppress(ValueError):  # it has no such attribute
            name = operation.get_attr("_gradient_op_type").decode()
            gradient_registry._registry.pop(name, None)
    return function


def loss_tracker(model: keras.Model) -> keras.metrics.Mean:
    """The metric that is logged as "loss"; there is one after `compile`.

    It is among `Model.metrics`, where a metric of the user's may have the same name.
    """
    return model._loss_tracker


def has_compiled_metrics(model: keras.Model) -> bool:
    """Whether `compile` was given metrics. `Model.metrics` holds other ones, too."""
    return model._compile_metrics is not None


def start_fit_at(model: keras.Model, epoch: int | None) -> None:
    """From a callback's `on_train_begin`: lets `fit` begin at another epoch.

    `initial_epoch` must be known before `fit`, and a callback is asked only inside. Keras' own
    `BackupAndRestore` does the same. `None` undoes it.
    """
    model._initial_epoch = epoch


def number_of_updates(optimizer: keras.optimizers.Optimizer) -> int:
    """How many steps an optimizer was given.

    With gradient accumulation the public `iterations` counts one for several steps.
    """
    return int(keras.ops.convert_to_numpy(optimizer._iterations))


def learning_rate_object(optimizer: keras.optimizers.Optimizer) -> Any:
    """The schedule, variable or function that gives the learning rate.

    The public `learning_rate` of a schedule is the number of the moment.
    """
    return getattr(optimizer, "_learning_rate", None)


def tensorboard_profiles(callback: keras.callbacks.TensorBoard) -> bool:
    """Whether a TensorBoard callback looks at batches to profile them."""
    return getattr(callback, "_should_trace", True)


@contextlib.contextmanager
def losses_add_up(layer: keras.layers.Layer, training: bool) -> Iterator[None]:
    """While entered, the losses of all calls of the layers inside `layer` add up.

    A layer that is called from outside of any other forgets the losses of its last call
    (activity regularisers, `add_loss`), so of one that is called twice in a step only those of the
    second call are left. Here `layer` counts as called, and every call as a part of that one.

    Args:
        layer: Whose losses, and those of the layers inside it, are forgotten at the beginning.
        training: What a layer takes that is called without `training`.
    """
    layer._get_call_context().set_value("training", training)
    try:
        yield
    finally:
        layer._maybe_reset_call_context()


def own_losses(layer: keras.layers.Layer) -> list:
    """What `add_loss` was given by a layer itself; `Layer.losses` has those inside it, too."""
    return layer._get_own_losses()


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


def variable_of_no_strategy(value: int, dtype: tf.DType) -> tf.Variable:
    """A variable that the strategy in whose scope it is made does not mirror.

    `tf.Variable` hands over to the strategy, whose mirrored variables an input pipeline cannot
    read.
    """

    def plain(next_creator: Callable, **kwargs: Any) -> tf.Variable:
        del next_creator  # the last creator entered runs first, and passes the strategy's own over
        return ResourceVariable(kwargs["initial_value"], dtype=dtype, trainable=False)

    with tf.variable_creator_scope(plain):
        return tf.Variable(value)


def inputs_of_dataset(dataset: tf.data.Dataset) -> list[tf.data.Dataset]:
    """The datasets that a dataset is made of. Nothing public says them."""
    return list(dataset._inputs())


def is_spec_of_none(spec: Any) -> bool:
    """Whether a part of an `element_spec` stands for `None`, as in a dataset of `(x, None)`.

    Its type has no public name.
    """
    return isinstance(spec, NoneTensorSpec)
