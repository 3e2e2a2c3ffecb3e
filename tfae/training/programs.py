"""The compiled functions of a model: how many steps they hold, and when they are made anew."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from tfae.training.compilation import loops_well_with_xla, steps_per_program
from tfae.training.fused_steps import fused_train_function


class Programs(keras.Model):
    """A `keras.Model` that runs several train steps as one XLA program where that is faster."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._requested = {"jit_compile": "auto", "steps_per_execution": "auto"}
        self._functions_built_for: dict[str, int] = {}
        self._steps_per_epoch: int | None = None

    def make_train_function(self, force: bool = False) -> None:
        force = self._is_outdated("train") or force
        if self.train_function is not None and not force:
            return
        super().make_train_function(force=True)
        if self.steps_per_execution == 1 or not self._steps_can_be_fused():
            return
        keras_function = self.train_function
        fused_function = fused_train_function(
            self.train_step,
            self.get_metrics_result,
            self.steps_per_execution,
            lambda: self._steps_per_epoch,
        )

        def train_function(iterator: Any) -> dict:
            if isinstance(iterator, tf.data.Iterator):
                return fused_function(iterator)
            return keras_function(iterator)

        self.train_function = train_function

    def make_test_function(self, force: bool = False) -> None:
        super().make_test_function(force=self._is_outdated("test") or force)

    def make_predict_function(self, force: bool = False) -> None:
        super().make_predict_function(force=self._is_outdated("predict") or force)

    def _is_outdated(self, kind: str) -> bool:
        """Whether a function was built for another number of steps (Keras does not look)."""
        outdated = self._functions_built_for.get(kind) != self.steps_per_execution
        self._functions_built_for[kind] = self.steps_per_execution
        return outdated

    @contextlib.contextmanager
    def _steps_per_execution(self, callbacks: Any, data: Any) -> Iterator[None]:
        """Resolves `steps_per_execution="auto"` for the length of one `fit`."""
        if self._requested["steps_per_execution"] != "auto" or not self._steps_can_be_fused():
            yield
            return
        self.steps_per_execution = 1
        if isinstance(data, tf.data.Dataset):
            self.steps_per_execution = steps_per_program(callbacks, data.element_spec)
        try:
            yield
        finally:
            self.steps_per_execution = 1

    def _steps_can_be_fused(self) -> bool:
        return (
            self.jit_compile
            and loops_well_with_xla(self)
            and not self.run_eagerly
            and self.distribute_strategy.num_replicas_in_sync == 1
            # A user's own step may return other logs than the metrics: Keras' loop keeps them.
            and self.train_step.__func__.__module__.startswith("tfae.")
        )

    def _keeps_epochs_apart(self) -> bool:
        """Whether an endless dataset is read in epochs of exactly `steps_per_epoch`.

        Keras' own loop over several steps runs on into the next epoch.
        """
        return self.steps_per_execution == 1 or self._steps_can_be_fused()
