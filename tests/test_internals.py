"""Each private name of Keras and TensorFlow that tfae uses still works as before."""

import ast
import gc
import pathlib
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae import internals

layers = keras.layers
PACKAGE = pathlib.Path(tfae.__file__).parent
PRIVATE_MODULES = ("keras.src", "tensorflow.python", "tensorflow.lite.python", "tensorflow.core")
NAMED_TUPLE = {"_asdict", "_fields", "_make", "_replace"}  # private in name only


def private_names(tree):
    """Yields the names that a file uses with an underscore or from a private module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            if node.attr.startswith("_") and not node.attr.startswith("__"):
                yield node.attr
            if ast.unparse(node).startswith(PRIVATE_MODULES):
                yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PRIVATE_MODULES):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (x.name for x in node.names if x.name.startswith(PRIVATE_MODULES))


def names_of_our_own(tree):
    """Yields the names that a file defines: functions, classes, and those it assigns to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_private_names_of_keras_and_tensorflow_are_used_in_one_file_only():
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    del trees[PACKAGE / "internals.py"]
    ours = NAMED_TUPLE.union(*(names_of_our_own(tree) for tree in trees.values()))
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path, tree in trees.items()
        for name in private_names(tree)
        if name not in ours
    }
    assert found == set()


def two_calls():
    """Builds a network that calls a layer twice, once in a model that is itself called twice."""
    dense = layers.Dense(3, name="dense")
    x = keras.Input((3,))
    inner = keras.Model(x, dense(x), name="inner")
    x = keras.Input((3,))
    first = inner(dense(x))
    return keras.Model(x, layers.Add(name="sum")([inner(first), first + 1.0]))


def test_all_layers():
    network = keras.Sequential([keras.Input((3,)), two_calls()])
    names = [layer.name for layer in internals.all_layers(network)]
    assert names[0] == network.name
    assert {"dense", "inner", "sum"} <= set(names)
    assert network not in list(internals.all_layers(network, include_self=False))


