"""Exports a model as a .tflite file for LiteRT, on phones, on boards and in browsers."""

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfae.arguments import whole_number
from tfae.bases import table_interface
from tfae.bases.autoencoding import Autoencoding
from tfae.export import examples
from tfae.export.conversion import convert, in_float32
from tfae.export.examples import Examples
from tfae.export.report import BOUNDS, QuantizationError, Report
from tfae.export.signatures import signatures
from tfae.export.validity import check_numbers
from tfae.files import atomic_write

SIGNATURES = ("encode", "decode", "reconstruct")

_PROBABILITY_STEP = 1 / 256  # of int8 probabilities, fixed in LiteRT's quantisation scheme


def tflite(
    model: Autoencoding,
    path: str | os.PathLike,
    quantize: str | None = None,
    calibration: Any = None,
    *,
    validation: Any = None,
    batch_size: int = 1,
    float_io: bool = False,
    labels: Sequence[str] = (),
    allow: Mapping[str, float] | None = None,
    check_finite: bool = True,
) -> Report:
    """Writes a .tflite file with the signatures `encode`, `decode` and `reconstruct`.

    The anomaly score is not a signature, because in int8 it would lose most of its digits.
    `tfae/device.py` computes it from their outputs instead, by the formula in the file's metadata.
    The metadata also holds the threshold, the range of the data and the labels. For a model of
    tables it holds the schema, with which `tfae/device.py` takes and gives rows; the file itself
    takes and gives the numbers of `schema.encode`.

    The file of a model with `missing="mask"` takes NaN as a missing value; an int8 file, which has
    no NaN, takes the input `mask` after `x` instead: 1 where `x` is observed.

    Args:
        model: Any built autoencoder of tfae.
        path: Path of the file, which appears whole or not at all; an existing one is replaced.
        quantize: `None` for float32; `"float16"` halves the size; `"dynamic"` stores weights in
            int8; `"int8"` computes in int8 and needs `calibration`.
        calibration: About 100 to 1,000 examples `(n, ...)` like those that the device will see, as
            an array or a batched dataset. Without `validation`, every fifth is not used for
            calibration, but to measure the file.
        validation: Examples to measure the file on, which were not used for calibration or
            training. Without either, random examples are used, which only show the errors.
        batch_size: Number of examples in a call, fixed in the file.
        float_io: Whether an int8 file takes and returns float32, as LiteRT in browsers needs it.
        labels: Names of the classes, in order.
        allow: Bounds instead of those in `tfae.export.report.BOUNDS`, for example
            `{"reconstruction_change": 0.05}`.
        check_finite: Whether a model with NaN or infinity among its weights is rejected.

    Returns:
        A report that compares the file with the model in float32.

    Raises:
        ValueError: If the model is not built or holds NaN, a layer does not convert (named), an
            argument is out of range, `calibration` is missing, or data does not fit the model.
        QuantizationError: If a bound is exceeded; a `ValueError` with the report.
        OSError: If the file cannot be written.
        ImportError: If ai-edge-litert is not installed.
    """
    path = Path(path)
    if not isinstance(model, Autoencoding):
        raise ValueError(
            f"`model` must be an autoencoder of tfae; received a {type(model).__name__}. For "
            "TensorFlow Serving it can be written with tfae.export.saved_model."
        )
    missing = None
    if model.missing is not None:
        missing = "mask" if quantize == "int8" else "nan"  # which integers do not have
    options = {"label_dtype": examples.LABEL, "with_mask": missing == "mask"}
    found = signatures(model, **options)
    _check_shape(model)
    check_numbers(model, weights=check_finite)
    if quantize not in BOUNDS:
        raise ValueError(
            f"`quantize` must be one of {', '.join(map(repr, BOUNDS))}; received {quantize!r}."
        )
    batch_size = whole_number("batch_size", batch_size, 1)
    unknown = set(allow or {}) - set(BOUNDS[quantize])
    if unknown:
        raise ValueError(
            f"`allow` may have {', '.join(BOUNDS[quantize])}; received {', '.join(unknown)}."
        )
    if importlib.util.find_spec("ai_edge_litert") is None:
        raise ImportError(
            "LiteRT runs the file to measure it, and is not installed: "
            "pip install 'keras-autoencoders[device]'."
        )
    from tfae.export.comparison import measure, verified_formula
    from tfae.export.flatbuffer import with_metadata

    if quantize == "int8" and calibration is None:
        raise ValueError(
            "quantize='int8' needs `calibration`: some 100 to 1,000 examples of what the device "
            "will see, from which the range of every tensor is taken."
        )
    calibration, validation = (
        table_interface.encoded(model.schema, x) for x in (calibration, validation)
    )
    calibration = examples.checked(model, "calibration", calibration, at_least=batch_size)
    validation = examples.checked(model, "validation", validation, at_least=1)
    if validation is None and calibration is not None:
        calibration, validation = examples.split(calibration, at_least=batch_size)

    with atomic_write(path, replace=True) as new:
        reference = in_float32(model)
        found = signatures(reference, **options)
        in_file = {name: found[name] for name in SIGNATURES}
        content = convert(reference, in_file, quantize, batch_size, calibration, float_io)
        measured_on = examples.random(model) if validation is None else validation
        of_keras = {
            name: examples.answers(found[name], measured_on)
            for name in ("encode", "reconstruct", "score")
        }
        formula = verified_formula(reference, measured_on, of_keras)
        support = model.data_contract().support
        metadata = {
            "model": type(model).__name__,
            "input_shape": model.data_contract().input_shape,
            "latent_dim": model.latent_dim,
            "batch_size": batch_size,
            "quantize": quantize,
            "support": support and [_finite(limit) for limit in support],
            "missing": missing,
            "num_classes": model.num_classes if model.conditional else None,
            "data_range": _data_range(support, calibration),
            "score": formula and [_with_resolution(term, quantize) for term in formula],
            "threshold": model.threshold,
            "false_positive_rate": model.false_positive_rate,
            "labels": [str(label) for label in labels],
            "schema": None if model.schema is None else model.schema.get_config(),
        }
        content = with_metadata(content, metadata)
        try:
            is_random = validation is None
            report = measure(path, content, found, measured_on, of_keras, is_random)
        except RuntimeError as error:
            raise ValueError(f"{path} was not written, as LiteRT cannot run it: {error}") from error
        violations = report.violations({**BOUNDS[quantize], **(allow or {})})
        if violations:
            raise QuantizationError(report, violations)
        try:
            new.write_bytes(content)
        except OSError as error:
            raise OSError(error.errno, f"cannot write {path}: {error.strerror}") from error
    return report


def _check_shape(model: Autoencoding) -> None:
    shape = model.data_contract().input_shape
    if None in shape:
        raise ValueError(
            f"A .tflite file has fixed shapes, but the model takes data of {shape}: give the "
            "encoder a keras.Input without None."
        )


def _finite(limit: Any) -> float | list:
    """A number, or nested lists of them, that JSON has: the largest of float32 for infinity."""
    largest = float(np.finfo("float32").max)
    return np.clip(np.asarray(limit, "float64"), -largest, largest).tolist()


def _data_range(support: tuple | None, calibration: Examples | None) -> list[float] | None:
    if support is not None and np.isfinite(support).all():
        return [float(np.min(support[0])), float(np.max(support[1]))]
    if calibration is not None:
        return [float(np.nanmin(calibration["x"])), float(np.nanmax(calibration["x"]))]
    return None


def _with_resolution(term: dict, quantize: str | None) -> dict:
    if term["term"] == "bernoulli" and quantize == "int8":
        return {**term, "resolution": _PROBABILITY_STEP}
    return term
