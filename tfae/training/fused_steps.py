"""Several train steps as one XLA program.

Keras compiles a single step and loops outside it, so every step pays for starting the program and
for passing all variables in and out. Here the loop is inside the program: a small network trains up
to twice as fast, with the same results.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfae.training.compilation import ProgramBudget
from tfae.training.shared_functions import let_go_of, share
from tfae.training.single_steps import SingleSteps


class FusedSteps:
    """A Keras train function that runs several steps as one program.

    It also handles fewer batches than `max_steps`, a smaller last batch and batches of changing
    shapes: each shape gets its own program, or runs without XLA when the budget of programs is used
    up.

    Args:
        train_step: Runs one step on one batch; its result is ignored.
        logs: Returns the metrics' results; called once, after the last step of a program.
        max_steps: Maximum number of batches that one call consumes, at least 1.
        steps_per_epoch: Returns the number of batches of an epoch if the iterator has more than one
            epoch, otherwise `None`.
    """

    def __init__(
        self,
        train_step: Callable,
        logs: Callable[[], dict],
        max_steps: int,
        steps_per_epoch: Callable[[], int | None],
    ):
        self._train_step = train_step
        self._logs = logs
        self._max_steps = max_steps
        self._steps_per_epoch = steps_per_epoch
        self._budget = ProgramBudget()
        self._single = SingleSteps(train_step, max_steps)
        # Traced once for each kind of data, for any batch size; XLA compiles a program for each
        # size that occurs.
        self._traced: dict[tuple, Callable] = {}
        self.forget_data()

    def forget_data(self) -> None:
        """Drops the batches that were read ahead, while the last program ran."""
        self._iterator: tf.data.Iterator | None = None
        self._position = 0  # number of batches of the iterator trained on so far
        self._stacked: Any = None
        self._count: tf.Tensor | None = None
        self._pending: Any = None

    def __call__(self, iterator: Any) -> dict:
        """Runs up to `max_steps` steps; raises `StopIteration` at the iterator's end."""
        if not isinstance(iterator, tf.data.Iterator):
            return self._single(iterator)
        if self._iterator is not iterator:
            self.forget_data()
            self._iterator = iterator
            nothing = tf.experimental.Optional.empty(iterator.element_spec)
            self._stacked, self._count, self._pending = self._collect(iterator)(
                iterator, nothing, tf.constant(self._next_steps())
            )
        result, remaining = None, self._next_steps()
        while remaining and self._count:
            count = int(self._count)
            remaining -= count
            self._position += count
            # While the program runs, read the rest of this call's batches, or else those of the
            # next call.
            limit = tf.constant(remaining or self._next_steps())
            result, (self._stacked, self._count, self._pending) = self._run_and_collect(iterator)(
                self._stacked, self._count, iterator, self._pending, limit
            )
        if result is None:
            self.forget_data()
            raise StopIteration
        return result

    def _next_steps(self) -> int:
        """Number of batches for the next call; a program never runs on into the next epoch."""
        total = self._steps_per_epoch()
        return min(self._max_steps, total - self._position % total) if total else self._max_steps

    # ------------------------------------------------------------------ what is traced

    def _collect(self, iterator: tf.data.Iterator) -> Callable:
        spec = iterator.element_spec
        key = (repr(spec), "collect")
        if key not in self._traced:
            collect = tf.function(self._stack_next)
            self._traced[key] = share(collect.get_concrete_function(*_source(spec)))
        return self._traced[key]

    def _run_and_collect(self, iterator: tf.data.Iterator) -> Callable:
        spec = iterator.element_spec
        function = self._function(spec, xla=True)
        shapes = tuple(tuple(t.shape) for t in tf.nest.flatten(self._stacked) if t is not None)
        if not self._budget.allows(function.name, shapes):
            return self._function(spec, xla=False)
        return function

    def _function(self, spec: Any, xla: bool) -> Any:
        key = (repr(spec), xla)
        if key not in self._traced:
            run = tf.function(self._run, jit_compile=xla or None)

            @tf.function
            def run_and_collect(stacked: Any, count: tf.Tensor, *source: Any) -> tuple:
                # The two parts are independent, so TensorFlow runs them at the same time.
                return run(stacked, count), self._stack_next(*source)

            stacked = tf.nest.map_structure(
                lambda s: (
                    tf.TensorSpec([None, *s.shape], s.dtype)
                    if isinstance(s, tf.TensorSpec)
                    else None
                ),
                spec,
            )
            count = tf.TensorSpec([], tf.int32)
            keep = share if xla else let_go_of
            self._traced[key] = keep(
                run_and_collect.get_concrete_function(stacked, count, *_source(spec))
            )
        return self._traced[key]

    def _run(self, stacked: Any, num_steps: tf.Tensor) -> dict:
        def body(step: tf.Tensor) -> tf.Tensor:
            batch = tf.nest.map_structure(lambda t: None if t is None else t[step], stacked)
            self._train_step(batch)
            return step + 1

        tf.while_loop(lambda step: step < num_steps, body, [tf.constant(0)])
        return self._logs()

    def _stack_next(self, iterator: Any, pending: Any, limit: tf.Tensor) -> tuple:
        return _stack_equal_shapes(iterator, pending, limit, self._max_steps)


