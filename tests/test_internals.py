"""Each private name of Keras and TensorFlow that tfae uses still means what it did."""

import ast
import pathlib

import keras
import pytest
import tensorflow as tf

import tfae
from tfae import internals

layers = keras.layers
PACKAGE = pathlib.Path(tfae.__file__).parent
PRIVATE_MODULES = ("keras.src", "tensorflow.python", "tensorflow.lite.python", "tensorflow.core")
STILL_TO_DO = ("batches/", "cli/", "training/")
NAMED_TUPLE = {"_asdict", "_fields", "_make", "_replace"}  # private by their look only


def private_names(tree):
    """What a file uses that begins with an underscore, or comes from a private module."""
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
    """What a file defines: functions, classes, and what it assigns to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_private_names_of_others_stand_in_one_file():
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    del trees[PACKAGE / "internals.py"]
    ours = NAMED_TUPLE.union(*(names_of_our_own(tree) for tree in trees.values()))
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path, tree in trees.items()
        for name in private_names(tree)
        if name not in ours
    }
    found = {name for name in found if not name.startswith(STILL_TO_DO)}
    assert found == set()


def two_calls():
    """A network that calls one layer twice, once inside a model that is called twice itself."""
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
