"""The only file that uses private names of Keras and TensorFlow.

Each function says why there is no public way. `tests/test_internals.py` has a test for each, so if
an upgrade breaks one of them, the failing test names it.
"""

import collections
import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.trainers.trainer import model_supports_jit
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.eager import context, record
from tensorflow.python.framework.none_tensor import NoneTensorSpec
from tensorflow.python.framework.ops import gradient_registry
from tensorflow.python.ops.resource_variable_ops import ResourceVariable


def all_layers(layer: keras.layers.Layer, include_self: bool = True) -> Iterator[Any]:
    """Returns a layer itself, followed by the layers inside it at any depth.

    `Model.layers` lists only the outermost ones, and a layer that is not a model has no such list.
    """
    return layer._flatten_layers(include_self=include_self)


def forget_layer(owner: keras.layers.Layer, layer: keras.layers.Layer) -> None:
    """Stops a layer from tracking, saving and training another one.

    Keras tracks a layer when it is assigned to an attribute, but keeps tracking the layer that the
    attribute held before.
    """
    owner._tracker.untrack(layer)


def is_saving_hdf5() -> bool:
    """Whether Keras asks for a configuration to write it into an HDF5 file.

    `keras.saving.save_model` opens the file, then asks for it, and never calls `Model.save`.
    """
    return bool(global_state.get_global_attribute("use_legacy_config", None))


def seed_generators(layer: keras.layers.Layer) -> list[keras.random.SeedGenerator]:
    """Returns the seed generators of a layer, without those of the layers inside it.

    Publicly, only their states are to be had, among all variables of a layer.
    """
    return list(layer._seed_generators)


def supports_xla(model: keras.Model) -> bool:
    """Whether Keras can compile this model with XLA on this machine.

    Publicly, `Model.jit_compile = True` only warns if it cannot.
    """
    return model_supports_jit(model)


def function_definition(name: str) -> Any:
    """The `FunctionDef` of any function that TensorFlow knows, such as the body of a loop.

    The public `ConcreteFunction.function_def` does not tell those of the functions that it calls.

    Raises:
        tf.errors.NotFoundError: If there is none of this name.
    """
    return context.context().get_function_def(name)


def forget_kernels() -> None:
    """Drops what TensorFlow keeps of operations that ran eagerly; they are prepared anew.

    It keeps them for the life of the process, by their attributes too, and every dataset that is
    made has functions with names of its own as such. Nothing public drops them.
    """
    context.context().clear_kernel_cache()


def forget_gradient(name: str) -> None:
    """Lets the graph of a traced function be freed with it; nothing may differentiate it any more.

    TensorFlow registers each custom gradient in a graph (Keras' own losses have some) under a name
    for as long as the process lives, and that keeps the graph and its weights alive.

    Args:
        name: The attribute "_gradient_op_type" of an operation.
    """
    gradient_registry._registry.pop(name, None)


class RegisteredFunction:
    """A function that TensorFlow knows by a given name, until this object goes.

    Nothing public registers a function by its definition, or runs one on other variables than
    those for which it was traced.

    Args:
        name: Of the function.
        definitions: `FunctionDef`s by name: of it, and of all functions that it calls.
    """

    def __init__(self, name: str, definitions: dict[str, Any]):
        self.name = name
        self._context = context.context()
        with _uses_lock:
            for part, definition in definitions.items():
                _uses[part] += 1  # first, for an old function may be collected meanwhile
                if not self._context.has_function(part):
                    self._context.add_function_def(definition)
        weakref.finalize(self, _forget, self._context, list(definitions)).atexit = False

    def __call__(self, args: tuple, captured: list[tf.Tensor], function_type: Any) -> Any:
        """Runs it, eagerly.

        Args:
            args: As the traced function took them.
            captured: Its `captured_inputs`, or those of another one like it.
            function_type: Its `function_type`.
        """
        tensors = function_type.unpack_inputs(function_type.bind(*args))
        with record.stop_recording():  # by an outer tape: there is no gradient
            outputs = self._context.call_function(
                self.name.encode(), [*tensors, *captured], len(function_type.flat_outputs)
            )
        return function_type.pack_output(outputs or [])


# Functions of equal contents, such as the bodies of loops, are parts of several ones.
_uses: collections.Counter[str] = collections.Counter()
_uses_lock = threading.RLock()


def _forget(where: Any, names: list[str]) -> None:
    with _uses_lock:
        for name in names:
            _uses[name] -= 1
            if not _uses[name]:
                del _uses[name]
                where.remove_function(name)