def test_forget_gradient():
    @tf.custom_gradient
    def doubled(x):
        return 2.0 * x, lambda upstream: 2.0 * upstream

    def gradient():
        x = tf.constant(3.0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = doubled(x) ** 2
        return tape.gradient(y, x)

    def forget_all(graph):
        for operation in graph.get_operations():
            if "_gradient_op_type" in operation.node_def.attr:
                internals.forget_gradient(operation.get_attr("_gradient_op_type").decode())

    graphs = []
    for forget in (lambda graph: None, forget_all):
        function = tf.function(gradient).get_concrete_function()
        forget(function.graph)
        graphs.append(weakref.ref(function.graph))
        assert float(function()) == 24.0
        del function
    gc.collect()
    assert graphs[0]() is not None  # which is why the function exists
    assert graphs[1]() is None


def test_forget_kernels():
    double = tf.function(lambda x: 2.0 * x)
    double(tf.constant(1.0))
    internals.forget_kernels()
    assert float(double(tf.constant(2.0))) == 4.0


def test_function_definition():
    function = tf.function(lambda x: x + 1.0).get_concrete_function(tf.constant(1.0))
    name = function.name.decode()
    assert internals.function_definition(name).signature.name == name
    with pytest.raises(tf.errors.NotFoundError):
        internals.function_definition("no_such_function")


def test_registered_function():
    ours, others = tf.Variable(2.0), tf.Variable(5.0)
    traced = tf.function(lambda x: {"product": x * ours}).get_concrete_function(tf.constant(1.0))
    definition = traced.function_def
    definition.signature.name = "tfae_test_of_a_name"
    function, same = (
        internals.RegisteredFunction("tfae_test_of_a_name", {"tfae_test_of_a_name": definition})
        for _ in range(2)
    )
    del same
    three = (tf.constant(3.0),)
    assert float(function(three, traced.captured_inputs, traced.function_type)["product"]) == 6.0
    assert float(function(three, [others.handle], traced.function_type)["product"]) == 15.0
    del function
    with pytest.raises(tf.errors.NotFoundError):
        internals.function_definition("tfae_test_of_a_name")


def test_forget_layer():
    model = keras.Model()
    model.inner = layers.Dense(2)
    model.inner.build((None, 3))
    assert len(model.weights) == 2
    internals.forget_layer(model, model.inner)
    assert model.weights == []


def test_seed_generators():
    (generator,) = internals.seed_generators(layers.Dropout(0.5, seed=3))
    assert isinstance(generator, keras.random.SeedGenerator)
    assert internals.seed_generators(layers.Dense(3)) == []
    assert internals.seed_generators(keras.Sequential([layers.Dropout(0.5)])) == []


def test_call_that_made():
    network = two_calls()
    call = internals.call_that_made(network.outputs[0])
    assert call.operation is network.get_layer("sum")
    assert call.outputs[0] is network.outputs[0]
    inner = internals.call_that_made(call.inputs[0])
    assert inner.operation is network.get_layer("inner")
    assert inner.inputs[0] is not call.inputs[0]


@pytest.mark.parametrize("sequential", [False, True])
def test_calls_of_layers(sequential):
    network = two_calls()
    inner = ["inner", "inner", "sum"]
    if sequential:
        network = keras.Sequential([keras.Input((3,)), network, layers.Dense(2, name="last")])
        inner = [network.layers[0].name, "last"]
    calls = internals.calls_of_layers(network)
    assert isinstance(calls[0].operation, layers.InputLayer)
    names = [call.operation.name for call in calls[1:]]
    assert names == (inner if sequential else ["dense", *inner])
    assert calls[-1].outputs[0] is network.outputs[0]


def test_graph_of_saved_model(tmp_path):
    module = tf.Module()
    module.f = tf.function(lambda x: {"y": tf.exp(x)}, [tf.TensorSpec([None], name="x")])
    tf.saved_model.save(module, str(tmp_path), signatures=module.f)
    graph = internals.graph_of_saved_model(tmp_path)
    assert "Exp" in {node.op for function in graph.library.function for node in function.node_def}


@pytest.fixture(scope="module")
def nested():
    x = keras.Input((3,))
    inner = keras.Model(x, keras.layers.Dropout(0.5, seed=1)(keras.layers.Dense(2)(x)))
    model = keras.Model(x, inner(x))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def test_supports_xla(nested):
    assert internals.supports_xla(nested)
    dense = keras.layers.Dense(1)
    dense.supports_jit = False
    assert not internals.supports_xla(keras.Sequential([keras.Input((2,)), dense]))


def test_loss_tracker_and_metrics_of_compile(nested):
    assert internals.loss_tracker(nested).name == "loss"
    assert internals.has_compiled_metrics(nested)
    bare = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    bare.compile("sgd", "mse")
    assert not internals.has_compiled_metrics(bare)


def test_start_fit_at(nested):
    class Start(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            internals.start_fit_at(self.model, 2)

    history = nested.fit(np.zeros((4, 3)), np.zeros((4, 2)), epochs=3, verbose=0,
                         callbacks=[Start()])  # fmt: skip
    internals.start_fit_at(nested, None)
    assert history.epoch == [2]


def test_number_of_updates_counts_accumulated_steps():
    optimizer = keras.optimizers.SGD(gradient_accumulation_steps=2)
    variable = keras.Variable([1.0])
    for _ in range(3):
        optimizer.apply([keras.ops.ones(1)], [variable])
    assert internals.number_of_updates(optimizer) == 3


def test_learning_rate_object():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    assert internals.learning_rate_object(keras.optimizers.SGD(schedule)) is schedule


def test_tensorboard_profiles(tmp_path):
    assert not internals.tensorboard_profiles(keras.callbacks.TensorBoard(tmp_path))


@pytest.mark.parametrize("together", [True, False])
def test_losses_add_up(together):
    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.ActivityRegularization(l2=1.0)

    outer = Outer()
    x = np.ones((1, 3), "float32")
    if together:
        for _ in range(2):  # the second time starts without any
            with internals.losses_add_up(outer, training=True):
                outer.inner(x)
                outer.inner(x)
    else:
        outer.inner(x)
        outer.inner(x)
    assert sum(map(float, outer.losses)) == pytest.approx(6.0 if together else 3.0)


def test_own_losses():
    layer = keras.layers.Dense(1, kernel_regularizer="l2")
    layer.build((1, 1))
    layer.add_loss(keras.ops.convert_to_tensor(3.0))
    assert list(map(float, internals.own_losses(layer))) == [3.0]


def test_the_epoch_variable_is_not_mirrored(two_replicas):
    with two_replicas.scope():
        variable = internals.variable_of_no_strategy(3, tf.int64)
    assert type(variable) is type(internals.variable_of_no_strategy(3, tf.int64))
    dataset = tf.data.Dataset.range(2).map(lambda i: i + variable)
    assert [int(i) for i in dataset] == [3, 4]


def test_the_datasets_that_a_dataset_is_made_of():
    first, second = tf.data.Dataset.range(3), tf.data.Dataset.range(3)
    assert internals.inputs_of_dataset(tf.data.Dataset.zip((first, second))) == [first, second]
    assert internals.inputs_of_dataset(first) == []


def test_the_specification_of_none():
    spec, none = tf.data.Dataset.range(1).map(lambda i: (i, None)).element_spec
    assert internals.is_spec_of_none(none)
    assert not internals.is_spec_of_none(spec)


def test_is_saving_hdf5(tmp_path):
    seen = []

    class Asked(layers.Dense):
        def get_config(self):
            seen.append(internals.is_saving_hdf5())
            return super().get_config()

    model = keras.Sequential([keras.Input((2,)), Asked(1)])
    for name in ("m.h5", "m.keras"):
        seen.clear()
        keras.saving.save_model(model, tmp_path / name)
        assert set(seen) == {name == "m.h5"}
    assert not internals.is_saving_hdf5()
