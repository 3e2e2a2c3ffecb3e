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
            # One trace for all batch sizes.
            specs = [tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in tensors]
            key = f"{name} {present} {specs}"
            if key not in traced:
                traced[key] = _trace(function, present, specs, further)
            results.append(traced[key](*tensors, *further))
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
    return tf.function(of_tensors).get_concrete_function(*specs, *further_specs)
