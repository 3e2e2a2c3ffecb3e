"""Writes the files that the page loads: the model as .tflite, held-out examples, their codes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from tfae import export
from tfae.bases.autoencoding import Autoencoding
from tfae.device import read_metadata
from tfae.losses.divergence import gaussian_kl_per_dimension

_EXAMPLES, _BYTES = 2000, 2**25  # at most, since the page holds them in memory


def num_examples(shape: Sequence[int]) -> int:
    """Returns the largest number of examples of a shape that the page shows."""
    return max(1, min(_EXAMPLES, _BYTES // (4 * math.prod(shape))))


def prepare(
    model: keras.Model,
    x: np.ndarray,
    folder: Path,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    *,
    run: str,
    data: str,
    column_names: Sequence[str] | None = None,
    server_reason: str | None = None,
) -> None:
    """Writes the files of the page: model.tflite, about.json, and examples and codes as float32.

    Args:
        model: A built model with flat codes.
        x: Held-out examples `(n, ...)`, at least one.
        folder: An empty folder.
        labels: Class numbers `(n,)`, -1 for unlabelled; a conditional model uses them.
        class_names: Name of each class number.
        column_names: Name of each column, if the data is a table.
        run, data: Names that the page shows for them.
        server_reason: Why the server must run the model, or `None` to try the browser first.

    Raises:
        ValueError: If the model has no flat codes, or its data has no fixed shape.
    """
    if not isinstance(model, Autoencoding):
        raise ValueError(f"{type(model).__name__} does not decode codes: there is no page to show.")
    shape = model.data_contract().input_shape
    x = np.asarray(x, np.float32)
    inputs = x
    if model.conditional:
        known = np.full(len(x), -1) if labels is None else np.asarray(labels)
        inputs = {"x": x, "label": known}
    encoding = model.encode(inputs, return_dict=True)
    scores = model.anomaly_score(inputs)
    codes = encoding["code"]
    if codes.ndim != 2:
        raise ValueError(
            f"The page shows flat codes (n, latent_dim); {type(model).__name__} gives codes of "
            f"shape {codes.shape}."
        )
    file = folder / "model.tflite"
    export.tflite(model, file, validation=inputs, labels=class_names or ())
    metadata = read_metadata(file.read_bytes())
    if np.isnan(x).any():  # the page has no missing values: it shows what the model makes of them
        x = np.where(np.isnan(x), model.reconstruct(inputs), x)
    x.astype("<f4").tofile(folder / "examples.f32")
    codes.astype("<f4").tofile(folder / "codes.f32")
    is_image = len(shape) == 3 and shape[-1] in (1, 3)
    about = {
        "run": run,
        "data": data,
        "serverReason": server_reason,
        "model": type(model).__name__,
        "shape": shape,
        "columnNames": None if column_names is None else list(column_names),
        "support": None if is_image else _support(model),
        "isImage": is_image,
        "range": _value_range(model, x),
        "score": metadata["score"] and [_flat(term, shape) for term in metadata["score"]],
        "threshold": metadata["threshold"],
        "information": "KL" if "log_variance" in encoding else "variance",
        "dimensions": _dimensions(**encoding),
        "numClasses": model.num_classes if model.conditional else None,
        "labels": None if labels is None else np.asarray(labels).tolist(),
        "classNames": None if class_names is None else list(class_names),
        "scores": np.asarray(scores, np.float64).tolist(),
    }
    (folder / "about.json").write_text(json.dumps(about, allow_nan=False))


def _flat(term: dict, shape: tuple[int, ...]) -> dict:
    """Returns a term of the score, with its scaling expanded to a number for each value."""
    if "scaling" not in term:
        return term
    scaling = {
        name: np.broadcast_to(np.float64(values), shape).ravel().tolist()
        for name, values in term["scaling"].items()
    }
    return {**term, "scaling": scaling}


def _support(model: Autoencoding) -> dict[str, list[float]] | None:
    """Returns the lowest and highest allowed number for each value of an example."""
    contract = model.data_contract()
    if contract.support is None:
        return None
    largest = float(np.finfo("float32").max)  # JSON has no infinity
    low, high = (
        np.broadcast_to(np.clip(np.float64(of), -largest, largest), contract.input_shape)
        for of in contract.support
    )
    return {"low": low.ravel().tolist(), "high": high.ravel().tolist()}


def _value_range(model: Autoencoding, x: np.ndarray) -> tuple[float, float]:
    """Returns what is shown as black and as white: the likelihood's range, else the data's."""
    low, high = float(x.min()), float(x.max())
    support = model.data_contract().support
    if support is not None and np.isfinite(support).all():
        return float(np.min(support[0])), float(np.max(support[1]))
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, max(high, low + 1e-6)


def _dimensions(
    code: np.ndarray, log_variance: np.ndarray | None = None, **others: np.ndarray
) -> list[dict[str, float]]:
    """Returns the information and range of each latent dimension, most informative first."""
    del others
    if log_variance is None:
        information = code.var(axis=0)
    else:
        information = np.mean(gaussian_kl_per_dimension(code, log_variance), axis=0)
    low, high = code.min(axis=0), code.max(axis=0)
    margin = 0.05 * np.maximum(high - low, 1e-3)
    if log_variance is not None:  # the prior's range, where generated codes lie
        low, high = np.minimum(low, -3), np.maximum(high, 3)
    return [
        {
            "index": int(i),
            "information": float(information[i]),
            "low": float(low[i] - margin[i]),
            "high": float(high[i] + margin[i]),
        }
        for i in np.argsort(-information, kind="stable")
    ]
