"""All metrics that apply to a model."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfae.bases.autoencoding import Autoencoding
from tfae.batches.batch import unpack
from tfae.batches.elements import with_nan
from tfae.evaluation.active_units import active_units
from tfae.evaluation.elbo import elbo_of, has_elbo
from tfae.evaluation.features import feature_rows
from tfae.evaluation.frechet import frechet_distance
from tfae.evaluation.mutual_information import mutual_information
from tfae.evaluation.precision_recall import precision_recall
from tfae.evaluation.samples import random_sample
from tfae.evaluation.two_sample import mmd_test

MMD_SIZE = 1000  # rows of each sample: the time of the test grows with the square


def measure(
    model: keras.Model,
    x: Any,
    *,
    features: keras.Model | Callable[[np.ndarray], Any] | str | None = None,
    importance_samples: int = 0,
    sample_size: int = 2000,
    seed: int = 0,
    batch_size: int = 256,
) -> dict[str, float]:
    """Measures a trained model on data that was held out.

    Args:
        model: A compiled tfae model.
        x: As for `evaluate`: array or batched dataset, with labels if the model uses them.
        features: Feature space in which generated data is compared with `x`: a Keras model, a
            function of a batch, or `"data"` for the data itself. By default they are not compared.
        importance_samples: Samples per example for the log-likelihood estimate; 0 for none.
        sample_size: Maximum number of examples, drawn at random, for everything except the losses,
            the reconstruction errors and the log-likelihood.
        seed: Integer seed of that choice and of all draws except those of `evaluate`.
        batch_size: Examples at a time, for arrays.

    Returns:
        A dictionary of the values that apply:

        - the losses that `evaluate` logs, and "elbo" if they add up to one;
        - "squared_error", summed over an example, and "mean_squared_error", averaged over its
            elements, of the reconstruction at the deterministic code;
        - "active_units" and "mutual_information" of a variational model's codes;
        - "prior_mmd", the squared maximum mean discrepancy between codes and the prior or fitted
            prior, and "prior_mmd_p_value" of the test that they have the same distribution;
        - "precision", "recall" and "frechet_distance" of generated data in the space of `features`;
        - "log_likelihood".

    Raises:
        ValueError: If the data does not fit the model, or there is no log-likelihood to estimate.
        NotImplementedError: If `features` is given, but the model has no prior to generate from.
    """
    if importance_samples and not hasattr(model, "log_likelihood"):
        raise ValueError(
            f"{type(model).__name__} has no log-likelihood to estimate: only variational models do."
        )
    losses = model.evaluate(x, batch_size=batch_size, verbose=0, return_dict=True)
    values = {name: float(value) for name, value in losses.items()}
    if has_elbo(model):
        values["elbo"] = elbo_of(values).elbo
    if not isinstance(model, Autoencoding):
        return values
    dataset = _inputs(x, batch_size)
    values.update(reconstruction_error(model, dataset))
    sample = random_sample(dataset, sample_size, seed)
    values.update(code_metrics(model, sample, seed))
    if features is not None:
        real = unpack(sample).x
        values.update(sample_metrics(real, model.generate(len(real), seed=seed), features))
    if importance_samples:
        estimates = model.log_likelihood(dataset, importance_samples, seed=seed)
        values["log_likelihood"] = float(estimates.mean())
    return values


def reconstruction_error(model: Autoencoding, dataset: tf.data.Dataset) -> dict[str, float]:
    """Computes the squared reconstruction error, per example and per element; see `measure`."""
    squared, count, elements = 0.0, 0, 0
    for inputs in dataset.as_numpy_iterator():
        x = unpack(inputs).x
        errors = np.square(model.reconstruct(inputs) - x, dtype=np.float64)
        squared += float(np.nansum(errors))  # of observed elements
        count, elements = count + len(x), elements + int(np.count_nonzero(~np.isnan(errors)))
    return {"squared_error": squared / count, "mean_squared_error": squared / max(elements, 1)}


def code_metrics(model: Autoencoding, x: Any, seed: int = 0) -> dict[str, float]:
    """Computes the metrics of the codes of `x`, which is as for `encode`; see `measure`."""
    values: dict[str, float] = {}
    encoded = model.encode(x, return_dict=True)
    if encoded["code"].ndim != 2 or len(encoded["code"]) < 2:
        return values
    if "log_variance" in encoded:
        mean, log_variance = encoded["code"], encoded["log_variance"]
        values["active_units"] = float(active_units(mean).sum())
        values["mutual_information"] = mutual_information(mean, log_variance, seed=seed)
    if model.sampling_prior is not None:
        codes = model.draw_codes(x, seed)
        if len(codes) > MMD_SIZE:  # at random, since data may be sorted by class
            chosen = np.random.default_rng(seed).choice(len(codes), MMD_SIZE, replace=False)
            codes = codes[chosen]
        drawn = model.sampling_prior.sample(len(codes), tf.constant([seed, 0], tf.int64))
        values["prior_mmd"], values["prior_mmd_p_value"] = mmd_test(codes, drawn, seed=seed)
    return values


def sample_metrics(
    real: np.ndarray, generated: np.ndarray, features: keras.Model | Callable | str
) -> dict[str, float]:
    """Compares generated with real data, both `(n, ...)`; see `measure`."""
    features = None if features == "data" else features
    rows = [feature_rows(x, features) for x in (real, generated)]
    values = precision_recall(*rows)._asdict()
    return {**values, "frechet_distance": frechet_distance(*rows)}


def _inputs(x: Any, batch_size: int) -> tf.data.Dataset:
    """Returns the data in batches, with labels if there are any, without targets."""
    if not isinstance(x, tf.data.Dataset):
        x = tf.data.Dataset.from_tensor_slices(x).batch(batch_size)

    def inputs(*data: Any) -> Any:
        batch = unpack(data if len(data) > 1 else data[0])
        if batch.mask is not None:
            batch = batch._replace(x=with_nan(batch.x, batch.mask, "float32"))
        return batch.x if batch.label is None else {"x": batch.x, "label": batch.label}

    return x.map(inputs)
