"""Trains models to fill tables, with a part of the observed values held out."""

import dataclasses
from typing import Any, Self

import keras
import numpy as np

from tfae.arguments import between, positive, whole_number
from tfae.layers.corruption import GaussianCorruption
from tfae.layers.scaling import Scaling
from tfae.models import DenoisingAutoencoder
from tfae.networks.filling import filling
from tfae.sklearn.gaussian import fit_gaussian, rank_of
from tfae.training import CosineOverFit, Trainer

_MIN_STEPS = 210  # in an epoch
_FEWEST = 10  # held-out values that are needed to decide anything
_ROWS_JUDGED = 4000  # at most: part of a long table shows the error well enough


def filling_model(
    dim: int, scaling: Scaling, seed: int, noise: float = 0.3, **hyperparameters
) -> Trainer:
    """Builds the imputer's own model, which is a denoising autoencoder."""
    encoder, decoder = filling(dim, rank=rank_of(dim), seed=seed, **hyperparameters)
    return DenoisingAutoencoder(
        encoder,
        decoder,
        GaussianCorruption(noise, seed=seed),
        likelihood="squared_error",
        scaling=scaling,
        missing="mask",
        seed=seed,
    )


def observed_statistics(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column's observed values; 1 for a constant column."""
    rows = rows.astype(np.float64)
    shift, scale = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    # A deviation within the rounding error of float32 counts as zero.
    return shift, np.where(scale > 1e-6 * np.abs(shift), scale, 1.0)


@dataclasses.dataclass
class HeldOut:
    """A table with some of its observed values held out.

    Attributes:
        rows: The whole table, NaN where a value is missing.
        train: The same without the values that are held out.
        mask: Which values are held out, bool.
        scale: Standard deviations of the columns.
    """

    rows: np.ndarray
    train: np.ndarray
    mask: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(
        cls,
        rows: np.ndarray,
        scale: np.ndarray,
        fraction: float | None,
        rng: np.random.Generator,
    ) -> Self:
        """Holds out a random part of the observed values.

        A column or row whose every value would be held out keeps them all.
        """
        observed = ~np.isnan(rows)
        if fraction is None:
            fraction = float(np.clip(500 / max(observed.sum(), 1), 0.03, 0.1))
        fraction = between("held_out", fraction, 0, 1)
        mask = observed & (rng.random(rows.shape) < fraction)
        for axis in (0, 1):
            mask &= (observed & ~mask).any(axis, keepdims=True)
        if mask.sum() < _FEWEST:
            mask[:] = False
        return cls(rows, np.where(mask, np.nan, rows), mask, scale)

    @property
    def exists(self) -> bool:
        """Whether anything is held out."""
        return bool(self.mask.any())

    def errors(self, model: Trainer) -> np.ndarray:
        """Errors of a model at held-out values, in standard deviations; NaN at all others."""
        judged = slice(_ROWS_JUDGED)
        filled = model.reconstruct(self.train[judged], batch_size=1024)
        error = (filled - self.rows[judged]) / self.scale
        return np.where(self.mask[judged], error, np.nan)

    def rmse(self, model: Trainer) -> float | None:
        """The root mean squared error in standard deviations, `None` if nothing is held out."""
        return float(np.sqrt(np.nanmean(self.errors(model) ** 2))) if self.exists else None

    def errors_by_column(self, model: Trainer) -> list[np.ndarray]:
        """Held-out errors of each column in its units; of all columns, if a column has few."""
        if not self.exists:
            return [np.zeros(1)] * len(self.scale)
        errors = self.errors(model)
        everything = errors[~np.isnan(errors)]
        columns = [column[~np.isnan(column)] for column in errors.T]
        return [
            -(column if len(column) >= _FEWEST else everything) * scale
            for column, scale in zip(columns, self.scale, strict=True)
        ]


def fit_filling(
    model: Trainer,
    held: HeldOut,
    *,
    epochs: int,
    patience: int,
    batch_size: int | None,
    learning_rate: float,
    verbose: int,
    own: bool,
) -> dict[str, Any]:
    """Trains a model on the values that are not held out, and returns its history.

    Args:
        model: The model, not yet compiled.
        held: The table.
        epochs, patience, batch_size, learning_rate, verbose: As for the imputer.
        own: Whether it is the imputer's own model, with a Gaussian to start from.
    """
    if own:
        shift, factor = model.scaling.shift, model.scaling.factor
        train, truth = ((rows - shift) * factor for rows in (held.train, held.rows))
        gaussian = fit_gaussian(train, truth)
        model.encoder.get_layer("filled").set_gaussian(*gaussian)
        correction = model.decoder.get_layer("correction")
        start = correction.get_weights()
        if not held.exists:  # no way to tell whether a correction is better
            correction.set_weights([np.zeros_like(w) for w in start])
            model.compile(jit_compile=False)
            return {}
    n = len(held.rows)
    batch_size = (64 if n <= 2000 else 256) if batch_size is None else batch_size
    batch_size = min(whole_number("batch_size", batch_size, 1), max(n, 1))
    steps = -(-n // batch_size)
    passes = -(-_MIN_STEPS // steps)
    # No XLA: compiling takes longer than training on a small table.
    rate = CosineOverFit(positive("learning_rate", learning_rate))
    if own:
        optimizer = keras.optimizers.AdamW(rate, weight_decay=0.1)
        model.compile(optimizer, jit_compile=False)
    else:
        model.compile(jit_compile=False)
    watch = _Watch(held, patience)
    # Rows are repeated because the work between epochs costs as much as a few hundred steps.
    history = model.fit(
        np.tile(held.train, (passes, 1)),
        batch_size=batch_size,
        epochs=epochs,
        callbacks=[watch] if held.exists else [],
        verbose=verbose,
    ).history
    if own:
        _shrink(model, held)
    return history


class _Watch(keras.callbacks.Callback):
    """Computes the held-out error, and stops when it no longer falls, at the best weights."""

    def __init__(self, held: HeldOut, patience: int):
        super().__init__()
        self._held = held
        self._patience = patience
        self._best = (np.inf, 0, None)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        error = self._held.rmse(self.model)
        if logs is not None:
            logs["held_out_rmse"] = error
        if not error >= self._best[0]:
            self._best = (error, epoch, self.model.get_weights())
        elif epoch - self._best[1] >= self._patience:
            self.model.set_weights(self._best[2])
            self.model.stop_training = True


def _shrink(model: Trainer, held: HeldOut) -> None:
    """Scales each column's correction by the factor in [0, 1] that suits its held-out values best.

    Columns with few of them get a factor close to that of all columns.
    """
    correction = model.decoder.get_layer("correction")
    weights = correction.get_weights()
    corrected = held.errors(model)
    correction.set_weights([np.zeros_like(w) for w in weights])
    linear = held.errors(model)
    added = linear - corrected  # minus the correction, where linear is minus what it should be
    gain, size = np.nansum(added * linear, axis=0), np.nansum(added**2, axis=0)
    typical = size.mean() + 1e-12
    of_all = np.clip(gain.sum() / (size.sum() + 1e-12), 0, 1)
    of_columns = np.clip((gain + typical * of_all) / (size + typical), 0, 1)
    correction.set_weights([w * of_columns for w in weights])
