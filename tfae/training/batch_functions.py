"""Applies functions of a batch to data as graphs, batch by batch."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from tfae.batches.batch import Batch
from tfae.training.programs import Programs
from tfae.training.shared_functions import let_go_of


class BatchFunctions:
    """Traces functions of a batch once for each kind of batch, and joins their results in NumPy.

    Args:
        programs: The model's programs, which drop traced functions when the model changes.
    """

    def __init__(self, programs: Programs):
        self._programs = programs

    def run(
        self,
        name: str,
        function: Callable,
        batches: Iterable[Batch],
        extra: Callable[[int], tuple] = lambda batch_index: (),
    ) -> Any:
        """Applies a function to batches.

        Args:
            name: Name under which the traced function is kept for the next call.
            function: Takes a `Batch` and the tensors of `extra`; returns tensors `(batch, ...)`.
            batches: Batches of tensors; entries that are `None` stay `None`.
            extra: Returns further tensors for a batch, given its index.

        Returns:
            The function's results as arrays `(n, ...)`.

        Raises:
            ValueError: If there are no batches.
        """
        traced = self._programs.graphs()
        results = []
        for i, batch in enumerate(batches):
            further = extra(i)
            present = [field for field, tensor in batch._asdict().items() if tensor is not None]
            tensors = [getattr(batch, field) for field in present]
            # A reshape with a size of -1 fails for zero rows: run one row and cut it off.
            num_rows = len(tensors[0])
            if not num_rows:
                tensors = [tf.zeros([1, *t.shape[1:]], t.dtype) for t in tensors]
            # One trace for all batch sizes.
            specs = [tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in tensors]
            key = f"{name} {present} {specs}"
            if key not in traced:
                traced[key] = _trace(function, present, specs, further)
            outputs = traced[key](*tensors, *further)
            if not num_rows:
                outputs = tf.nest.map_structure(lambda output: output[:0], outputs)
            results.append(outputs)
        if not results:
            raise ValueError("The dataset holds no batches.")
        return tf.nest.map_structure(
            lambda *parts: np.concatenate([np.asarray(p) for p in parts]), *results
        )


def _trace(function: Callable, present: list[str], specs: list, further: tuple) -> Callable:
    def call(*tensors: tf.Tensor) -> Any:
        fields = dict(zip(present, tensors, strict=False))
        return function(Batch(**fields), *tensors[len(present) :])

    further_specs = map(tf.TensorSpec.from_tensor, further)
    # Without autograph, as in Keras: with it, errors would begin with "in user code".
    traced = tf.function(call, autograph=False)
    return let_go_of(traced.get_concrete_function(*specs, *further_specs))
