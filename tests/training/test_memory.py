"""A process may train any number of models."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import tensorflow as tf
from keras.optimizers import SGD

import tfae.batches.epochs_of_arrays
from tfae.training.compilation import ProgramBudget

LINUX = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="counts Linux' mappings")


def mappings():
    return len(Path("/proc/self/maps").read_text().splitlines())


@LINUX
def test_small_fits_leave_no_memory_mappings_behind(tiny, few_digits):
    def fit_and_use():
        model = tiny(jit_compile="auto", optimizer=SGD)
        model.fit(few_digits[:64], verbose=0)

    for _ in range(2):
        fit_and_use()
    before = mappings()
    for _ in range(5):  # compiled by XLA, each would keep about fifty
        fit_and_use()
    assert mappings() - before < 50


def test_nothing_of_a_fitted_model_outlives_it(tiny, few_digits):
    def graphs():
        gc.collect()
        kind = type(tf.function(lambda: 0).get_concrete_function().graph)
        return sum(isinstance(thing, kind) for thing in gc.get_objects())

    def fit_and_use():
        model = tiny(jit_compile="auto")
        model.fit(few_digits[:64], validation_data=few_digits[:64], verbose=0)
        model.anomaly_score(few_digits)

    fit_and_use()
    before = graphs()
    fit_and_use()
    assert graphs() == before


@LINUX
def test_batches_of_changing_sizes_compile_a_bounded_number_of_programs(
    tiny, few_digits, monkeypatch
):
    monkeypatch.setattr(ProgramBudget.__init__, "__defaults__", (2,))
    model = tiny(jit_compile=True, optimizer=SGD)
    for size in range(1, 5):
        model.train_on_batch(few_digits[:size])
    before = mappings()
    for size in range(5, 15):
        model.train_on_batch(few_digits[:size])
    assert mappings() - before < 20
    assert int(model.optimizer.iterations) == 14


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_nothing_keeps_the_training_data_after_fit(tiny, few_digits, monkeypatch, jit_compile):
    kept = []
    convert = tfae.batches.epochs_of_arrays._on_host

    def watched(array):
        tensor = convert(array)
        kept.append(weakref.ref(tensor))
        return tensor

    monkeypatch.setattr(tfae.batches.epochs_of_arrays, "_on_host", watched)
    model, few_digits = tiny(jit_compile=jit_compile, optimizer=SGD), few_digits[:64]
    model.fit(few_digits, validation_data=few_digits, verbose=0)
    gc.collect()
    assert kept
    assert [reference() for reference in kept] == [None] * len(kept)


@LINUX
@pytest.mark.slow
def test_a_grid_search_under_xla_needs_the_mappings_of_one_model(tiny, few_digits):
    def fit(seed):
        model = tiny(seed, jit_compile=True, optimizer=SGD)
        model.fit(few_digits[:64], validation_data=few_digits[:32], verbose=0)

    fit(0)
    before = mappings()
    for seed in range(1, 4):
        fit(seed)
    assert mappings() - before < 20


@pytest.mark.slow
@LINUX
def test_200_small_fits_and_1000_batch_sizes_leave_no_mappings_behind():
    """Of 65,530 that Linux allows. With a leak, it would die after a thousand fits."""
    script = """
import numpy as np, tfae
x = np.random.default_rng(0).random((64, 4, 4, 1)).astype("float32")
def new(jit):
    model = tfae.Autoencoder.from_shape((4, 4, 1), 2, hidden_units=(), seed=1)
    model.compile(jit_compile=jit)
    return model
def mappings():
    return len(open("/proc/self/maps").readlines())
for _ in range(5):
    new("auto").fit(x, batch_size=32, verbose=0)
begin = mappings()
for _ in range(200):
    new("auto").fit(x, batch_size=32, verbose=0)
print(mappings() - begin)
model = new(True)
rows = np.repeat(x, 16, axis=0)
for size in range(1, 12):
    model.train_on_batch(rows[:size])
begin = mappings()
for size in range(12, 1001):
    model.train_on_batch(rows[:size])
print(mappings() - begin)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-2000:]
    of_fits, of_batches = map(int, done.stdout.split())
    assert of_fits < 200
    assert of_batches < 100
