"""Runs an autoencoder from a .tflite file written by `tfae.export.tflite`.

This file needs only NumPy and ai-edge-litert. Copy it to the device: it works there without tfae,
TensorFlow and Keras.

    model = DeviceModel("model.tflite")
    codes = model.encode(x)["code"]
    anomalous = model.is_anomaly(x)
"""

import json
import math
import os
import struct

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

METADATA_NAME = "tfae"


def read_metadata(content: bytes) -> dict:
    """Reads what tfae wrote into a .tflite file in addition to the network.

    It is JSON, stored under the metadata entry "tfae" (`Model.metadata` in the TFLite schema):

        model              class of the model
        input_shape        shape of one example
        latent_dim         size of a code
        batch_size         number of examples in a call
        quantize           null, "float16", "dynamic" or "int8"
        support            [low, high], the range that data must lie in, or null for all real
                           numbers; each is a number, or an array that broadcasts to an example
        data_range         [low, high] of the data that was seen, or null if unknown
        missing            how the file takes missing values: "nan" if NaN in `x` is one, "mask" if
                           the input `mask` says so (1 observed, 0 missing), null if there are none
        num_classes        number of classes of a model that takes labels, else null
        score              terms of the anomaly score, see `SCORE_TERMS`; null if it has no formula.
                           If a term has a "scaling", it is computed from (x - shift) * factor
        threshold          scores above it, and NaN, are anomalous; null if none was fitted
        false_positive_rate  fraction of normal data above the threshold; null if none was fitted
        labels             names of the classes, in order

    Raises:
        ValueError: If this is not a .tflite file, or has no such entry.
    """
    if content[4:8] != b"TFL3":
        raise ValueError("This is not a .tflite file; tfae.export.tflite writes one.")
    try:
        model = schema.Model.GetRootAs(content, 0)
        entries = [model.Metadata(i) for i in range(model.MetadataLength())]
        for entry in entries:
            if entry.Name() == METADATA_NAME.encode():
                return json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    except (AttributeError, IndexError, TypeError, ValueError, struct.error) as error:
        raise ValueError(f"This .tflite file is damaged: {error}.") from error
    raise ValueError(
        "This .tflite file has no metadata from tfae; write the file with tfae.export.tflite."
    )


