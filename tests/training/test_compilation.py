"""When XLA compiles, and how many programs a process keeps."""

import warnings

import keras
import pytest
import tensorflow as tf
from keras.optimizers import SGD

import tfae
from tfae.training import compilation


def test_only_long_fits_are_compiled(tiny, watch, few_digits, monkeypatch):
    model, few_digits = tiny(jit_compile="auto", optimizer=SGD), few_digits[:64]
    model.fit(few_digits, epochs=2, callbacks=[watch], verbose=0)
    assert watch.xla == [False, False]
    assert compilation.worth_compiling(model, 100_000)
    assert compilation.worth_compiling(model, None)  # possibly endless
    # Skipped epochs count: a resumed run must run like one that was not interrupted.
    asked = []
    monkeypatch.setattr(
        "tfae.training.programs.worth_compiling", lambda _, steps: asked.append(steps) or True
    )
    model.fit(few_digits, epochs=50, initial_epoch=49, callbacks=[watch], verbose=0)
    assert asked == [50 * 2]
    assert watch.xla[2:] == [True]
    assert watch.steps[2] > 1
    assert model.jit_compile is False  # outside `fit` nothing is compiled


def test_random_layers_of_keras_and_convolutions_turn_automatic_xla_off(tiny):
    def model_with(layer):
        x = keras.Input((8, 8, 1))
        code = keras.layers.Dense(2)(keras.layers.Flatten()(layer(x)))
        decoder = tiny().decoder
        return tfae.Autoencoder(keras.Model(x, code), decoder)

    assert compilation.faster_with_xla(model_with(keras.layers.Rescaling(2.0)))
    assert not compilation.faster_with_xla(model_with(keras.layers.Dropout(0.2)))
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    assert compilation.faster_with_xla(model_with(keras.layers.Conv2D(1, 3))) == on_gpu


def test_convolutional_steps_are_not_fused_on_a_cpu(tiny):
    dense = tiny(jit_compile=True)
    model = tfae.Autoencoder.from_shape((4, 4, 1), 3, architecture="conv", filters=(2,), seed=1)
    model.compile(jit_compile=True)
    assert dense._programs.steps_can_be_fused()
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    assert model._programs.steps_can_be_fused() == on_gpu


def test_a_program_budget_ends_at_its_limit_and_when_the_process_runs_out_of_mappings(monkeypatch):
    monkeypatch.setattr(compilation.ProgramBudget, "_compiled", set())
    budget = compilation.ProgramBudget(limit=2)
    assert budget.allows("train", ((1,),))
    assert budget.allows("train", ((2,),))
    assert not budget.allows("train", ((3,),))
    assert budget.allows("train", ((1,),))  # it exists already
    monkeypatch.setattr(compilation, "_mappings_are_left", lambda: False)
    other = compilation.ProgramBudget()
    assert other.allows("train", ((1,),))  # an equal function of another model has compiled it
    with pytest.warns(UserWarning, match="memory mappings"):
        assert not other.allows("test", ((1,),))


def test_a_process_out_of_mappings_trains_without_xla_and_warns_once(tiny, few_digits, monkeypatch):
    monkeypatch.setattr(compilation, "_most_mappings", lambda: 100)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for units in (1, 3):  # so that no programs can be shared
            model = tfae.Autoencoder.from_shape((8, 8, 1), units, hidden_units=(), seed=1)
            model.compile(SGD(1e-2), jit_compile=True)
            history = model.fit(few_digits[:64], epochs=2, verbose=0).history["loss"]
            assert history[1] < history[0]
    assert len([w for w in caught if "memory mappings" in str(w.message)]) == 1