def loss_tracker(model: keras.Model) -> keras.metrics.Mean:
    """Returns the metric that is logged as "loss"; it exists after `compile`.

    `Model.metrics` holds it too, but a metric of the user's may have the same name there.
    """
    return model._loss_tracker


def has_compiled_metrics(model: keras.Model) -> bool:
    """Whether `compile` was given metrics; `Model.metrics` holds others, too."""
    return model._compile_metrics is not None


def start_fit_at(model: keras.Model, epoch: int | None) -> None:
    """Makes `fit` start at another epoch; to be called in a callback's `on_train_begin`.

    The public `initial_epoch` must be known before `fit` is called. Keras' own `BackupAndRestore`
    does the same as this. `None` undoes it.
    """
    model._initial_epoch = epoch


def number_of_updates(optimizer: keras.optimizers.Optimizer) -> int:
    """Returns how many times an optimizer has been given gradients.

    With gradient accumulation, the public `iterations` counts several of them as one.
    """
    return int(keras.ops.convert_to_numpy(optimizer._iterations))


def learning_rate_object(optimizer: keras.optimizers.Optimizer) -> Any:
    """Returns the schedule, variable or function that the learning rate comes from.

    The public `learning_rate` returns a schedule's current value instead of the schedule.
    """
    return getattr(optimizer, "_learning_rate", None)


def tensorboard_profiles(callback: keras.callbacks.TensorBoard) -> bool:
    """Whether a TensorBoard callback profiles batches; its public arguments do not tell."""
    return getattr(callback, "_should_trace", True)


@contextlib.contextmanager
def losses_add_up(layer: keras.layers.Layer, training: bool) -> Iterator[None]:
    """Adds up the losses of all calls of the layers inside `layer`, during the block.

    Normally, each time that a layer is called on its own it forgets the losses of its previous call
    (from activity regularisers and `add_loss`), so if it is called twice in a step, only those of
    the second call remain. During the block every call counts as part of one call of `layer`.

    Args:
        layer: Its losses, and those of the layers inside it, are cleared first.
        training: Passed to layers that are called without `training`.
    """
    layer._get_call_context().set_value("training", training)
    try:
        yield
    finally:
        layer._maybe_reset_call_context()


def own_losses(layer: keras.layers.Layer) -> list:
    """Returns a layer's own `add_loss` losses; `Layer.losses` includes those of inner layers."""
    return layer._get_own_losses()


class Call(NamedTuple):
    """One call of a layer, or of another operation, in the graph of a network."""

    operation: Any
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]


def call_that_made(tensor: keras.KerasTensor) -> Call:
    """Returns the call that produced a symbolic tensor.

    The public `Layer.output` leads from a layer to its tensor, if the layer was called only once;
    nothing public leads back.
    """
    operation, index, _ = tensor._keras_history
    return _as_call(operation._inbound_nodes[index])


def calls_of_layers(network: keras.Model) -> list[Call]:
    """Returns every call of a layer in a network's graph, in the order of computation.

    The public `Function.operations` lists the layers, but not the calls of a layer that is called
    twice, or in another graph as well.
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
    """Returns the graph of a SavedModel, as it is stored on the disk.

    The public `tf.saved_model.load` returns functions, and fails if it does not know an operation.
    """
    saved = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    (graph,) = (meta_graph.graph_def for meta_graph in saved.meta_graphs)
    return graph


def variable_of_no_strategy(value: int, dtype: tf.DType) -> tf.Variable:
    """Makes a variable that is not mirrored by the distribution strategy in scope.

    `tf.Variable` would leave its creation to the strategy, and an input pipeline cannot read a
    mirrored variable.
    """

    def plain(next_creator: Callable, **kwargs: Any) -> tf.Variable:
        del next_creator  # this creator runs first, and so bypasses the strategy's own
        return ResourceVariable(kwargs["initial_value"], dtype=dtype, trainable=False)

    with tf.variable_creator_scope(plain):
        return tf.Variable(value)


def inputs_of_dataset(dataset: tf.data.Dataset) -> list[tf.data.Dataset]:
    """Returns the datasets that a dataset is made from, which nothing public reveals."""
    return list(dataset._inputs())


def is_spec_of_none(spec: Any) -> bool:
    """Whether a part of an `element_spec` stands for `None`, as in a dataset of `(x, None)`.

    Its type has no public name.
    """
    return isinstance(spec, NoneTensorSpec)