class DeviceModel:
    """An autoencoder in a .tflite file. It takes and returns floats, even from an int8 file.

    Args:
        model: Path of the file, or its bytes.
        num_threads: Number of threads that a call uses.

    Attributes:
        metadata: See `read_metadata`.

    Raises:
        ValueError: If the file is not one that `tfae.export.tflite` wrote.
    """

    def __init__(self, model: str | os.PathLike | bytes, num_threads: int = 1):
        if not isinstance(model, bytes):
            with open(model, "rb") as file:
                model = file.read()
        self.metadata = read_metadata(model)
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=num_threads)
        except ValueError as error:
            raise ValueError(f"LiteRT cannot run this .tflite file: {error}") from error
        self._runners: dict = {}

    def run(self, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Runs a signature on rows, a batch at a time, without checking their values.

        Args:
            signature: "encode", "decode" or "reconstruct".
            **inputs: Arrays `(n, ...)` by input name.

        Returns:
            Arrays `(n, ...)` by output name; int8 outputs are converted to float32.

        Raises:
            ValueError: If an input is missing or has the wrong shape, or a label is not a class.
        """
        if signature not in self._runners:
            self._runners[signature] = self._interpreter.get_signature_runner(signature)
        runner = self._runners[signature]
        details = runner.get_input_details()
        if set(inputs) != set(details):
            raise ValueError(
                f"{signature!r} takes {', '.join(details)}; received {', '.join(inputs)}."
            )
        if "label" in inputs:
            self._check_label(np.asarray(inputs["label"]))
        rows = {name: _quantized(name, inputs[name], of) for name, of in details.items()}
        sizes = {name: len(array) for name, array in rows.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"All inputs must have the same number of rows; received {sizes}.")
        n = next(iter(sizes.values()))
        outputs = runner.get_output_details()
        results: dict[str, list[np.ndarray]] = {name: [] for name in outputs}
        batch_size = self.metadata["batch_size"]
        for start in range(0, n, batch_size):
            batch = {name: array[start : start + batch_size] for name, array in rows.items()}
            missing = batch_size - min(n - start, batch_size)
            batch = {
                name: np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])
                for name, array in batch.items()
            }
            for name, values in runner(**batch).items():
                results[name].append(values[: batch_size - missing])
        return {
            name: _dequantized(np.concatenate(parts), outputs[name])
            if parts
            else np.zeros((0, *outputs[name]["shape"][1:]), "float32")
            for name, parts in results.items()
        }

    def encode(self, x: np.ndarray, **label: np.ndarray) -> dict[str, np.ndarray]:
        """Encodes data.

        Args:
            x: Data `(n, ...)`; for a model with missing values, NaN where they are.
            **label: `label=integers (n,)`, for a conditional model; -1 where unknown. The methods
                below take it, too.

        Returns:
            "code" `(n, latent_dim)`, and what else the model returns, such as "log_variance".

        Raises:
            ValueError: If `x` has the wrong shape, NaN, or values outside the model's support.
        """
        return self.run("encode", **self._inputs(self._checked(x)), **label)

    def decode(self, code: np.ndarray, **label: np.ndarray) -> np.ndarray:
        """Decodes codes `(n, latent_dim)` into data `(n, ...)`.

        Raises:
            ValueError: If `code` has the wrong shape, or holds NaN or infinity.
        """
        if not np.isfinite(code).all():
            raise ValueError("`code` must hold finite numbers; received NaN or infinity.")
        return self.run("decode", code=code, **label)["x"]

    def reconstruct(self, x: np.ndarray, **label: np.ndarray) -> np.ndarray:
        """Encodes and decodes data `(n, ...)`; raises what `encode` raises."""
        inputs = self._inputs(self._checked(x))
        return self.run("reconstruct", **inputs, **label)["reconstruction"]

    def anomaly_score(self, x: np.ndarray, **label: np.ndarray) -> np.ndarray:
        """Returns scores `(n,)` of data `(n, ...)`; higher is more anomalous.

        A row that holds NaN, infinity or a value outside the model's support cannot be data, so its
        score is infinite. For a model with missing values NaN is one, and the score that of the
        rest.

        Raises:
            ValueError: If the model's score has no formula, or `x` has the wrong shape.
        """
        x = np.asarray(x)
        valid = self._are_data(x)
        clean = np.where(valid.reshape(-1, *[1] * (x.ndim - 1)), x, 0)
        encoding = self.run("encode", **self._inputs(clean), **label)
        reconstruction = self.run("decode", code=encoding["code"], **label)["x"]
        return np.where(valid, score(self.metadata, clean, reconstruction, encoding), np.inf)

    def is_anomaly(self, x: np.ndarray, **label: np.ndarray) -> np.ndarray:
        """Returns which rows of data `(n, ...)` are anomalies, as booleans `(n,)`.

        A row is one unless its score is at most the threshold; so NaN is an anomaly.

        Raises:
            ValueError: If the file has no threshold, or if `anomaly_score` raises it.
        """
        if self.metadata["threshold"] is None:
            raise ValueError(
                "The file has no threshold. Call model.fit_threshold before tfae.export.tflite."
            )
        return ~(self.anomaly_score(x, **label) <= self.metadata["threshold"])

    def _checked(self, x: np.ndarray) -> np.ndarray:
        x, support = np.asarray(x), self.metadata.get("support")
        if not self._are_data(x).all():
            expected = "finite numbers"
            if support is not None:
                expected = f"numbers in [{np.min(support[0]):g}, {np.max(support[1]):g}]"
            raise ValueError(
                f"`x` must hold {expected}; received {np.min(x)} to {np.max(x)}. Only "
                "anomaly_score and is_anomaly take other data."
            )
        return x

    def _are_data(self, x: np.ndarray) -> np.ndarray:
        missing = self.metadata.get("missing") is not None
        return are_data(x, self.metadata.get("support"), missing)

    def _inputs(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Returns what a file takes for data: with its mask, if NaN cannot say what is missing."""
        if self.metadata.get("missing") != "mask":
            return {"x": x}
        observed = ~np.isnan(x)
        return {"x": np.where(observed, x, 0), "mask": observed.astype("float32")}

    def _check_label(self, label: np.ndarray) -> None:
        n = self.metadata.get("num_classes")
        low, high = np.min(label, initial=0), np.max(label, initial=0)
        if label.dtype.kind not in "iu" or low < -1 or (n is not None and high >= n):
            expected = "-1" if n is None else f"-1 to {n - 1}"
            raise ValueError(
                f"`label` must hold integers from {expected}; received {label.dtype} from {low} to "
                f"{high}."
            )


def are_data(x: np.ndarray, support: list[float] | None, missing: bool = False) -> np.ndarray:
    """Returns which rows `(n, ...)` hold only finite values within the support, booleans `(n,)`.

    With `missing`, NaN is as good as any value.
    """
    valid = np.isfinite(x)
    if support is not None:
        low, high = np.float32(support[0]), np.float32(support[1])
        valid &= (x >= low) & (x <= high)
    if missing:
        valid |= np.isnan(x)
    return valid.all(axis=tuple(range(1, np.ndim(x))))


def score(
    metadata: dict, x: np.ndarray, reconstruction: np.ndarray, encoding: dict[str, np.ndarray]
) -> np.ndarray:
    """Computes the anomaly score outside of the network, where int8 would cost most of its digits.

    Args:
        metadata: The file's metadata.
        x, reconstruction: Data `(n, ...)`; NaN in `x` is what the file's metadata calls missing.
        encoding: Outputs of the signature `encode`, each `(n, ...)`.

    Returns:
        float64 scores `(n,)`: the sum of the terms in the metadata.
    """
    if metadata["score"] is None:
        raise ValueError(f"The anomaly score of {metadata['model']} has no formula here.")
    x, reconstruction = np.float64(x), np.float64(reconstruction)
    total = np.zeros(len(x))
    for term in metadata["score"]:
        parameters = dict(term)
        name, scaling = parameters.pop("term"), parameters.pop("scaling", None)
        scaled = [x, reconstruction]
        if scaling is not None:  # then the loss was computed from scaled data
            shift, factor = np.float64(scaling["shift"]), np.float64(scaling["factor"])
            scaled = [(values - shift) * factor for values in scaled]
        values = SCORE_TERMS[name](*scaled, encoding, **parameters)
        if metadata.get("missing") is not None and values.shape == x.shape:
            # A term is NaN where `x` is; where it is for another reason, it stays.
            values = np.where(np.isnan(values) & ~np.isnan(reconstruction), 0.0, values)
        total += values.sum(axis=tuple(range(1, values.ndim)))
    return total


Encoding = dict[str, np.ndarray]


def _bernoulli(
    x: np.ndarray, reconstruction: np.ndarray, _: Encoding, resolution: float = 2e-7
) -> np.ndarray:
    # A probability that was rounded to 0 or 1 lies within half a step of it.
    p = np.clip(reconstruction, resolution / 2, 1 - resolution / 2)
    return -x * np.log(p) - (1 - x) * np.log1p(-p)


def _gaussian(x: np.ndarray, reconstruction: np.ndarray, _: Encoding, scale: float) -> np.ndarray:
    return 0.5 * ((x - reconstruction) / scale) ** 2 + np.log(scale * np.sqrt(2 * np.pi))


def _squared_error(x: np.ndarray, reconstruction: np.ndarray, _: Encoding) -> np.ndarray:
    return (x - reconstruction) ** 2


def _absolute_error(x: np.ndarray, reconstruction: np.ndarray, _: Encoding) -> np.ndarray:
    return np.abs(x - reconstruction)


def _laplace(x: np.ndarray, reconstruction: np.ndarray, _: Encoding, scale: float) -> np.ndarray:
    return np.abs(x - reconstruction) / scale + np.log(2 * scale)


def _huber(x: np.ndarray, reconstruction: np.ndarray, _: Encoding, delta: float) -> np.ndarray:
    distance = np.abs(x - reconstruction)
    return np.where(distance <= delta, distance**2 / 2, delta * (distance - delta / 2))


def _student_t(
    x: np.ndarray,
    reconstruction: np.ndarray,
    _: Encoding,
    degrees_of_freedom: float,
    scale: float,
) -> np.ndarray:
    n = degrees_of_freedom
    constant = math.lgamma(n / 2) - math.lgamma((n + 1) / 2) + math.log(math.pi * n) / 2
    standardised = (x - reconstruction) / scale
    return (n + 1) / 2 * np.log1p(standardised**2 / n) + constant + np.log(scale)


def _categorical(
    x: np.ndarray, reconstruction: np.ndarray, _: Encoding, num_classes: int | None = None
) -> np.ndarray:
    # A choice of which one class is NaN is missing as a whole.
    choices = x.reshape(*x.shape[:-1], -1, num_classes or x.shape[-1])
    choices = choices + 0 * choices.sum(axis=-1, keepdims=True)
    return -choices.reshape(x.shape) * np.log(np.maximum(reconstruction, 1e-30))


def _poisson(x: np.ndarray, reconstruction: np.ndarray, _: Encoding) -> np.ndarray:
    mean = np.maximum(reconstruction, 1e-30)
    return mean - x * np.log(mean) + _log_gamma(x + 1)


def _negative_binomial(
    x: np.ndarray, reconstruction: np.ndarray, _: Encoding, dispersion: float
) -> np.ndarray:
    mean, failures = np.maximum(reconstruction, 1e-30), 1 / dispersion
    constant = _log_gamma(x + 1) + _log_gamma(np.float64(failures)) - _log_gamma(x + failures)
    of_mean = x * np.log((mean + failures) / mean) + failures * np.log1p(mean / failures)
    return constant + of_mean


_log_gamma = np.vectorize(math.lgamma, otypes=["float64"])


def _columns(
    x: np.ndarray, reconstruction: np.ndarray, encoding: Encoding, columns: list[dict]
) -> np.ndarray:
    parts, start = [], 0
    for column in columns:
        parameters = dict(column)
        block = np.s_[..., start : start + parameters["width"]]
        start += parameters.pop("width")
        weight, term = parameters.pop("weight"), SCORE_TERMS[parameters.pop("term")]
        parts.append(weight * term(x[block], reconstruction[block], encoding, **parameters))
    return np.concatenate(parts, axis=-1)


def _gaussian_kl(x: np.ndarray, reconstruction: np.ndarray, encoding: Encoding) -> np.ndarray:
    mean, log_variance = np.float64(encoding["code"]), np.float64(encoding["log_variance"])
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)


