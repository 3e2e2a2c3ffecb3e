"""Sparse coefficients by FISTA, for many examples at once."""

from typing import NamedTuple

import tensorflow as tf


class Solution(NamedTuple):
    """The result of `lasso`.

    Attributes:
        codes: Coefficients `(batch, num_atoms)`, most of them exactly zero.
        objective: The objective at these codes, `(batch,)`.
        gap: Duality gap `(batch,)`: the objective is at most this far above its minimum.
        iterations: Number of iterations that each row took, int32 `(batch,)`.
    """

    codes: tf.Tensor
    objective: tf.Tensor
    gap: tf.Tensor
    iterations: tf.Tensor


def lasso(
    x: tf.Tensor,
    atoms: tf.Tensor,
    penalty: float | tf.Tensor,
    tolerance: float | tf.Tensor = 1e-6,
    max_iterations: int | tf.Tensor = 1000,
    block_size: int = 128,
    jit_compile: bool = False,
    mask: tf.Tensor | None = None,
) -> Solution:
    """Minimises `0.5 * ||x - codes @ atoms||^2 + penalty * ||codes||_1` for every row of `x`.

    With a mask the squared distance is that of the observed elements.

    FISTA with a step size that adapts to the local curvature. A step that would raise a row's
    objective is not taken, and the row's momentum restarts, so the objective never rises. Rows are
    solved a block at a time. A row that is done makes room for the next, so no row waits for the
    slowest.

    Works eagerly, in graphs and under XLA, which is 2 to 3 times as fast on CPUs.

    Args:
        x: Data `(batch, dimension)`, float32 or float64.
        atoms: `(num_atoms, dimension)`, of the same dtype; a zero atom gets coefficients of zero.
        penalty: Weight of the L1 norm, above zero.
        tolerance: A row is done when its duality gap is below this fraction of its objective, or
            when the dtype is too coarse for further progress.
        max_iterations: Maximum number of iterations of a row, rounded up to a multiple of 8.
        block_size: Number of rows that are solved at a time.
        jit_compile: Whether to compile the iterations with XLA when the caller is not compiled.
            One program serves any number of rows.
        mask: 1 where `x` is observed, 0 elsewhere, where `x` must be zero, `(batch, dimension)` of
            the same dtype; `None` if all is observed.

    Returns:
        Codes, objective, gap and iterations of every row. No gradient flows through them.

    References:
        Beck and Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse
        problems", 2009; O'Donoghue and Candès, "Adaptive restart for accelerated gradient
        schemes", 2015.
    """
    x, atoms = tf.stop_gradient(x), tf.stop_gradient(tf.convert_to_tensor(atoms))
    penalty, tolerance = tf.cast(penalty, x.dtype), tf.cast(tolerance, x.dtype)
    batch, num_atoms = tf.shape(x)[0], atoms.shape[0]
    iterate = _iterate_compiled if jit_compile else _iterate_some
    # Row `batch` is zero and done from the start: it fills the places of a block that are free.
    x = tf.pad(x, [[0, 1], [0, 0]])
    mask = None if mask is None else tf.pad(mask, [[0, 1], [0, 0]])
    found = Solution(
        tf.zeros([batch + 1, num_atoms], x.dtype),
        tf.zeros([batch + 1], x.dtype),
        tf.zeros([batch + 1], x.dtype),
        tf.zeros([batch + 1], tf.int32),
    )

    def work(rows: tf.Tensor, taken: tf.Tensor, state: _State, found: Solution) -> tuple:
        masks = () if mask is None else (tf.gather(mask, rows),)
        state = iterate(state, tf.gather(x, rows), atoms, penalty, tolerance, *masks)
        # Write all rows, done or not: that is cheaper than selecting.
        latest = Solution(state.codes, state.objective, state.gap, state.iterations)
        found = tf.nest.map_structure(
            lambda kept, new: tf.tensor_scatter_nd_update(kept, rows[:, None], new), found, latest
        )
        leaves = state.done | (state.iterations >= max_iterations)
        rank = tf.cumsum(tf.cast(leaves, tf.int32))
        rows = tf.where(leaves, tf.minimum(taken + rank - 1, batch), rows)
        state = tf.nest.map_structure(
            lambda new, old: tf.where(leaves[:, None] if new.shape.rank == 2 else leaves, new, old),
            _begin(tf.gather(x, rows), num_atoms),
            state,
        )
        return rows, tf.minimum(taken + rank[-1], batch), state, found

    rows = tf.minimum(tf.range(block_size), batch)
    *_, found = tf.while_loop(
        lambda rows, *_: tf.reduce_any(rows < batch),
        work,
        [rows, tf.minimum(block_size, batch), _begin(tf.gather(x, rows), num_atoms), found],
    )
    return Solution(*(values[:batch] for values in found))


_ITERATIONS_BETWEEN_CHANGES = 8
_CURVATURE_DECAY = 0.95


class _State(NamedTuple):
    """The state of the iteration for the rows of a block."""

    codes: tf.Tensor
    residual: tf.Tensor  # x - codes @ atoms, zero where x is not observed
    ahead: tf.Tensor  # The extrapolated point is codes + ahead; ...
    ahead_of_data: tf.Tensor  # ... this is ahead @ atoms, likewise.
    momentum: tf.Tensor  # Nesterov's t
    curvature: tf.Tensor  # inverse of the step
    objective: tf.Tensor
    gap: tf.Tensor
    done: tf.Tensor
    iterations: tf.Tensor


