"""Models of equal structure run the same programs, each on its own variables."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.training import compilation, fused_steps, shared_functions, single_steps
from tfae.training.learning_rate import CosineOverFit
from tfae.training.shared_functions import share


def traced(function, *args):
    return tf.function(function).get_concrete_function(*args)


def loop_of(variable, factor):
    """Returns a function with a loop, whose body is another function."""

    def function(x):
        for _ in tf.range(3):
            variable.assign_add(factor * x)
        return {"value": variable.read_value()}

    return share(traced(function, tf.constant(1.0)))


def test_functions_share_a_name_if_and_only_if_they_compute_the_same():
    variables = tf.Variable(1.0), tf.Variable(10.0)
    functions = [loop_of(variable, 2.0) for variable in variables]
    assert functions[0].name == functions[1].name != loop_of(variables[0], 3.0).name
    results = [float(function(tf.constant(1.0))["value"]) for function in functions]
    assert results == [7.0, 16.0]
    assert [float(v) for v in variables] == results


def test_functions_of_variables_of_different_shapes_have_different_names():
    def name(size):
        variable = tf.Variable(tf.zeros([size]))
        return share(traced(lambda: variable.read_value())).name

    assert name(2) == name(2) != name(3)


def test_a_called_function_lives_as_long_as_any_caller():
    variable = tf.Variable(1.0)
    functions = [loop_of(variable, 7.0) for _ in range(2)]
    shared_functions._kept.clear()
    del functions[0]
    gc.collect()
    assert float(functions[0](tf.constant(1.0))["value"]) == 22.0


def test_functions_that_call_python_are_not_shared():
    function = traced(lambda x: tf.numpy_function(np.negative, [x], tf.float32), tf.constant(1.0))
    assert share(function) is function
    assert float(share(function)(tf.constant(2.0))) == -2.0


def test_the_traced_graph_is_freed():
    function = traced(lambda x: x + 1.0, tf.constant(1.0))
    graph = weakref.ref(function.graph)
    shared = share(function)
    del function
    gc.collect()
    assert graph() is None
    assert float(shared(tf.constant(1.0))) == 2.0


@pytest.fixture
def compiled(monkeypatch):
    """The programs that XLA has compiled since the test started."""
    monkeypatch.setattr(compilation.ProgramBudget, "_compiled", set())
    return compilation.ProgramBudget._compiled


def test_a_second_model_of_equal_structure_compiles_nothing(tiny, few_digits, compiled):
    def fit(seed):
        model = tiny(seed, jit_compile=True, optimizer=keras.optimizers.SGD)
        model.fit(few_digits[:64], validation_data=few_digits[:32], verbose=0)
        model.evaluate(few_digits[:32], verbose=0)
        model.predict(few_digits[:32], verbose=0)
        model.train_on_batch(few_digits[:32])
        return model

    first = fit(1)
    names = set(compiled)
    assert len({name for name, _ in names}) == 4
    second = fit(2)
    assert compiled == names
    assert np.any(first.get_weights()[0] != second.get_weights()[0])


@pytest.mark.parametrize("fused", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_shared_program_trains_bit_for_bit_like_an_unshared_one(
    few_digits, compiled, monkeypatch, fused
):
    """It uses the noise, learning rate and term weights of the model that runs it."""

    def history_and_weights(seed, beta, epochs):
        model = tfae.VariationalAutoencoder.from_shape(
            (8, 8, 1), 2, hidden_units=(), beta=beta, seed=seed
        )
        model.compile(
            keras.optimizers.SGD(CosineOverFit(1e-2)),
            jit_compile=True,
            steps_per_execution="auto" if fused else 1,
        )
        history = model.fit(few_digits[:60], epochs=epochs, batch_size=30, verbose=0).history
        return history, model.get_weights()

    history_and_weights(1, 0.1, 1)
    before = set(compiled)
    shared = history_and_weights(2, 2.0, 2)
    assert compiled == before
    for module in (fused_steps, single_steps):
        monkeypatch.setattr(module, "share", lambda function: function)
    own = history_and_weights(2, 2.0, 2)
    assert len(compiled) > len(before)
    assert shared[0] == own[0]
    for a, b in zip(shared[1], own[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_models_with_different_hyperparameters_share_no_program(tiny, few_digits, compiled):
    def programs(momentum):
        model = tiny()
        model.compile(keras.optimizers.SGD(1e-2, momentum), jit_compile=True)
        before = set(compiled)
        model.train_on_batch(few_digits[:20])
        return compiled - before

    assert [len(programs(momentum)) for momentum in (0.9, 0.9, 0.8)] == [1, 0, 1]
