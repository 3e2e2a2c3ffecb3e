"""Signatures with a named input and output for each column of a table."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfae.bases.autoencoding import Autoencoding
from tfae.bases.draws import seed_of_draws
from tfae.batches.batch import Batch
from tfae.export import graph_columns
from tfae.export.signatures import Outputs, Signature
from tfae.losses.likelihoods import Columns

_TAKEN = ("label", "seed", "code", "x", "mask")


def names_of_columns(schema: Any) -> list[str]:
    """A name for each column in signatures, where names consist of letters, digits and "_" only.

    Other characters become "_", and names that mean something else there, or are taken, get a
    number.
    """
    names: list[str] = []
    for name in schema.column_names:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        plain = plain if re.match("[A-Za-z]", plain) else f"column_{plain}"
        number = 2
        unique = plain
        while unique in names or unique in _TAKEN:
            unique, number = f"{plain}_{number}", number + 1
        names.append(unique)
    return names


def table_signatures(model: Autoencoding, found: dict[str, Signature]) -> dict[str, Signature]:
    """Returns the signatures of a model with a schema, which take and give columns.

    Args:
        model: A built model with a schema.
        found: Its signatures on encoded tables.

    Returns:
        The same signatures with columns in the place of "x" and "reconstruction". `score` also
        gives the loss of each column and the name of the worst, `generate` draws rows as
        `model.generate` does.
    """
    schema, names = model.schema, names_of_columns(model.schema)
    specs = [
        tf.TensorSpec([None], graph_columns.dtype_of(column), name)
        for column, name in zip(schema.columns, names, strict=True)
    ]
    dtype = tf.float64 if model.compute_dtype == "float64" else tf.float32

    def encoded(cells: tuple) -> tf.Tensor:
        pairs = zip(schema.columns, cells, strict=True)
        return tf.cast(tf.concat([graph_columns.encode(*pair) for pair in pairs], axis=1), dtype)

    def decoded(x: tf.Tensor) -> Outputs:
        return {
            name: graph_columns.decode(column, x[:, column.slice])
            for column, name in zip(schema.columns, names, strict=True)
        }

    def of_cells(function: Callable[..., Outputs]) -> Callable[..., Outputs]:
        def call(*inputs: tf.Tensor) -> Outputs:
            cells, others = inputs[: len(specs)], inputs[len(specs) :]
            return function(encoded(cells), *others)

        return call

    def with_columns(function: Callable[..., Outputs]) -> Callable[..., Outputs]:
        def call(*inputs: tf.Tensor) -> Outputs:
            outputs = dict(function(*inputs))
            x = outputs.pop("reconstruction" if "reconstruction" in outputs else "x")
            return {**outputs, **decoded(x)}

        return call

    def scored(x: tf.Tensor, label: tf.Tensor | None = None) -> Outputs:
        outputs = found["score"].function(*([x] if label is None else [x, label]))
        if not isinstance(model.likelihood, Columns):
            return outputs
        scores = model.column_scores_batch(Batch(x, label=label))
        excess = scores - tf.constant(model.usual_column_scores, scores.dtype)
        worst = tf.gather(tf.constant(schema.column_names), tf.argmax(excess, axis=1))
        return {**outputs, "column_scores": scores, "worst_column": worst}

    def generated(seed: tf.Tensor, label: tf.Tensor | None = None) -> Outputs:
        codes = model.sample_prior_batch(seed, label)
        of_networks = label if model.conditional else None

        def draw(row: tuple) -> tf.Tensor:
            seed, code, *label = row
            batch = Batch(code[None], label=label[0][None] if label else None)
            return model.sample_decoded_batch(batch, seed_of_draws(seed))[0]

        rows = (seed, codes) if of_networks is None else (seed, codes, of_networks)
        spec = tf.TensorSpec([schema.width], dtype)
        draw_as = lambda row: tf.cast(draw(row), dtype)  # noqa: E731
        return decoded(tf.map_fn(draw_as, rows, fn_output_signature=spec))

    def cells_in(name: str, function: Callable[..., Outputs]) -> Signature:
        return Signature(of_cells(function), [*specs, *found[name].inputs[1:]])

    tables = {
        "reconstruct": cells_in("reconstruct", with_columns(found["reconstruct"].function)),
        "encode": cells_in("encode", found["encode"].function),
        "decode": Signature(with_columns(found["decode"].function), found["decode"].inputs),
        "score": cells_in("score", scored),
    }
    if "generate" in found:
        draws = model.likelihood.is_density or isinstance(model.likelihood, Columns)
        function = generated if draws else with_columns(found["generate"].function)
        tables["generate"] = Signature(function, found["generate"].inputs)
    return tables


def example_cells(schema: Any, rows: int) -> dict[str, np.ndarray]:
    """Makes up cells of each column by its name in signatures, the same every time."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((rows, schema.width)).astype("float32")
    table = schema.decode(noise)
    cells = {}
    for column, name in zip(schema.columns, names_of_columns(schema), strict=True):
        values = table[column.name].to_pylist()
        if graph_columns.dtype_of(column) == tf.string:
            cells[name] = np.array([_iso(value) for value in values], object)
        else:
            cells[name] = np.array(values, "float64")
    return cells


def _iso(value: Any) -> str:
    return value.isoformat(" ") if hasattr(value, "hour") and hasattr(value, "day") else str(value)