def _begin(x: tf.Tensor, num_atoms: int) -> _State:
    zeros = tf.zeros([tf.shape(x)[0], num_atoms], x.dtype)
    objective = 0.5 * tf.reduce_sum(x**2, axis=1)
    return _State(
        codes=zeros,
        residual=x,
        ahead=zeros,
        ahead_of_data=tf.zeros_like(x),
        momentum=tf.ones_like(objective),
        curvature=tf.ones_like(objective),  # exact along one atom of length one
        objective=objective,
        gap=objective,
        done=tf.equal(objective, 0),
        iterations=tf.zeros_like(objective, tf.int32),
    )


def _iterate_some(
    state: _State,
    x: tf.Tensor,
    atoms: tf.Tensor,
    penalty: tf.Tensor,
    tolerance: tf.Tensor,
    mask: tf.Tensor | None = None,
) -> _State:
    _, state = tf.while_loop(
        lambda i, _: i < _ITERATIONS_BETWEEN_CHANGES,
        lambda i, state: (i + 1, _iterate(state, x, atoms, penalty, tolerance, mask)),
        [0, state],
    )
    return state


# A block has the same shape for any number of rows, so there is one trace for each shape of the
# atoms. A relaxed trace would serve other shapes too, but not a single atom, which broadcasts.
_iterate_compiled = tf.function(_iterate_some, jit_compile=True)


def _iterate(
    state: _State,
    x: tf.Tensor,
    atoms: tf.Tensor,
    penalty: tf.Tensor,
    tolerance: tf.Tensor,
    mask: tf.Tensor | None,
) -> _State:
    """One iteration of FISTA; rows that are done stay as they are.

    Changes of the objective are computed from products of differences, never as differences of
    large sums. This keeps the decisions right down to the resolution of float32.
    """
    point = state.codes + state.ahead
    residual = state.residual - state.ahead_of_data
    correlation = tf.matmul(residual, atoms, transpose_b=True)

    step = 1 / state.curvature[:, None]
    moved = point + step * correlation
    proposal = tf.sign(moved) * tf.maximum(tf.abs(moved) - step * penalty, 0)
    change = proposal - state.codes
    change_of_data = tf.matmul(change, atoms)
    if mask is not None:
        change_of_data *= mask

    rise = tf.reduce_sum(change_of_data * (0.5 * change_of_data - state.residual), axis=1)
    rise += penalty * tf.reduce_sum(tf.abs(proposal) - tf.abs(state.codes), axis=1)
    curvature = tf.math.divide_no_nan(
        tf.reduce_sum((change_of_data - state.ahead_of_data) ** 2, axis=1),
        tf.reduce_sum((change - state.ahead) ** 2, axis=1),
    )
    # With a short enough step the proposal is no worse than the extrapolated point, so that point's
    # gap, whose correlations are known, is a bound for the proposal.
    short_enough = curvature <= state.curvature * 1.0001
    gap = tf.where(
        short_enough,
        tf.minimum(state.gap, _duality_gap(point, residual, correlation, x, penalty)),
        state.gap,
    )
    accepted = (rise <= 0) & ~state.done
    take = accepted[:, None]
    codes = tf.where(take, proposal, state.codes)
    new_residual = tf.where(take, state.residual - change_of_data, state.residual)
    objective = 0.5 * tf.reduce_sum(new_residual**2, axis=1)
    objective += penalty * tf.reduce_sum(tf.abs(codes), axis=1)

    momentum = 0.5 * (1 + tf.sqrt(1 + 4 * state.momentum**2))
    weight = ((state.momentum - 1) / momentum)[:, None]
    # Without momentum, a short enough step is refused only because of rounding: the row is done.
    at_resolution = (rise >= 0) & short_enough & (state.momentum <= 1)
    return _State(
        codes=codes,
        residual=new_residual,
        ahead=tf.where(take, weight * change, tf.zeros_like(change)),
        ahead_of_data=tf.where(take, weight * change_of_data, tf.zeros_like(change_of_data)),
        momentum=tf.where(accepted, momentum, tf.ones_like(momentum)),
        curvature=tf.where(
            short_enough,
            tf.maximum(state.curvature * _CURVATURE_DECAY, curvature),
            curvature * 1.05,
        ),
        objective=tf.where(state.done, state.objective, objective),
        gap=tf.where(state.done, state.gap, gap),
        done=state.done | (gap <= tolerance * objective) | at_resolution,
        iterations=state.iterations + tf.cast(~state.done, tf.int32),
    )


def _duality_gap(
    codes: tf.Tensor, residual: tf.Tensor, correlation: tf.Tensor, x: tf.Tensor, penalty: tf.Tensor
) -> tf.Tensor:
    """Primal minus dual objective; the dual point is the residual, scaled as well as is feasible.

    The gap is written as a sum of non-negative terms, each of which is zero at the optimum.
    """
    largest = tf.reduce_max(tf.abs(correlation), axis=1)
    power = tf.reduce_sum(residual**2, axis=1)
    limit = tf.math.divide_no_nan(penalty, largest)
    limit = tf.where(largest > 0, limit, tf.ones_like(limit))
    best = tf.math.divide_no_nan(tf.reduce_sum(x * residual, axis=1), power)
    scale = tf.clip_by_value(best, -limit, limit)
    slack = tf.reduce_sum(penalty * tf.abs(codes) - scale[:, None] * codes * correlation, axis=1)
    return 0.5 * (1 - scale) ** 2 * power + slack