def _source(element_spec: Any) -> tuple:
    scalar = tf.TensorSpec([], tf.int32)
    return tf.data.IteratorSpec(element_spec), tf.OptionalSpec(element_spec), scalar


def _stack_equal_shapes(
    iterator: tf.data.Iterator, pending: Any, limit: tf.Tensor, size: int
) -> tuple[Any, tf.Tensor, Any]:
    """Stacks batches until `limit`, the end of the data, or a batch of another shape.

    Args:
        iterator: Source of batches.
        pending: Optional batch that has already been read.
        limit: Maximum number of batches to take.
        size: Leading dimension of the result, whose unused rest is zeros.

    Returns:
        The stacked batches `(size, ...)`, their number, and the batch that did not fit.
    """
    spec = iterator.element_spec
    flat_specs = tf.nest.flatten(spec)
    present = [i for i, s in enumerate(flat_specs) if isinstance(s, tf.TensorSpec)]

    def tensors(optional: Any) -> list[tf.Tensor]:
        flat = tf.nest.flatten(optional.get_value())
        return [flat[i] for i in present]

    def shapes(optional: Any) -> tf.Tensor:
        """All shapes in one vector, which is empty if there is no batch."""
        return tf.cond(
            optional.has_value(),
            lambda: tf.concat([tf.shape(t) for t in tensors(optional)], axis=0),
            lambda: tf.zeros([0], tf.int32),
        )

    def read():
        return iterator.get_next_as_optional()

    def nothing():
        return tf.experimental.Optional.empty(spec)

    pending = tf.cond(pending.has_value(), lambda: pending, read)
    first_shapes = shapes(pending)
    arrays = [
        tf.TensorArray(flat_specs[i].dtype, size, element_shape=flat_specs[i].shape)
        for i in present
    ]

    def fits(count: tf.Tensor, pending: Any, *_: tf.TensorArray) -> tf.Tensor:
        same = tf.cond(
            pending.has_value(),
            lambda: tf.reduce_all(tf.equal(shapes(pending), first_shapes)),
            lambda: False,
        )
        return tf.logical_and(count < limit, same)

    def take(count: tf.Tensor, pending: Any, *arrays: tf.TensorArray) -> tuple:
        arrays = [a.write(count, t) for a, t in zip(arrays, tensors(pending), strict=True)]
        return count + 1, tf.cond(count + 1 < limit, read, nothing), *arrays

    count, pending, *arrays = tf.while_loop(fits, take, [tf.constant(0), pending, *arrays])
    flat = [None] * len(flat_specs)
    for i, array in zip(present, arrays, strict=True):
        # Without any batch, `stack` would not know the shape.
        empty = tf.zeros([0, *(d or 0 for d in flat_specs[i].shape)], flat_specs[i].dtype)
        flat[i] = tf.cond(count > 0, array.stack, lambda empty=empty: empty)
    return tf.nest.pack_sequence_as(spec, flat), count, pending
