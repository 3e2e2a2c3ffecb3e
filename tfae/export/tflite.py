"""One .tflite file for LiteRT: on phones, on boards, in browsers."""

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfae.export.conversion import convert, in_float32
from tfae.export.files import new_file
from tfae.export.report import BOUNDS, QuantizationError, Report
from tfae.models.autoencoding import Autoencoding
from tfae.training.batches import unpack
from tfae.training.contract import DataContract

MOST_EXAMPLES = 1000
"""So many examples at most are taken of what is given."""

_HELD_OUT = 5  # Every fifth example given for calibration is kept for the report.
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
) -> Report:
    """Writes a .tflite file with the signatures `encode`, `decode` and `reconstruct`.

    The anomaly score is no signature, because in int8 it would lose most of its digits:
    `tfae/device.py` computes it from their outputs, by the formula in the file's metadata. The
    threshold, the range of the data and the labels are in the metadata as well.

    Args:
        model: Any built model of tfae.
        path: Of the file, which appears whole or not at all; one that is there is replaced.
        quantize: `None` for float32; `"float16"` halves the size; `"dynamic"` stores weights in
            int8; `"int8"` computes in int8 and needs `calibration`.
        calibration: Examples `(n, ...)`, as an array or a batched dataset, that show what the
            device will see; some 100 to 1,000. Every fifth is not calibrated on, but kept to
            measure the file, unless there is `validation`.
        validation: Examples to measure the file on, other ones than for calibration and training.
            Without either, random ones show the errors only.
        batch_size: Examples a call, fixed in the file.
        float_io: Whether an int8 file takes and gives float32, as LiteRT in browsers needs it.
        labels: Names of the classes, in order.
        allow: Bounds to put in the place of those in `tfae.export.report.BOUNDS`, for example
            `{"reconstruction_change": 0.05}`.

    Returns:
        What was measured of the file, beside the model in float32.

    Raises:
        ValueError: If the model is not built or a layer does not convert (named), an argument is
            out of range, `calibration` is missing, or data has the wrong shape or range.
        QuantizationError: If a bound is passed; a `ValueError` with the report.
        OSError: If the file cannot be written.
        ImportError: If ai-edge-litert is not installed.
    """
    path = Path(path)
    contract = _checked_contract(model)
    if quantize not in BOUNDS:
        raise ValueError(
            f"`quantize` must be one of {', '.join(map(repr, BOUNDS))}; received {quantize!r}."
        )
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1; received {batch_size!r}.")
    unknown = set(allow or {}) - set(BOUNDS[quantize])
    if unknown:
        raise ValueError(
            f"`allow` may have {', '.join(BOUNDS[quantize])}; received {', '.join(unknown)}."
        )
    if importlib.util.find_spec("ai_edge_litert") is None:
        raise ImportError(
            "LiteRT runs the file to measure it, and is not installed: pip install 'tfae[device]'."
        )
    from tfae.export.flatbuffer import with_metadata
    from tfae.export.measurement import measure, verified_formula

    if quantize == "int8" and calibration is None:
        raise ValueError(
            "quantize='int8' needs `calibration`: some 100 to 1,000 examples of what the device "
            "will see, from which the range of every tensor is taken."
        )
    calibration, validation = _examples(contract, calibration, validation, batch_size)
    is_random = validation is None
    if is_random:
        validation = _random_examples(contract)

    with new_file(path) as file:
        reference = in_float32(model)
        content = convert(reference, quantize, batch_size, calibration, float_io)
        formula = verified_formula(reference, validation)
        metadata = {
            "model": type(model).__name__,
            "input_shape": contract.input_shape,
            "latent_dim": model.latent_dim,
            "batch_size": batch_size,
            "quantize": quantize,
            "data_range": _data_range(contract, calibration),
            "score": formula and [_with_resolution(term, quantize) for term in formula],
            "threshold": getattr(model, "threshold", None),
            "false_positive_rate": getattr(model, "false_positive_rate", None),
            "labels": [str(label) for label in labels],
        }
        content = with_metadata(content, metadata)
        report = measure(os.fspath(path), content, reference, validation, is_random)
        violations = report.violations({**BOUNDS[quantize], **(allow or {})})
        if violations:
            raise QuantizationError(report, violations)
        file.write(content)
    return report


def _checked_contract(model: Autoencoding) -> DataContract:
    if not isinstance(model, Autoencoding):
        raise ValueError(f"`model` must be a model of tfae; received a {type(model).__name__}.")
    contract = model.data_contract()
    if None in contract.input_shape:
        raise ValueError(
            f"A .tflite file has fixed shapes, but the model takes data of {contract.input_shape}: "
            "give the encoder a keras.Input without None."
        )
    return contract


def _examples(
    contract: DataContract, calibration: Any, validation: Any, batch_size: int
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Examples to calibrate on and to measure on, each `None` where there are none."""
    calibration = _array(contract, "calibration", calibration, at_least=batch_size)
    validation = _array(contract, "validation", validation, at_least=1)
    if validation is None and calibration is not None:
        held_out = np.arange(len(calibration)) % _HELD_OUT == _HELD_OUT - 1
        if held_out.any() and np.sum(~held_out) >= batch_size:
            return calibration[~held_out], calibration[held_out]
    return calibration, validation


def _array(contract: DataContract, name: str, data: Any, at_least: int) -> np.ndarray | None:
    """At most `MOST_EXAMPLES` of the data: the first of a dataset, those of an array spread out."""
    if data is None:
        return None
    data = contract.checked_inputs(data, values=False, support=None, name=name)
    if isinstance(data, tf.data.Dataset):
        parts, count = [], 0
        for batch in data:
            parts.append(unpack(batch).x.numpy())
            count += len(parts[-1])
            if count >= MOST_EXAMPLES:
                break
        data = np.concatenate(parts)[:MOST_EXAMPLES] if parts else np.zeros((0,))
    else:
        data = np.asarray(data)
        data = data[:: max(1, -(-len(data) // MOST_EXAMPLES))]
    if len(data) < at_least:
        raise ValueError(f"`{name}` needs at least {at_least} examples; received {len(data)}.")
    data = contract.checked_inputs(data, values=True, support=contract.support, name=name)
    return data.astype("float32")


def _random_examples(contract: DataContract, number: int = 64) -> np.ndarray:
    generator = np.random.default_rng(0)
    shape = (number, *contract.input_shape)
    x = (
        generator.uniform(*contract.support, shape)
        if contract.support
        else generator.normal(size=shape)
    )
    return x.astype("float32")


def _data_range(contract: DataContract, calibration: np.ndarray | None) -> list[float] | None:
    if contract.support is not None:
        return list(contract.support)
    return None if calibration is None else [float(calibration.min()), float(calibration.max())]


def _with_resolution(term: dict, quantize: str | None) -> dict:
    if term["term"] == "bernoulli" and quantize == "int8":
        return {**term, "resolution": _PROBABILITY_STEP}
    return term
