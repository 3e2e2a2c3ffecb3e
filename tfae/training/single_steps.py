"""Runs steps one by one."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from tfae.training.compilation import ProgramBudget
from tfae.training.shared_functions import let_go_of, share


class SingleSteps:
    """A Keras train, test or predict function that runs each step as a separate program.

    XLA compiles a program for every batch shape and never frees it. When the budget is used up,
    batches of new shapes run without XLA, with the same results up to rounding.

    No traced function here calls another one: TensorFlow would keep the graph of the inner one
    until the process ends, for its gradient.

    Args:
        step: Runs one step on one batch and returns its results.
        steps: Maximum number of batches per call.
        joins_results: Whether to join the results of all batches, as for "predict", whose batches
            come in a list. Otherwise only the last result is returned, and batches come from an
            iterator.
        xla: Whether to compile with XLA.
    """

    def __init__(
        self, step: Callable, steps: int = 1, joins_results: bool = False, xla: bool = True
    ):
        self._step = step
        self._steps = steps
        self._joins_results = joins_results
        self._xla = xla
        self._budget = ProgramBudget()
        self._traced: dict[Any, Callable] = {}

    def __call__(self, batches: Iterable) -> Any:
        """Runs the next batches.

        Raises:
            StopIteration, tf.errors.OutOfRangeError: If there are none.
        """
        if not self._xla and self._steps == 1 and isinstance(batches, tf.data.Iterator):
            return self._run_next(batches)
        results = [self._run(batch) for _, batch in zip(range(self._steps), batches, strict=False)]
        if not results:
            raise StopIteration
        if not self._joins_results or len(results) == 1:
            return results[-1]
        return keras.tree.map_structure(lambda *parts: tf.concat(parts, axis=0), *results)

    def _run(self, batch: Any) -> Any:
        batch = keras.tree.map_structure(_as_tensor, batch)
        function = self._function(batch, self._xla)
        if self._xla:
            shapes = tuple(tuple(t.shape) for t in tf.nest.flatten(batch) if t is not None)
            if not self._budget.allows(function.name, shapes):
                function = self._function(batch, xla=False)
        return function(batch)

    def _function(self, batch: Any, xla: bool) -> Any:
        # One trace for all batch sizes.
        specs = keras.tree.map_structure(
            lambda t: None if t is None else tf.TensorSpec([None, *t.shape[1:]], t.dtype), batch
        )
        key = (repr(specs), xla)
        if key not in self._traced:
            function = tf.function(self._step, jit_compile=xla or None)
            keep = share if xla else let_go_of
            self._traced[key] = keep(function.get_concrete_function(specs))
        return self._traced[key]

    def _run_next(self, iterator: tf.data.Iterator) -> Any:
        """Reads a batch and runs its step in one traced function."""
        key = repr(iterator.element_spec)
        if key not in self._traced:
            function = tf.function(
                lambda it: self._step(keras.tree.map_structure(_as_tensor, it.get_next()))
            )
            spec = tf.data.IteratorSpec(iterator.element_spec)
            self._traced[key] = let_go_of(function.get_concrete_function(spec))
        return self._traced[key](iterator)


def _as_tensor(leaf: Any) -> tf.Tensor | None:
    if leaf is None or isinstance(leaf, tf.experimental.Optional):
        return None
    return tf.convert_to_tensor(leaf)
