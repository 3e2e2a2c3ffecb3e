"""Filling missing values: what is observed stays, what is missing comes from the model."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfae.arguments import whole_number
from tfae.bases import table_interface
from tfae.bases.draws import seed_of_batch
from tfae.batches.batch import Batch
from tfae.batches.elements import is_observed
from tfae.layers.seeds import random_seed


def impute(
    model: Any,
    x: Any,
    num_samples: int | None,
    seed: int | None,
    num_imputations: int | None,
    batch_size: int,
) -> Any:
    """Does what `Autoencoding.impute` says, for a model and its arguments."""
    if model.missing is None:
        raise ValueError(
            "impute() fills what is missing, and this model takes no missing values. Make it "
            "with missing='mask'."
        )
    samples = whole_number("num_samples", 100 if num_samples is None else num_samples, 1)
    if num_imputations is not None:
        num_imputations = whole_number("num_imputations", num_imputations, 1)
    seed_of = seed_of_batch(random_seed() if seed is None else seed)
    given, x = x, table_interface.encoded(model.schema, x)
    checked = model._checked(x, as_target=model.weighs_codes)

    def impute_batch(batch: Batch, num_samples: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return model.impute_batch(batch, num_samples, seed, num_imputations)

    filled = model._map_batches(
        f"impute {num_imputations}",
        impute_batch,
        checked,
        batch_size,
        lambda i: (tf.constant(samples), *seed_of(i)),
    )
    filled = filled if num_imputations is None else np.moveaxis(filled, 1, 0)
    filled = _with_observed_of(x, checked.data, filled)
    if num_imputations is not None and table_interface.is_table(model.schema, given):
        return [table_interface.table_like(model.schema, one, given) for one in filled]
    return table_interface.table_like(model.schema, filled, given)


def filled_with_draws(model: Any, batch: Batch, codes: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Fills data with draws of p(x | code) at codes `(batch, num_imputations, ...)`."""
    dtype = tf.as_dtype(model.data_contract().dtype)

    def draw(j: tf.Tensor) -> tf.Tensor:
        code = batch._replace(x=tf.gather(codes, j, axis=1))
        of_draw = tf.random.fold_in(seed, j, alg="philox")
        return tf.cast(model.sample_decoded_batch(code, of_draw), dtype)

    spec = tf.TensorSpec([None, *batch.x.shape[1:]], dtype)
    draws = tf.map_fn(draw, tf.range(tf.shape(codes)[1]), fn_output_signature=spec)
    return filled(batch, tf.experimental.numpy.moveaxis(draws, 0, 1))


def filled(batch: Batch, values: tf.Tensor) -> tf.Tensor:
    """The data of a batch with `values` `(batch, [imputations,] ...)` where it is missing."""
    x, observed = batch.x, is_observed(batch.x, batch.mask)
    if values.shape.rank > x.shape.rank:
        x, observed = x[:, None], observed[:, None]
    return tf.where(observed, x, tf.cast(values, x.dtype))


def _with_observed_of(x: Any, checked: Batch | tf.data.Dataset, filled: np.ndarray) -> np.ndarray:
    """Puts the observed values of an array in place of those that went through float32."""
    if not isinstance(checked, Batch):
        return filled
    given = np.ma.getdata(x["x"] if isinstance(x, dict) else x)
    missing = np.isnan(np.asarray(checked.x)).reshape(checked.x.shape)
    return np.where(missing, filled, np.asarray(given).reshape(checked.x.shape))
