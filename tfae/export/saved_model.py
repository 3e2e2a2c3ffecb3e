"""Exports a model as a SavedModel for stock TensorFlow Serving."""

import contextlib
import os
import re
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfae.arguments import whole_number
from tfae.bases.autoencoding import Autoencoding
from tfae.classifier import Classifier
from tfae.export import serving
from tfae.export.assertions import with_assertions
from tfae.export.requests import (
    Arrays,
    Example,
    example_inputs,
    write_rest_examples,
    write_warm_up,
)
from tfae.export.signatures import signatures
from tfae.export.stock_ops import check_stock_ops
from tfae.export.table_signatures import example_cells, table_signatures
from tfae.export.validity import check_numbers
from tfae.files import atomic_write, check_absent


def saved_model(
    model: Autoencoding | Classifier,
    directory: str | os.PathLike,
    version: int = 1,
    uint8: bool = False,
    check_finite: bool = True,
) -> Path:
    """Writes a model for TensorFlow Serving: `directory/version`, and how to serve it beside it.

    The signatures are `reconstruct` (the default), `encode`, `decode`, `score` and, for models with
    a prior, `generate`, which takes a seed per row and returns the same as `generate(1, seed)`. If
    the model has a threshold from `fit_threshold`, `score` returns `is_anomaly` as well. If the
    model uses labels, its signatures take them, too: one per row, -1 for any. A classifier has
    `classify` (the default) and `encode`. Batches may have any size.

    A model with a schema has an input and an output for each column, strings included, so that a
    client sends rows as it has them: `{"instances": [{"age": 31, "sex": "male"}]}`. NaN is a
    missing number, and "" missing text. `score` also names the worst column.

    The version's folder contains warm-up requests for the server and examples for REST clients,
    both with the answers. `directory/serving` holds the server's configuration, a file for docker
    compose, and clients for REST and gRPC. It is written with the first version and never changed.

    Args:
        model: A built model. The state of its training and its optimizer are not exported.
        directory: Folder of the model's versions; its name is the name of the served model.
        version: Positive. TensorFlow Serving serves the highest version that it finds.
        uint8: Whether the server receives 8-bit data. The graph divides it by 255, unless the model
            has a scaling of its own, which takes it as it is.
        check_finite: Whether a model with NaN or infinity among its weights is rejected.

    Returns:
        The folder of the version.

    Raises:
        ValueError: If the version exists already or is not positive, or the model is not built,
            holds NaN, or cannot run without Python and custom operations. Nothing is written then.
        OSError: If the folder cannot be written. Whatever it contains stays as it was.
    """
    version = whole_number("version", version, 1)
    directory = Path(directory).resolve()
    if not re.fullmatch(r"[\w.-]+", directory.name, re.ASCII):
        raise ValueError(
            "The name of `directory` is that of the served model, of letters, digits, '.', '_' and "
            f"'-'; received {directory.name!r}."
        )
    target = directory / str(version)
    check_absent(target)
    found, schema = signatures(model, uint8), getattr(model, "schema", None)
    cells: dict[int, Arrays] = {}
    if schema is not None:
        found = table_signatures(model, found)
        cells = {rows: example_cells(schema, rows) for rows in _EXAMPLE_ROWS}
    found = {
        name: with_assertions(signature, getattr(model, "num_classes", None))
        for name, signature in found.items()
    }
    check_numbers(model, weights=check_finite)
    support = getattr(model.data_contract(), "support", None)  # a classifier's data has none
    archive = keras.export.ExportArchive()  # stores the variables that are used, and only once
    examples = {}
    for name, signature in found.items():
        function = archive.add_endpoint(name, signature.function, signature.inputs)
        examples[name] = [
            _example(
                name,
                function,
                example_inputs(signature.inputs, rows, support, cells.get(rows, {})),
            )
            for rows in _EXAMPLE_ROWS
        ]
    with contextlib.ExitStack() as appearing:
        folder = appearing.enter_context(atomic_write(target))
        if not (directory / serving.FOLDER).exists():
            beside = appearing.enter_context(atomic_write(directory / serving.FOLDER))
            serving.write(beside, directory.name)
        try:
            archive.write_out(str(folder), _OPTIONS, verbose=False)
            write_warm_up(folder, directory.name, examples)
        except tf.errors.OpError as error:
            raise OSError(error.message) from error
        check_stock_ops(folder)
        serving.write_signatures(folder, found)
        write_rest_examples(folder, {name: one_row for name, (one_row, _) in examples.items()})
    return target


_EXAMPLE_ROWS = (1, 4)
_OPTIONS = tf.saved_model.SaveOptions(experimental_custom_gradients=False)  # nothing is trained


def _example(name: str, function: Any, inputs: Arrays) -> Example:
    """Runs a signature on made-up inputs, and checks the shapes of its outputs."""
    rows = len(next(iter(inputs.values())))
    try:
        outputs = function.get_concrete_function()(*map(tf.constant, inputs.values()))
    except Exception as error:
        raise ValueError(
            f"`model` cannot be exported: its {name!r} fails on a batch of {rows}. {error}"
        ) from error
    for output, tensor in outputs.items():
        if tensor.shape.rank == 0 or tensor.shape[0] != rows:
            raise ValueError(
                f"`model` cannot be exported: its {name!r} gives {output!r} of shape "
                f"{tuple(tensor.shape)} for a batch of {rows}; every layer must keep the batch."
            )
    return Example(inputs, {output: tensor.numpy() for output, tensor in outputs.items()})
