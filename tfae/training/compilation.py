"""Decides whether XLA makes a train step faster on this machine, and how much it may compile."""

import warnings
from pathlib import Path
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfae.internals import all_layers, seed_generators, supports_xla, tensorboard_profiles

# Bound on the batches stacked for one program: it keeps the copy cheap and memory predictable.
_MAX_STACKED_BYTES = 64 * 2**20
_MAX_STEPS = 32
_ASSUMED_BATCH_SIZE = 128  # for a dataset that does not declare it

_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)


def faster_with_xla(model: keras.Model) -> bool:
    """Whether a train step is faster under XLA, not counting the time to compile.

    XLA fuses the many small operations of a dense network, which makes it about twice as fast. On
    CPUs it is slower than TensorFlow's own kernels for convolutions and for Keras' random layers,
    whose generator it runs one lane at a time. It cannot run under `tf.distribute` on several CPUs.
    """
    if tf.distribute.has_strategy() or model.distribute_strategy.num_replicas_in_sync > 1:
        return False
    if not model.gains_from_xla or not supports_xla(model):
        return False
    if tf.config.list_physical_devices("GPU"):
        return True
    return not (has_convolutions(model) or any(map(_is_keras_random_layer, all_layers(model))))


def worth_compiling(model: keras.Model, num_steps: int | None) -> bool:
    """Whether a `fit` is long enough to save more time than XLA takes to compile.

    The answer depends on the network and the number of steps of the whole `fit`, not of the steps
    that remain: a resumed run must compute the same as one that was not interrupted.

    Args:
        model: A built model.
        num_steps: Train steps of the whole `fit`; `None` if unknown, which counts as long enough.
    """
    if num_steps is None:
        return True
    variables = model.trainable_variables
    size = sum(tf.TensorShape(v.shape).num_elements() for v in variables)
    saved = num_steps * (_SAVED_PER_STEP + _SAVED_PER_WEIGHT * size)
    return saved > _COMPILE_TIME + _COMPILE_TIME_PER_VARIABLE * len(variables)


# In seconds, on two cores.
_SAVED_PER_STEP = 0.8e-3
_SAVED_PER_WEIGHT = 2e-9
_COMPILE_TIME = 1.5
_COMPILE_TIME_PER_VARIABLE = 0.2


class ProgramBudget:
    """Limits the number of programs that XLA compiles for one function.

    XLA compiles a program for every shape of the inputs and keeps it in memory mappings until the
    process ends, and Linux ends a process that has too many of them. When the budget of the
    function or of the process is used up, new shapes run without XLA.
    """

    _compiled: ClassVar[set[tuple]] = set()  # in this process, by whatever function

    def __init__(self, limit: int = 8):
        self._limit = limit
        self._number = 0

    def allows(self, name: str | bytes, shapes: tuple) -> bool:
        """Whether there is a program, or may be another one.

        Args:
            name: Of the function: of equal ones the same.
            shapes: Of its inputs.
        """
        if (name, shapes) in self._compiled:
            return True
        if self._number == self._limit:
            return False
        if not _mappings_are_left():
            warnings.warn(
                "XLA has compiled so much in this process that its memory mappings run out "
                "(vm.max_map_count). New models run on TensorFlow's own kernels from now on: the "
                "results are the same up to rounding, small models are slower.",
                stacklevel=2,
            )
            return False
        self._number += 1
        self._compiled.add((name, shapes))
        return True


def _mappings_are_left() -> bool:
    """Whether this process has used less than half of the memory mappings that Linux allows."""
    try:
        with open("/proc/self/maps", "rb") as maps:
            return sum(1 for _ in maps) < _most_mappings() // 2
    except OSError:  # not Linux
        return True


def _most_mappings() -> int:
    return int(Path("/proc/sys/vm/max_map_count").read_text())


def loops_well_with_xla(model: keras.Model) -> bool:
    """Whether XLA runs a step inside a loop as fast as a single step.

    On CPUs it does not for convolutions: inside a loop its compiler uses a slow path, which made a
    step 28 times slower (`benchmarks/train_step.py --model conv`).
    """
    return bool(tf.config.list_physical_devices("GPU")) or not has_convolutions(model)


def has_convolutions(model: keras.Model) -> bool:
    """Whether the model has a convolution, at any depth."""
    return any(isinstance(layer, _CONVOLUTIONS) for layer in all_layers(model))


def _is_keras_random_layer(layer: keras.layers.Layer) -> bool:
    return type(layer).__module__.startswith("keras.") and bool(seed_generators(layer))


def steps_per_program(callbacks: Any, element_spec: Any) -> int:
    """Resolves `steps_per_execution="auto"`.

    Several steps run as one program unless a callback uses the hooks of single batches.

    Args:
        callbacks: The user's argument of `fit`.
        element_spec: Element spec of the training dataset.

    Returns:
        Number of steps, at least 1.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    elif callbacks is None or isinstance(callbacks, keras.callbacks.Callback):
        callbacks = [callbacks] if callbacks else []
    if any(_uses_batch_hooks(c) for c in callbacks):
        return 1
    batch_bytes = sum(
        spec.dtype.size
        * tf.TensorShape([d or _ASSUMED_BATCH_SIZE for d in spec.shape]).num_elements()
        for spec in tf.nest.flatten(element_spec)
        if isinstance(spec, tf.TensorSpec) and spec.shape.rank is not None
    )
    return max(1, min(_MAX_STEPS, _MAX_STACKED_BYTES // max(batch_bytes, 1)))


def _uses_batch_hooks(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback does anything at the beginning or end of a training batch."""
    c = keras.callbacks
    if isinstance(callback, c.ProgbarLogger):
        return False
    # These override the hooks, but use them only with certain options.
    if type(callback) in (c.ModelCheckpoint, c.BackupAndRestore):
        return callback.save_freq != "epoch"
    if type(callback) is c.TensorBoard:
        profiles = tensorboard_profiles(callback)
        return callback.update_freq != "epoch" or callback.write_steps_per_second or profiles
    hooks = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
    return any(
        getattr(getattr(callback, hook), "__func__", None) is not getattr(c.Callback, hook)
        for hook in hooks
    )
