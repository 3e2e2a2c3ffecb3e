"""The traced and compiled functions of a model, and when they are made again."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tfae.internals import forget_kernels
from tfae.training.compilation import (
    faster_with_xla,
    loops_well_with_xla,
    steps_per_program,
    worth_compiling,
)
from tfae.training.fused_steps import FusedSteps
from tfae.training.single_steps import SingleSteps
from tfae.training.structure import Structure


class Programs:
    """Keeps the functions that a model has traced and compiled.

    There is one function for each execution mode, so switching back to a mode (`evaluate` after
    `fit`) compiles nothing. When the model's structure changes, all are dropped.

    Args:
        model: A `tfae.training.Trainer`.

    Attributes:
        requested: The arguments of `compile`; `"auto"` is resolved for each `fit`.
        steps_per_epoch: Batches per epoch of an endless dataset, otherwise `None`.
    """

    def __init__(self, model: Any):
        self.requested: dict[str, Any] = {"jit_compile": "auto", "steps_per_execution": "auto"}
        self.steps_per_epoch: int | None = None
        self._model = model
        self._functions: dict[tuple, Callable] = {}
        self._graphs: dict[str, Callable] = {}
        self._structure: Structure | None = None

    # ------------------------------------------------------------------ what is kept

    def function(self, kind: str, make: Callable, force: bool = False) -> Callable:
        """Returns the function for the model's present execution mode.

        Args:
            kind: "train", "test" or "predict".
            make: Keras' own `make_..._function`.
            force: Whether to make it again.
        """
        model = self._model
        self._drop_outdated()
        # Keras sets outdated functions to None.
        if force or getattr(model, f"{kind}_function") is None:
            self._functions = {k: f for k, f in self._functions.items() if k[0] != kind}
        key = (kind, model.steps_per_execution, model.jit_compile, model.run_eagerly)
        if key not in self._functions:
            self._functions[key] = self._new(kind, make)
        return self._functions[key]

    def graphs(self) -> dict[str, Callable]:
        """Returns the dictionary of functions traced for other purposes, by name."""
        self._drop_outdated()
        return self._graphs

    def _drop_outdated(self) -> None:
        """Drops all functions if the structure with which they were traced has changed."""
        if not self._model.built:
            return
        structure = Structure(self._model)
        if self._structure is not None and structure != self._structure:
            self._model.structure_changed()
            self._functions.clear()
            self._graphs.clear()
            structure = Structure(self._model)
        self._structure = structure

    def forget_data(self) -> None:
        """Drops the batches that were read ahead."""
        for function in self._functions.values():
            if isinstance(function, FusedSteps):
                function.forget_data()

    # ------------------------------------------------------------------ how they run

    @contextlib.contextmanager
    def for_fit(self, callbacks: Any, data: Any, num_steps: int | None) -> Iterator[None]:
        """Resolves the options that are `"auto"` while one `fit` runs.

        Args:
            callbacks: The user's argument of `fit`.
            data: The data that Keras' `fit` gets.
            num_steps: Number of steps of the whole `fit`, including epochs that are skipped or were
                run before an interruption; `None` if unknown.
        """
        model = self._model
        before = model.jit_compile, model.steps_per_execution
        if self.requested["jit_compile"] == "auto" and not model.run_eagerly:
            model.jit_compile = faster_with_xla(model) and worth_compiling(model, num_steps)
        if self.requested["steps_per_execution"] == "auto" and self.steps_can_be_fused():
            model.steps_per_execution = 1
            if isinstance(data, tf.data.Dataset):
                model.steps_per_execution = steps_per_program(callbacks, data.element_spec)
        try:
            yield
        finally:
            model.jit_compile, model.steps_per_execution = before
            self.forget_data()
            _count_fit()

    def steps_can_be_fused(self) -> bool:
        """Whether several train steps run as one program."""
        model = self._model
        return (
            model.jit_compile
            and loops_well_with_xla(model)
            and not model.run_eagerly
            and model.distribute_strategy.num_replicas_in_sync == 1
            # A user's own step may return other logs than the metrics: only Keras' loop keeps them.
            and model.train_step.__func__.__module__.startswith("tfae.")
        )

    def keeps_epochs_apart(self) -> bool:
        """Whether an endless dataset is read in epochs of exactly `steps_per_epoch`.

        Keras' own loop over several steps runs on into the next epoch.
        """
        return self._model.steps_per_execution == 1 or self.steps_can_be_fused()

    def _new(self, kind: str, make: Callable) -> Callable:
        model = self._model
        step = getattr(model, f"{kind}_step")
        steps = model.steps_per_execution
        distributed = (
            tf.distribute.has_strategy()
            or model.distribute_strategy is not tf.distribute.get_strategy()
        )
        is_nested = kind != "predict" and steps == 1  # Keras calls a traced function in another
        if model.run_eagerly or distributed or not (model.jit_compile or is_nested):
            make(force=True)
            return getattr(model, f"{kind}_function")
        if not model.jit_compile:
            return SingleSteps(step, xla=False)
        if kind == "train" and steps > 1 and self.steps_can_be_fused():
            return FusedSteps(step, model.get_metrics_result, steps, lambda: self.steps_per_epoch)
        return SingleSteps(step, steps, joins_results=kind == "predict")


_fits = itertools.count(1)
_FITS_BETWEEN = 16


def _count_fit() -> None:
    """Now and then frees what TensorFlow keeps of the datasets of each `fit`, about 1 MB."""
    if next(_fits) % _FITS_BETWEEN == 0:
        forget_kernels()


class FreshPrograms(keras.callbacks.Callback):
    """Makes changes by callbacks between epochs, such as `model.penalty = 5`, take effect."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.model.make_train_function()
