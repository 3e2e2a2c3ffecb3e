"""Graph functions of a model, applied to data batch by batch."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from tfae.batches.batch import Batch
from tfae.training.programs import Programs


class BatchFunctions:
    """Traces functions of a batch once for each kind of batch, and joins their results in NumPy.

    Args:
        programs: Of the model, which drops what is traced when the model changes.
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
            name: Under which the traced function is kept for the next call.
            function: Takes a `Batch` and what `extra` gives; returns tensors `(batch, ...)`.
            batches: Of tensors; entries that are `None` stay `None`.
            extra: Gives further tensors for the batch of an index.

        Returns:
            What the function returns, as arrays `(n, ...)`.

        Raises:
            ValueError: If there are no batches.
        """
        traced = self._programs.graphs()
        results = []
        for i, batch in enumerate(batches):
            further = extra(i)
            present = [field for field, tensor in batch._asdict().items() if tensor is not None]
            tensors = [getattr(batch, field) for field in present]
            # A reshape to a size that is inferred fails for no rows: they are cut off of one row.
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
    def of_tensors(*tensors: tf.Tensor) -> Any:
        fields = dict(zip(present, tensors, strict=False))
        return function(Batch(**fields), *tensors[len(present) :])

    further_specs = map(tf.TensorSpec.from_tensor, further)
    # As Keras runs its steps. Converted by autograph, errors would begin with "in user code".
    return tf.function(of_tensors, autograph=False).get_concrete_function(*specs, *further_specs)
