"""Updates of the atoms for fixed codes: pure functions, and layers that hold their state."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfae.ops.lasso import lasso


class SolvedBatch(NamedTuple):
    """A batch, with the codes that `lasso` found for it.

    Attributes:
        x: `(batch, dimension)`.
        codes: `(batch, num_atoms)`.
        residual: `x - codes @ atoms`, `(batch, dimension)`.
        gap: How far above its minimum over the codes the objective may be, `(batch,)`.
        weights: Sample weights `(batch,)`, zero or more.
    """

    x: tf.Tensor
    codes: tf.Tensor
    residual: tf.Tensor
    gap: tf.Tensor
    weights: tf.Tensor


class Descent(keras.layers.Layer):
    """Online dictionary learning: `descend` on statistics of all batches; older ones fade.

    Args:
        num_atoms: Number of atoms.
        penalty: Weight of the L1 norm; not used here.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def __init__(self, num_atoms: int, penalty: float, **kwargs):
        super().__init__(**kwargs)
        self.num_atoms = num_atoms
        self.penalty = penalty

    def build(self, input_shape: tuple) -> None:
        self.codes_codes = add_state(self, "codes_codes", (self.num_atoms, self.num_atoms))
        self.codes_data = add_state(self, "codes_data", (self.num_atoms, input_shape[-1]))

    def improve(
        self,
        atoms: tf.Tensor,
        batch: SolvedBatch,
        fading: tf.Tensor,
        candidates: tf.Tensor,
        jit_compile: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Improves the atoms on one batch.

        Args:
            atoms: `(num_atoms, dimension)`.
            batch: The batch and its codes.
            fading: Weight of the statistics so far, in [0, 1].
            candidates: Not used here.
            jit_compile: Whether XLA compiles the loop.

        Returns:
            Atoms `(num_atoms, dimension)`, and which of them were replaced, bool `(num_atoms,)`:
            none.
        """
        weighted = batch.codes * batch.weights[:, None]
        new = tf.matmul(weighted, batch.codes, transpose_a=True)
        self.codes_codes.assign(fading * self.codes_codes + new)
        new = tf.matmul(weighted, batch.x, transpose_a=True)
        self.codes_data.assign(fading * self.codes_data + new)
        step = _descend_compiled if jit_compile else descend
        return step(atoms, self.codes_codes, self.codes_data), tf.zeros([self.num_atoms], tf.bool)

    def forget(self, renewed: tf.Tensor) -> None:
        """Begins anew with the atoms for which `renewed`, bool `(num_atoms,)`, is true."""
        for statistic in (self.codes_codes, self.codes_data):
            statistic.assign(tf.where(renewed[:, None], tf.zeros_like(statistic), statistic))
        self.codes_codes.assign(
            tf.where(renewed, tf.zeros_like(self.codes_codes), self.codes_codes)
        )


class Replacement(keras.layers.Layer):
    """Atoms stay real patches: `swap`, with a pool of patches from the previous batch.

    Args:
        num_atoms: Number of atoms, and of patches in the pool.
        penalty: Weight of the L1 norm.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def __init__(self, num_atoms: int, penalty: float, **kwargs):
        super().__init__(**kwargs)
        self.num_atoms = num_atoms
        self.penalty = penalty

    def build(self, input_shape: tuple) -> None:
        self.pool = add_state(self, "pool", (self.num_atoms, input_shape[-1]))
        self.usefulness = add_state(self, "usefulness", (self.num_atoms,))

    def improve(
        self,
        atoms: tf.Tensor,
        batch: SolvedBatch,
        fading: tf.Tensor,
        candidates: tf.Tensor,
        jit_compile: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Replaces atoms by patches from the pool.

        Args:
            atoms: `(num_atoms, dimension)`.
            batch: The batch and its codes.
            fading: Weight of the atoms' usefulness so far, in [0, 1].
            candidates: Patches for the next pool, `(num_atoms, dimension)`; a patch in the pool
                stays where its candidate is all zeros.
            jit_compile: Whether XLA compiles the loop.

        Returns:
            Atoms `(num_atoms, dimension)`, and which of them were replaced, bool `(num_atoms,)`.
        """
        step = _swap_compiled if jit_compile else swap
        penalty = tf.constant(self.penalty, atoms.dtype)
        swapped = Swapped(*step(atoms, batch, self.pool, penalty, self.usefulness))

        # The codes are optimal only up to their duality gap. Where the gap could hide whether the
        # swap helps, solving for the codes again decides.
        objective = 0.5 * tf.reduce_sum(batch.residual**2, axis=1)
        objective += penalty * tf.reduce_sum(tf.abs(batch.codes), axis=1)
        least = _mean(batch, objective - batch.gap)
        expected = _mean(batch, objective) - swapped.decrease
        after = tf.cond(
            (swapped.decrease > 0) & (expected >= least),
            lambda: _mean(
                batch,
                lasso(batch.x, swapped.atoms, penalty, 1e-3, jit_compile=jit_compile).objective,
            ),
            lambda: expected,
        )
        is_lower = after < least
        replaced = swapped.replaced & is_lower
        worth = tf.where(is_lower, swapped.worth, _mean(batch, 0.5 * batch.codes**2))

        past = fading * self.usefulness + (1 - fading) * worth
        self.usefulness.assign(tf.where(replaced, worth, past))
        is_patch = tf.reduce_any(tf.not_equal(candidates, 0), axis=1, keepdims=True)
        self.pool.assign(tf.where(is_patch, candidates, self.pool))
        return tf.where(is_lower, swapped.atoms, atoms), replaced

    def forget(self, renewed: tf.Tensor) -> None:
        """Begins anew with the atoms for which `renewed`, bool `(num_atoms,)`, is true."""
        self.usefulness.assign(tf.where(renewed, tf.zeros_like(self.usefulness), self.usefulness))


class Swapped(NamedTuple):
    """The result of `swap`.

    Attributes:
        atoms: `(num_atoms, dimension)`.
        replaced: Which of them were replaced, bool `(num_atoms,)`.
        worth: By how much each atom lowers this batch's objective, per example, `(num_atoms,)`.
        decrease: By how much all swaps together lower the objective, per example; scalar.
    """

    atoms: tf.Tensor
    replaced: tf.Tensor
    worth: tf.Tensor
    decrease: tf.Tensor


def add_state(layer: keras.layers.Layer, name: str, shape: tuple, **options: Any) -> keras.Variable:
    """Adds a weight that the atoms' updates use: in full precision, equal on all replicas."""
    return layer.add_weight(
        **{"initializer": "zeros", "trainable": False, **options},
        name=name,
        shape=shape,
        dtype=solver_dtype(layer),
        autocast=False,
        aggregation="only_first_replica",
    )


def solver_dtype(layer: keras.layers.Layer) -> str:
    """The dtype in which codes are solved for: float64 under that policy, else float32."""
    return "float64" if layer.variable_dtype == "float64" else "float32"


def unit_norm(atoms: tf.Tensor) -> tf.Tensor:
    """Scales atoms `(n, dimension)` to length one; zeros stay zeros."""
    return tf.math.divide_no_nan(atoms, tf.norm(atoms, axis=1, keepdims=True))


def descend(
    atoms: tf.Tensor, codes_codes: tf.Tensor, codes_data: tf.Tensor, block_size: int = 32
) -> tf.Tensor:
    """Minimises the squared error over one atom after the other, each of length one.

    Let A be the sum of `codes^T codes` over the data, and B the sum of `codes^T x`. Atom j becomes
    `atoms[j] + (B[j] - A[j] @ atoms) / A[j, j]`, scaled to length one. This is the exact minimum,
    so the error never rises. An atom that was never used stays.

    Args:
        atoms: `(num_atoms, dimension)`.
        codes_codes: A, `(num_atoms, num_atoms)`.
        codes_data: B, `(num_atoms, dimension)`.
        block_size: Number of atoms whose residual is computed by one matrix product; it changes
            the speed only.

    Returns:
        New atoms `(num_atoms, dimension)`.

    Reference:
        Mairal, Bach, Ponce and Sapiro, "Online learning for matrix factorization and sparse
        coding", 2010, algorithm 2.
    """
    num_atoms = atoms.shape[0]
    block_size = min(block_size, num_atoms)
    padding = -num_atoms % block_size
    atoms = tf.pad(atoms, [[0, padding], [0, 0]])
    codes_data = tf.pad(codes_data, [[0, padding], [0, 0]])
    codes_codes = tf.pad(codes_codes, [[0, padding], [0, padding]])

    def improve_block(block: tf.Tensor, atoms: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        indices = block * block_size + tf.range(block_size)
        part, weights = tf.gather(atoms, indices), tf.gather(codes_codes, indices)
        residual = tf.gather(codes_data, indices) - tf.matmul(weights, atoms)
        within = tf.gather(weights, indices, axis=1)

        def improve(j: tf.Tensor, part: tf.Tensor, residual: tf.Tensor) -> tuple:
            old = part[j]
            new = old + tf.math.divide_no_nan(residual[j], within[j, j])
            length = tf.norm(new)
            new = tf.where((within[j, j] > 0) & (length > 0), new / length, old)
            return (
                j + 1,
                tf.tensor_scatter_nd_update(part, [[j]], new[None]),
                residual - within[:, j, None] * (new - old),
            )

        _, part, _ = tf.while_loop(lambda j, *_: j < block_size, improve, [0, part, residual])
        return block + 1, tf.tensor_scatter_nd_update(atoms, indices[:, None], part)

    num_blocks = (num_atoms + padding) // block_size
    _, atoms = tf.while_loop(lambda block, _: block < num_blocks, improve_block, [0, atoms])
    return atoms[:num_atoms]


def swap(
    atoms: tf.Tensor, batch: SolvedBatch, pool: tf.Tensor, penalty: float, usefulness: tf.Tensor
) -> Swapped:
    """Replaces atoms by better-fitting patches from a pool, the least useful atoms first.

    With the other codes fixed, an atom s at its best coefficient lowers the objective of an example
    by `0.5 * max(|s . r| - penalty, 0)^2`, where r is the residual without that atom, after all
    earlier swaps. If the best patch of the pool lowers the batch's objective by more than the atom
    does, it takes the atom's place. So every swap lowers the objective even before the codes are
    solved for again, which lowers it further.

    Args:
        atoms: `(num_atoms, dimension)`.
        batch: The batch and its codes.
        pool: Patches of length one, `(pool_size, dimension)`; zeros are skipped.
        penalty: Weight of the L1 norm.
        usefulness: By how much each atom lowered the objective in the past, per example,
            `(num_atoms,)`. A patch must beat that too, or small batches would lose atoms that are
            used rarely.
    """

    def shrink(product: tf.Tensor) -> tf.Tensor:
        """The best coefficients of atoms, given their products with the residual."""
        return tf.sign(product) * tf.maximum(tf.abs(product) - penalty, 0)

    def outer(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return a[:, None] * b

    worth = _mean(batch, 0.5 * batch.codes**2)
    order = tf.argsort(worth)
    pool_pool = tf.matmul(pool, pool, transpose_b=True)
    products = tf.matmul(batch.residual, pool, transpose_b=True)
    is_free = tf.reduce_any(tf.not_equal(pool, 0), axis=1)

    # `gather`, not slices: XLA would compile once for each value of a slice's index.
    def try_swap(
        i: tf.Tensor,
        atoms: tf.Tensor,
        replaced: tf.Tensor,
        worth: tf.Tensor,
        residual: tf.Tensor,
        products: tf.Tensor,
        is_free: tf.Tensor,
        decrease: tf.Tensor,
    ):
        k = order[i]
        atom = tf.gather(atoms, k)
        code = tf.gather(batch.codes, k, axis=1)
        correlation = tf.linalg.matvec(residual, atom)
        # At its present code, and at its best one.
        present_worth = code * correlation + 0.5 * code**2 - penalty * tf.abs(code)
        best_worth = _mean(batch, 0.5 * shrink(correlation + code) ** 2)

        without = products + outer(code, tf.linalg.matvec(pool, atom))
        gains = _mean(batch, 0.5 * shrink(without) ** 2)
        best = tf.argmax(tf.where(is_free, gains, -tf.ones_like(gains)), output_type=tf.int32)
        gain = tf.gather(gains, best)
        least = tf.maximum(best_worth, tf.gather(usefulness, k))
        # By more than rounding errors can amount to.
        is_better = (gain > least * (1 + 1e-4)) & tf.gather(is_free, best)
        patch, pool_pool_row = tf.gather(pool, best), tf.gather(pool_pool, best)
        new_code = shrink(tf.gather(without, best, axis=1))

        def with_row(all_rows: tf.Tensor, new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
            row = tf.where(is_better, new, old)[None]
            return tf.tensor_scatter_nd_update(all_rows, [[k]], row)

        return (
            i + 1,
            with_row(atoms, patch, atom),
            with_row(replaced, True, False),
            with_row(worth, gain, best_worth),
            tf.where(is_better, residual + outer(code, atom) - outer(new_code, patch), residual),
            tf.where(is_better, without - outer(new_code, pool_pool_row), products),
            is_free & ~(is_better & (tf.range(tf.shape(pool)[0]) == best)),
            decrease + tf.where(is_better, gain - _mean(batch, present_worth), tf.zeros_like(gain)),
        )

    none = tf.zeros_like(worth, tf.bool)
    decrease = tf.zeros([], worth.dtype)
    _, atoms, replaced, worth, *_, decrease = tf.while_loop(
        lambda i, *_: i < tf.shape(atoms)[0],
        try_swap,
        [0, atoms, none, worth, batch.residual, products, is_free, decrease],
    )
    return Swapped(atoms, replaced, worth, decrease)


def _mean(batch: SolvedBatch, per_example: tf.Tensor) -> tf.Tensor:
    """The weighted mean of `(batch, ...)` over the batch, `[...]`."""
    total = tf.tensordot(batch.weights, per_example, 1)
    return tf.math.divide_no_nan(total, tf.reduce_sum(batch.weights))


def _compiled(function: Callable) -> Callable:
    """Compiles `function` with XLA; it outlives all models, so it takes tensors, not variables."""
    compiled = tf.function(function, jit_compile=True)
    return lambda *arguments: compiled(*tf.nest.map_structure(tf.convert_to_tensor, arguments))


_descend_compiled = _compiled(descend)
_swap_compiled = _compiled(swap)


def sample_by_error(
    x: tf.Tensor, errors: tf.Tensor, count: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws examples without replacement, in proportion to their errors, as k-means++ does.

    Args:
        x: `(batch, dimension)`.
        errors: Zero or more, `(batch,)`; an example without error is not drawn.
        count: Number of examples to draw.
        seed: int64 of shape `(2,)`.

    Returns:
        Examples `(count, dimension)`, and how many were drawn: these come first, the rest is
            zeros.
    """
    # Random bits are the same under XLA, random floats are not.
    bits = tf.random.stateless_uniform(
        tf.shape(errors), seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    uniform = (tf.cast(bits // 256, x.dtype) + 0.5) / 2**24
    # The examples with the largest keys are such a sample (Efraimidis and Spirakis, 2006).
    keys = tf.math.log(errors) - tf.math.log(-tf.math.log(uniform))
    order = tf.argsort(keys, direction="DESCENDING", stable=True)[:count]
    num_drawn = tf.minimum(tf.math.count_nonzero(errors > 0, dtype=tf.int32), count)
    x = tf.gather(x, order)
    is_drawn = tf.range(tf.shape(x)[0]) < num_drawn
    x = tf.where(is_drawn[:, None], x, tf.zeros_like(x))
    return tf.pad(x, [[0, count - tf.shape(x)[0]], [0, 0]]), num_drawn
