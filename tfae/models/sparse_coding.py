"""Sparse coding."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, overload

import keras
import numpy as np
import tensorflow as tf

from tfae.arguments import positive, whole_number
from tfae.attributes import checked_by
from tfae.bases.autoencoding import Autoencoding
from tfae.batches.batch import Batch, unpack
from tfae.batches.contract import DataContract
from tfae.batches.elements import checked_missing, filled, is_observed
from tfae.layers.scaling import Scaling, checked_scaling
from tfae.ops.atom_updates import (
    Descent,
    Replacement,
    SolvedBatch,
    add_state,
    sample_by_error,
    solver_dtype,
    unit_norm,
)
from tfae.ops.lasso import Solution, lasso
from tfae.training.objective import log_loss

__all__ = ["SparseCoding"]


@keras.saving.register_keras_serializable("tfae")
class SparseCoding(Autoencoding):
    """Represents each patch as a sum of a few atoms, which it learns from the patches.

    Minimises `0.5 * ||x - codes @ atoms||^2 + penalty * ||codes||_1` alternately over the codes of
    the patches and over the atoms, which have length one. There is no encoder network: `encode`
    solves for the codes, and `decode` computes the sum of atoms.

    The initial atoms are patches from the first batches that `fit` sees. An atom that has not been
    used for long is replaced by a patch with a large error.

    The logs show the objective as `loss`, its parts `reconstruction_loss` and `sparsity_loss`, the
    `duality_gap` of the codes, the number of `active_coefficients` per patch, and the number of
    `dead_atoms`.

    Example:
        ```python
        patches = tfae.data.patches.cut(image, (8, 8), 20_000, seed=0)
        patches = tfae.data.patches.Whitening.fit(patches)(patches)
        model = tfae.SparseCoding(num_atoms=128, penalty=0.5)
        model.compile()
        model.fit(patches, batch_size=256, epochs=5)
        edges = model.atoms
        ```

    Args:
        num_atoms: Number of atoms, usually more than a patch has elements.
        penalty: Cost of one unit of a coefficient, above zero. If it is at least the largest
            product of a patch with an atom, the code of that patch is zero.
        atom_update: `"gradient"`: online dictionary learning, which minimises the squared error
            over one atom after the other, using statistics of all batches; older ones fade.
            `"replace"`: atoms stay real patches; one is replaced by a patch from an earlier batch
            if that lowers the objective.
        tolerance: Duality gap, as a fraction of the objective, at which codes count as solved.
            Training uses at least 0.001.
        missing: `"mask"` if NaN in the data is a missing value, `None` if it is an error. Codes are
            then solved for, and atoms updated, on the observed elements alone. A patch that becomes
            an atom has its reconstruction where it is not observed.
        scaling: A `tfae.layers.Scaling(shift, factor)`, which scales patches for the model and is
            undone in what it decodes. Atoms and objective are those of the scaled patches.
        seed: Integer that determines the choice of patches and the order of the data; `None` draws
            one.
        **kwargs: Passed to `keras.Model`. Under mixed precision codes are solved for in float32.

    Raises:
        ValueError: If an argument is out of its range.

    References:
        Olshausen and Field, "Emergence of simple-cell receptive field properties by learning a
        sparse code for natural images", 1996; Mairal, Bach, Ponce and Sapiro, "Online learning for
        matrix factorization and sparse coding", 2010.
    """

    loss_names = ("reconstruction_loss", "sparsity_loss")
    monitor_names = ("duality_gap", "active_coefficients", "dead_atoms")
    needs_optimizer = False
    gains_from_xla = False  # Only the loops are compiled: as fast, and quicker to compile.
    _xla_inside = False
    fixed_attributes = ("num_atoms", "latent_dim", "atom_update", "missing", "scaling")
    attribute_checks: ClassVar[dict[str, Callable]] = {
        "tolerance": checked_by(positive, "tolerance"),
        "missing": checked_missing,
        "scaling": checked_scaling,
    }

    def __init__(
        self,
        num_atoms: int,
        penalty: float = 0.1,
        atom_update: Literal["gradient", "replace"] = "gradient",
        tolerance: float = 1e-6,
        missing: str | None = None,
        scaling: Scaling | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed=seed, autocast=False, **kwargs)
        if atom_update not in _UPDATES:
            raise ValueError(
                f"`atom_update` must be one of {sorted(_UPDATES)}; received {atom_update!r}."
            )
        self.num_atoms = self.latent_dim = whole_number("num_atoms", num_atoms, 1)
        self.atom_update = atom_update
        self.tolerance = tolerance
        self.missing = missing
        self.scaling = scaling
        penalty = positive("penalty", penalty)
        self._update = _UPDATES[atom_update](self.num_atoms, penalty, dtype=self.dtype_policy)
        self._random = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Creates the atoms, at first zeros, for patches of `input_shape`, `(batch, ...)`."""
        shape = tuple(input_shape)[1:]
        if not shape or None in shape:
            raise ValueError(
                f"{type(self).__name__} needs patches of the same size, (n, *patch_shape); "
                f"received shape {tuple(input_shape)}."
            )
        self._contract = DataContract(
            shape,
            shape,
            support=None,
            dtype=solver_dtype(self),
            missing=self.missing is not None,
        )
        self._dtype = solver_dtype(self)
        flat = (self.num_atoms, math.prod(shape))
        self._atoms = add_state(self, "atoms", flat, trainable=True, constraint=UnitNorm())
        self._unused_for = add_state(self, "unused_for", (self.num_atoms,), initializer=_infinity)
        self._seen = add_state(self, "seen", ())
        self._update.build(flat)
        self.built = True

    @property
    def penalty(self) -> float:
        """What one unit of a coefficient costs."""
        return self._update.penalty

    @penalty.setter
    def penalty(self, value: float) -> None:
        self._update.penalty = positive("penalty", value)

    @property
    def atoms(self) -> np.ndarray:
        """The atoms, `(num_atoms, *patch_shape)`, each of length one; zeros before `fit`.

        They can be set to an array of that shape, which discards everything learned before.
        """
        if not self.built:
            # An AttributeError, since Keras reads an attribute before it sets it.
            raise AttributeError(
                "There are no atoms yet: the first ones are patches of the data. Call fit()."
            )
        return np.asarray(self._atoms).reshape(self.num_atoms, *self._contract.input_shape)

    @atoms.setter
    def atoms(self, value: Any) -> None:
        value = np.asarray(value)
        if value.ndim < 2 or len(value) != self.num_atoms:
            raise ValueError(
                f"`atoms` must have shape ({self.num_atoms}, *patch_shape); received {value.shape}."
            )
        flat = value.reshape(self.num_atoms, -1)
        if not np.allclose(np.linalg.norm(flat, axis=1), 1, atol=1e-3):
            raise ValueError("Each of `atoms` must have length one: divide them by their norms.")
        if not self.built:
            self(keras.KerasTensor((None, *value.shape[1:])))
        self._atoms.assign(flat)
        self._unused_for.assign(tf.zeros_like(self._unused_for))
        self._seen.assign(0.0)
        self._update.forget(tf.ones([self.num_atoms], tf.bool))

    # ------------------------------------------------------------------ in the graph

    def _flat(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Scaled data with zeros at what is missing, and the mask, both `(batch, dimension)`.

        The mask is `None` for a model without missing values.
        """
        if batch.weight is not None:
            raise ValueError(
                f"{type(self).__name__} takes no weights of elements; give a mask, or weights of "
                "whole patches as `sample_weight`."
            )
        shape = [-1, self._atoms.shape[1]]
        x = batch.x if self.scaling is None else self.scaling(batch.x)
        x = tf.cast(tf.reshape(x, shape), self._dtype)
        if self.missing is None:
            return x, None
        mask = None if batch.mask is None else is_observed(batch.x, batch.mask)
        x, observed = filled(x, None if mask is None else tf.reshape(mask, shape))
        return x, tf.cast(observed, x.dtype)

    def solve(
        self, x: tf.Tensor, training: bool = False, mask: tf.Tensor | None = None
    ) -> Solution:
        """Solves for the codes of `x`, `(batch, num_atoms)`; see `tfae.ops.lasso`."""
        x, mask = self._flat(Batch(x, mask=mask))
        return self._solve(x, mask, training)

    def _solve(self, x: tf.Tensor, mask: tf.Tensor | None, training: bool = False) -> Solution:
        return lasso(
            x,
            self._atoms.value,
            self.penalty,
            max(self.tolerance, _TRAINING_TOLERANCE) if training else self.tolerance,
            _MAX_ITERATIONS,
            jit_compile=self._xla_inside,
            mask=mask,
        )

    def encode_batch(self, batch: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        return {"code": self._solve(*self._flat(batch), training).codes}

    def decode_batch(self, batch: Batch, training: bool = False) -> tf.Tensor:
        x = tf.matmul(tf.cast(batch.x, self._dtype), self._atoms.value)
        x = tf.reshape(x, [-1, *self._contract.input_shape])
        return x if self.scaling is None else self.scaling.inverse(x)

    def anomaly_score_batch(self, batch: Batch) -> tf.Tensor:
        return self._solve(*self._flat(batch)).objective

    def anomaly_map_batch(self, batch: Batch) -> tf.Tensor:
        x, mask = self._flat(batch)
        residual = x - tf.matmul(self._solve(x, mask).codes, self._atoms.value)
        residual = residual if mask is None else residual * mask
        return tf.reshape(0.5 * residual**2, [-1, *self._contract.input_shape])

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        """Computes both parts of the objective; in training it also updates the atoms."""
        x, mask = self._flat(batch)
        solution = self._solve(x, mask, training)
        reconstruction = tf.matmul(solution.codes, self._atoms.value)
        if mask is not None:
            # The error of data that is filled so is the observed error for the present atoms, and
            # at least that for all others: what lowers the one lowers the other.
            x = tf.where(mask > 0, x, reconstruction)
        residual = x - reconstruction
        error = 0.5 * tf.reduce_sum(residual**2, axis=1)
        dead = self._dead()
        if training:
            weights = batch.sample_weight
            weights = tf.ones_like(error) if weights is None else tf.reshape(weights, [-1])
            weights = tf.cast(weights, x.dtype)
            dead = self._improve_atoms(
                SolvedBatch(x, solution.codes, residual, solution.gap, weights)
            )
        return {
            "reconstruction_loss": error,
            "sparsity_loss": self.penalty * tf.reduce_sum(tf.abs(solution.codes), axis=1),
            "duality_gap": solution.gap,
            "active_coefficients": tf.math.count_nonzero(solution.codes, axis=1, dtype=error.dtype),
            "dead_atoms": tf.fill(tf.shape(error), tf.reduce_sum(tf.cast(dead, x.dtype))),
        }

    # ------------------------------------------------------------------ arrays in, arrays out

    def features(
        self, x: Any, batch_size: int = 4096, layers: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Returns `{"codes": encode(x)}`: the codes are the only layer.

        Args:
            x: Array `(n, *patch_shape)` or batched dataset.
            batch_size: Patches at a time, for arrays.
            layers: `["codes"]` or, with the same meaning, `None`.

        Raises:
            ValueError: If another layer is given.
        """
        if layers is not None and list(layers) != ["codes"]:
            raise ValueError(f"The only layer is 'codes'; received {list(layers)}.")
        return {"codes": self.encode(x, batch_size)}

    @overload
    def encode(
        self, x: Any, batch_size: int = 4096, return_dict: Literal[False] = False
    ) -> np.ndarray: ...
    @overload
    def encode(
        self, x: Any, batch_size: int = 4096, *, return_dict: Literal[True]
    ) -> dict[str, np.ndarray]: ...
    def encode(
        self, x: Any, batch_size: int = 4096, return_dict: bool = False
    ) -> np.ndarray | dict[str, np.ndarray]:
        """Solves for the codes of patches.

        Args:
            x: Array `(n, *patch_shape)` or batched `tf.data.Dataset`.
            batch_size: Patches at a time, for arrays. Patches do not wait for one another, so large
                batches are faster.
            return_dict: Whether to return `{"code": codes}`, as for other models.

        Returns:
            Codes `(n, num_atoms)`.
        """
        if return_dict:
            return super().encode(x, batch_size, return_dict=True)
        return super().encode(x, batch_size)

    # ------------------------------------------------------------------ learning

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        loss = self.compute_loss(x, y, None, sample_weight, training=True)
        log_loss(self, [loss], unpack(data).x)
        return self._logs(x, y, sample_weight)

    def _dead(self) -> tf.Tensor:
        return self._unused_for > _PATCHES_PER_ATOM_UNTIL_DEAD * self.num_atoms

    def _improve_atoms(self, batch: SolvedBatch) -> tf.Tensor:
        """Updates the atoms on one batch; returns which atoms were dead.

        Each replica gathers the whole batch and computes the same update.
        """
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            batch = SolvedBatch(*(context.all_gather(part, axis=0) for part in batch))
        count = tf.reduce_sum(batch.weights)
        fading = (
            tf.where(count > 0, self._seen / (self._seen + count), tf.ones_like(count))
            ** _FORGETTING
        )
        self._seen.assign(self._seen + count)
        has_weight = (batch.weights > 0)[:, None]
        is_used = tf.reduce_any(tf.not_equal(batch.codes, 0) & has_weight, axis=0)
        self._unused_for.assign(tf.where(is_used, tf.zeros_like(count), self._unused_for + count))

        errors = batch.weights * tf.reduce_sum(batch.residual**2, axis=1)
        seed = tf.cast(self._random.next(), tf.int64)  # the same on all replicas
        candidates, num_candidates = sample_by_error(batch.x, errors, self.num_atoms, seed)
        candidates = unit_norm(candidates)
        improved, is_new = self._update.improve(
            self._atoms.value, batch, fading, candidates, jit_compile=self._xla_inside
        )
        atoms = tf.where(count > 0, improved, self._atoms)

        dead = self._dead() & ~is_new
        rank = tf.maximum(tf.cumsum(tf.cast(dead, tf.int32)) - 1, 0)
        renewed = dead & (rank < num_candidates)
        self._atoms.assign(tf.where(renewed[:, None], tf.gather(candidates, rank), atoms))
        self._unused_for.assign(tf.where(renewed | is_new, tf.zeros_like(count), self._unused_for))
        self._update.forget(renewed)
        return dead

    # ------------------------------------------------------------------ Keras

    def compile(
        self,
        optimizer: None = None,
        loss: None = None,
        loss_weights: None = None,
        **options: Any,
    ) -> None:
        """Configures training; there is no optimizer to choose.

        Args:
            optimizer, loss, loss_weights: Not accepted: each step minimises the objective over the
                codes, then over the atoms, without a learning rate.
            **options: `metrics`, `weighted_metrics`, `run_eagerly`, `steps_per_execution` and
                `jit_compile`, as for every model.

        Raises:
            ValueError: If one of the first three is given.
        """
        if optimizer is not None:
            raise ValueError(
                f"{type(self).__name__} has no optimizer and no learning rate; `atom_update` says "
                f"how atoms are updated. Leave `optimizer` out; received {optimizer!r}."
            )
        super().compile(optimizer=None, loss=loss, loss_weights=loss_weights, **options)

    def fit(self, x: Any = None, *args, **kwargs) -> keras.callbacks.History:
        """Learns atoms from patches `(n, *patch_shape)`; all arguments as in `keras.Model.fit`.

        Batches of 256 patches and more train faster. There is no `y`; targets in the batches of a
        dataset are ignored.

        Raises:
            ValueError: If the data does not fit the model, or there are fewer patches than atoms.
        """
        patches = unpack(x).x if isinstance(x, dict) else x
        num_first = 0 if self.built and not np.isinf(self._unused_for).any() else self.num_atoms
        if hasattr(patches, "shape") and len(patches.shape) and len(patches) < num_first:
            raise ValueError(
                f"`x` holds {len(patches)} patches, but the initial atoms are {num_first} patches "
                "of `x`; give more patches or use fewer atoms."
            )
        return super().fit(x, *args, **kwargs)

    def _training_batches(self, x: Any, y: Any, *args, **kwargs) -> tuple:
        self._refuse_target(y)
        return super()._training_batches(x, y, *args, **kwargs)

    def _single_batch(self, x: Any, y: Any, sample_weight: Any) -> tuple:
        self._refuse_target(y)
        return super()._single_batch(x, y, sample_weight)

    def _refuse_target(self, y: Any) -> None:
        if y is not None:
            raise ValueError(
                f"{type(self).__name__} reconstructs the patches themselves and has no other "
                "target; leave `y` out."
            )

    @contextlib.contextmanager
    def _compiled_inside(self) -> Iterator[None]:
        """While it is active, functions are traced with loops that XLA compiles.

        One program serves every batch size and compiles quickly. Exports are traced outside this
        context and stay plain TensorFlow.
        """
        before, self._xla_inside = self._xla_inside, True
        try:
            yield
        finally:
            self._xla_inside = before

    def compute_loss(self, *args, **kwargs) -> tf.Tensor:
        may_compile = (
            self._programs.requested["jit_compile"] is not False
            and not self.run_eagerly
            and self.distribute_strategy.num_replicas_in_sync == 1
        )
        with self._compiled_inside() if may_compile else contextlib.nullcontext():
            return super().compute_loss(*args, **kwargs)

    def _map_batches(self, *args, **kwargs) -> Any:
        # Independent of `compile`: codes are unique only up to the tolerance, and a loaded model
        # must give the same ones.
        with self._compiled_inside():
            return super()._map_batches(*args, **kwargs)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_atoms": self.num_atoms,
            "penalty": self.penalty,
            "atom_update": self.atom_update,
            "tolerance": self.tolerance,
            "missing": self.missing,
            "scaling": keras.saving.serialize_keras_object(self.scaling),
            "seed": self.seed,
        }


class UnitNorm(keras.constraints.Constraint):
    """Keeps atoms at length one if the optimizer of an enclosing model changes them."""

    def __call__(self, w: tf.Tensor) -> tf.Tensor:
        return unit_norm(w)


def _infinity(shape: Sequence[int], dtype: str) -> tf.Tensor:
    return tf.fill(shape, tf.cast(math.inf, dtype))


_UPDATES: dict[str, type[Descent] | type[Replacement]] = {
    "gradient": Descent,
    "replace": Replacement,
}
_FORGETTING = 6.0  # A batch's weight in the statistics grows with this power of its number.
_PATCHES_PER_ATOM_UNTIL_DEAD = 10
_TRAINING_TOLERANCE = 1e-3
_MAX_ITERATIONS = 2000
