"""How atoms improve while the codes are fixed: pure functions, and layers that hold their state."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf


class Explained(NamedTuple):
    """A batch with its solution.

    Attributes:
        x: `(batch, dimension)`.
        codes: `(batch, num_atoms)`.
        residual: `x - codes @ atoms`, `(batch, dimension)`.
        weights: Of the examples, `(batch,)`, zero or more.
    """

    x: tf.Tensor
    codes: tf.Tensor
    residual: tf.Tensor
    weights: tf.Tensor


class Descent(keras.layers.Layer):
    """Online dictionary learning: `descend` with statistics of all batches, of which old ones fade.

    Args:
        num_atoms: Number of atoms.
        penalty: Weight of the L1 norm; not used here.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def __init__(self, num_atoms: int, penalty: float, **kwargs):
        super().__init__(**kwargs)
        self.num_atoms = num_atoms

    def build(self, input_shape: tuple) -> None:
        self.codes_codes = add_state(self, "codes_codes", (self.num_atoms, self.num_atoms))
        self.codes_data = add_state(self, "codes_data", (self.num_atoms, input_shape[-1]))

    def improve(
        self,
        atoms: tf.Tensor,
        batch: Explained,
        fading: tf.Tensor,
        candidates: tf.Tensor,
        jit_compile: bool = False,
    ) -> tf.Tensor:
        """Improves the atoms, `(num_atoms, dimension)`, by a batch; `fading` weighs the past."""
        weighted = batch.codes * batch.weights[:, None]
        new = tf.matmul(weighted, batch.codes, transpose_a=True)
        self.codes_codes.assign(fading * self.codes_codes + new)
        new = tf.matmul(weighted, batch.x, transpose_a=True)
        self.codes_data.assign(fading * self.codes_data + new)
        step = _descend_compiled if jit_compile else descend
        return step(atoms, self.codes_codes, self.codes_data)

    def forget(self, renewed: tf.Tensor) -> None:
        """Begins anew with the atoms for which `renewed`, bool `(num_atoms,)`, is true."""
        for statistic in (self.codes_codes, self.codes_data):
            statistic.assign(tf.where(renewed[:, None], tf.zeros_like(statistic), statistic))
        self.codes_codes.assign(
            tf.where(renewed, tf.zeros_like(self.codes_codes), self.codes_codes)
        )


class Replacement(keras.layers.Layer):
    """Atoms stay real patches: `swap`, with a pool of patches of the batch before.

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
        batch: Explained,
        fading: tf.Tensor,
        candidates: tf.Tensor,
        jit_compile: bool = False,
    ) -> tf.Tensor:
        """Improves the atoms, `(num_atoms, dimension)`; `candidates` are the next pool."""
        step = _swap_compiled if jit_compile else swap
        atoms, replaced, worth = step(
            atoms, batch, self.pool, tf.constant(self.penalty, atoms.dtype), self.usefulness
        )
        past = fading * self.usefulness + (1 - fading) * worth
        self.usefulness.assign(tf.where(replaced, worth, past))
        self.pool.assign(candidates)
        return atoms

    def forget(self, renewed: tf.Tensor) -> None:
        """Begins anew with the atoms for which `renewed`, bool `(num_atoms,)`, is true."""
        self.usefulness.assign(tf.where(renewed, tf.zeros_like(self.usefulness), self.usefulness))


def add_state(layer: keras.layers.Layer, name: str, shape: tuple, **options: Any) -> keras.Variable:
    """A weight of learning atoms: in full precision, and the same on all replicas."""
    return layer.add_weight(
        **{"initializer": "zeros", "trainable": False, **options},
        name=name,
        shape=shape,
        dtype=solver_dtype(layer),
        autocast=False,
        aggregation="only_first_replica",
    )


def solver_dtype(layer: keras.layers.Layer) -> str:
    """float32 under every policy but float64."""
    return "float64" if layer.variable_dtype == "float64" else "float32"


def unit_norm(atoms: tf.Tensor) -> tf.Tensor:
    """Atoms `(n, dimension)` at length one; zeros stay zeros."""
    return tf.math.divide_no_nan(atoms, tf.norm(atoms, axis=1, keepdims=True))


def descend(
    atoms: tf.Tensor, codes_codes: tf.Tensor, codes_data: tf.Tensor, block_size: int = 32
) -> tf.Tensor:
    """Minimises the squared error over one atom after the other, each at length one.

    With A the sum of `codes^T codes` and B that of `codes^T x` over the data, atom j becomes
    `atoms[j] + (B[j] - A[j] @ atoms) / A[j, j]`, at length one, which is exact: the error never
    rises. An atom that was never used stays.

    Args:
        atoms: `(num_atoms, dimension)`.
        codes_codes: A, `(num_atoms, num_atoms)`.
        codes_data: B, `(num_atoms, dimension)`.
        block_size: Atoms whose common residual is one matrix product; only speed depends on it.

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
        places = block * block_size + tf.range(block_size)
        here, weights = tf.gather(atoms, places), tf.gather(codes_codes, places)
        residual = tf.gather(codes_data, places) - tf.matmul(weights, atoms)
        within = tf.gather(weights, places, axis=1)

        def improve(j: tf.Tensor, here: tf.Tensor, residual: tf.Tensor) -> tuple:
            old = here[j]
            new = old + tf.math.divide_no_nan(residual[j], within[j, j])
            length = tf.norm(new)
            new = tf.where((within[j, j] > 0) & (length > 0), new / length, old)
            return (
                j + 1,
                tf.tensor_scatter_nd_update(here, [[j]], new[None]),
                residual - within[:, j, None] * (new - old),
            )

        _, here, _ = tf.while_loop(lambda j, *_: j < block_size, improve, [0, here, residual])
        return block + 1, tf.tensor_scatter_nd_update(atoms, places[:, None], here)

    num_blocks = (num_atoms + padding) // block_size
    _, atoms = tf.while_loop(lambda block, _: block < num_blocks, improve_block, [0, atoms])
    return atoms[:num_atoms]