SCORE_TERMS = {
    "bernoulli": _bernoulli,  # -log p(x | code); "resolution": step between probabilities
    "gaussian": _gaussian,  # -log p(x | code); "scale": the standard deviation
    "laplace": _laplace,  # -log p(x | code); "scale": the mean absolute deviation
    "student_t": _student_t,  # -log p(x | code); "degrees_of_freedom" and "scale"
    "squared_error": _squared_error,
    "absolute_error": _absolute_error,
    "huber": _huber,  # "delta": where the straight line begins
    "categorical": _categorical,  # -log p(x | code) of one-hot data
    "poisson": _poisson,  # -log p(x | code)
    "negative_binomial": _negative_binomial,  # -log p(x | code); "dispersion"
    "columns": _columns,  # "columns": for each block of the last axis its term, width and weight
    "gaussian_kl": _gaussian_kl,  # KL(N(code, exp(log_variance)) || N(0, 1))
}
"""Terms of the anomaly score by name, summed over all axes but the first."""


def _quantized(name: str, values: np.ndarray, details: dict) -> np.ndarray:
    values, row = np.asarray(values), tuple(details["shape"][1:])
    if values.shape[1:] != row or values.ndim == 0:
        raise ValueError(
            f"`{name}` must have shape (n, {', '.join(map(str, row))}); received {values.shape}."
        )
    scale, zero_point = details["quantization"]
    if scale:
        limits = np.iinfo(details["dtype"])
        values = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
    return values.astype(details["dtype"])


def _dequantized(values: np.ndarray, details: dict) -> np.ndarray:
    scale, zero_point = details["quantization"]
    return (values.astype("float32") - zero_point) * np.float32(scale) if scale else values