def swap(
    atoms: tf.Tensor, batch: Explained, pool: tf.Tensor, penalty: float, usefulness: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Replaces atoms by patches of a pool that fit better, the least useful atoms first.

    All other codes being fixed, an atom at its best coefficient takes `0.5 * coefficient^2` off the
    objective of an example, and a patch p in its place would take off
    `0.5 * max(|p . r| - penalty, 0)^2`, r being the residual without the atom. Where the best patch
    of the pool takes off more of the batch's objective, it becomes the atom: no swap raises it.

    Args:
        atoms: `(num_atoms, dimension)`.
        batch: With its solution.
        pool: Patches of length one, `(pool_size, dimension)`; zeros are passed over.
        penalty: Weight of the L1 norm.
        usefulness: What each atom took off in the past, per example, `(num_atoms,)`; a patch must
            take off more than that, too, or small batches would cost atoms that are used rarely.

    Returns:
        Atoms `(num_atoms, dimension)`, whether each was replaced, and what each takes off this
        batch, per example.
    """

    def mean(per_example: tf.Tensor) -> tf.Tensor:
        total = tf.linalg.matvec(per_example, batch.weights, transpose_a=True)
        return tf.math.divide_no_nan(total, tf.reduce_sum(batch.weights))

    worth = mean(0.5 * batch.codes**2)
    order = tf.argsort(worth)
    pool_pool = tf.matmul(pool, pool, transpose_b=True)
    products = tf.matmul(batch.residual, pool, transpose_b=True)
    is_free = tf.reduce_any(tf.not_equal(pool, 0), axis=1)

    # Indices that depend on data go to `gather`: XLA would compile anew for each value of a slice.
    def look(
        i: tf.Tensor,
        atoms: tf.Tensor,
        replaced: tf.Tensor,
        worth: tf.Tensor,
        products: tf.Tensor,
        is_free: tf.Tensor,
    ):
        k = order[i]
        code = tf.gather(batch.codes, [k], axis=1)
        without = products + code * tf.linalg.matvec(pool, tf.gather(atoms, k))
        gains = mean(0.5 * tf.maximum(tf.abs(without) - penalty, 0) ** 2)
        best = tf.argmax(tf.where(is_free, gains, -tf.ones_like(gains)), output_type=tf.int32)
        # More by a margin that rounding cannot make.
        gain = tf.gather(gains, best)
        least = tf.maximum(tf.gather(worth, k), tf.gather(usefulness, k)) * (1 + 1e-4)
        is_better = (gain > least) & tf.gather(is_free, best)
        product = tf.gather(without, [best], axis=1)
        code = tf.sign(product) * tf.maximum(tf.abs(product) - penalty, 0)

        def with_row(all_rows: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
            return tf.tensor_scatter_nd_update(
                all_rows, [[k]], tf.where(is_better, new, tf.gather(all_rows, k))[None]
            )

        return (
            i + 1,
            with_row(atoms, tf.gather(pool, best)),
            with_row(replaced, True),
            with_row(worth, gain),
            tf.where(is_better, without - code * tf.gather(pool_pool, best), products),
            is_free & ~(is_better & (tf.range(tf.shape(pool)[0]) == best)),
        )

    replaced = tf.zeros_like(worth, tf.bool)
    _, atoms, replaced, worth, *_ = tf.while_loop(
        lambda i, *_: i < tf.shape(atoms)[0],
        look,
        [0, atoms, replaced, worth, products, is_free],
    )
    return atoms, replaced, worth


def _compiled(function: Callable) -> Callable:
    """`function` under XLA: it outlives every model, and must not be traced with its variables."""
    compiled = tf.function(function, jit_compile=True)
    return lambda *arguments: compiled(*tf.nest.map_structure(tf.convert_to_tensor, arguments))


_descend_compiled = _compiled(descend)
_swap_compiled = _compiled(swap)


def badly_explained(
    x: tf.Tensor, errors: tf.Tensor, count: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws examples without replacement, each in proportion to its error, as k-means++ does.

    Args:
        x: `(batch, dimension)`.
        errors: Zero or more, `(batch,)`; an example without error is not drawn.
        count: How many.
        seed: int64 of shape `(2,)`.

    Returns:
        Examples `(count, dimension)`, and how many of them, the first ones, were drawn; the others
        are zeros.
    """
    # Bits, which XLA draws as TensorFlow does.
    bits = tf.random.stateless_uniform(
        tf.shape(errors), seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    uniform = (tf.cast(bits // 256, x.dtype) + 0.5) / 2**24
    # The largest of these keys are such a sample (Efraimidis and Spirakis, 2006).
    keys = tf.math.log(errors) - tf.math.log(-tf.math.log(uniform))
    order = tf.argsort(keys, direction="DESCENDING", stable=True)[:count]
    num_drawn = tf.minimum(tf.math.count_nonzero(errors > 0, dtype=tf.int32), count)
    x = tf.gather(x, order)
    is_drawn = tf.range(tf.shape(x)[0]) < num_drawn
    x = tf.where(is_drawn[:, None], x, tf.zeros_like(x))
    return tf.pad(x, [[0, count - tf.shape(x)[0]], [0, 0]]), num_drawn
