"""Runs an autoencoder from the .tflite file that `tfae.export.tflite` writes.

This file needs NumPy and ai-edge-litert only. Copy it to the device: there it works without tfae,
TensorFlow and Keras.

    model = DeviceModel("model.tflite")
    codes = model.encode(x)["code"]
    anomalous = model.anomaly_score(x) > model.metadata["threshold"]
"""

import json
import os

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

METADATA_NAME = "tfae"


def read_metadata(content: bytes) -> dict:
    """Reads what tfae wrote into a .tflite file beside the network.

    It is JSON, in the buffer of the file's metadata entry "tfae" (`Model.metadata` of the TFLite
    schema):

        model              class of the model
        input_shape        shape of one example
        latent_dim         size of a code
        batch_size         examples a call
        quantize           null, "float16", "dynamic" or "int8"
        data_range         [low, high] of the data, or null if not known
        score              terms of the anomaly score, see `SCORE_TERMS`; null if it has no formula
        threshold          scores above it are anomalous; null if none was fitted
        false_positive_rate  fraction of normal data above the threshold; null likewise
        labels             names of the classes, in order

    Raises:
        ValueError: If there is no such entry.
    """
    model = schema.Model.GetRootAs(content, 0)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name().decode() == METADATA_NAME:
            return json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    raise ValueError("This .tflite file has no metadata of tfae: tfae.export.tflite writes it.")


class DeviceModel:
    """An autoencoder in a .tflite file: arrays of floats in and out, whatever its ends are.

    Args:
        model: Path of the file, or its bytes.
        num_threads: For each call.

    Attributes:
        metadata: See `read_metadata`.
    """

    def __init__(self, model: str | os.PathLike | bytes, num_threads: int = 1):
        if not isinstance(model, bytes):
            with open(model, "rb") as file:
                model = file.read()
        self.metadata = read_metadata(model)
        self._interpreter = Interpreter(model_content=model, num_threads=num_threads)
        self._runners: dict = {}

    def run(self, signature: str, values: np.ndarray) -> dict[str, np.ndarray]:
        """Runs a signature on rows `(n, ...)`, a batch at a time.

        Returns:
            float32 arrays `(n, ...)` by the name of the output.

        Raises:
            ValueError: If a row has the wrong shape.
        """
        if signature not in self._runners:
            self._runners[signature] = self._interpreter.get_signature_runner(signature)
        runner = self._runners[signature]
        ((name, ends),) = runner.get_input_details().items()
        batch_size, *row = ends["shape"]
        values = np.asarray(values, "float32")
        if values.shape[1:] != tuple(row):
            raise ValueError(
                f"`{name}` must have shape (n, {', '.join(map(str, row))}); received "
                f"{values.shape}."
            )
        outputs = runner.get_output_details()
        results = {key: [] for key in outputs}
        for start in range(0, len(values), batch_size):
            batch = np.zeros(ends["shape"], "float32")
            rows = values[start : start + batch_size]
            batch[: len(rows)] = rows
            for key, value in runner(**{name: _quantized(batch, ends)}).items():
                results[key].append(_dequantized(value, outputs[key])[: len(rows)])
        return {
            key: np.concatenate(parts) if parts else np.zeros((0, *outputs[key]["shape"][1:]), "f")
            for key, parts in results.items()
        }

    def encode(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Codes of data `(n, ...)`: "code" `(n, latent_dim)`, and what else the model gives."""
        return self.run("encode", x)

    def decode(self, code: np.ndarray) -> np.ndarray:
        """Data `(n, ...)` of codes `(n, latent_dim)`."""
        return self.run("decode", code)["x"]

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """Data `(n, ...)` encoded and decoded."""
        return self.run("reconstruct", x)["reconstruction"]

    def anomaly_score(self, x: np.ndarray) -> np.ndarray:
        """Scores `(n,)` of data `(n, ...)`; higher is more anomalous.

        Raises:
            ValueError: If the model's score has no formula, or `x` has the wrong shape.
        """
        encoding = self.encode(x)
        return score(self.metadata, x, self.decode(encoding["code"]), encoding)


def score(
    metadata: dict, x: np.ndarray, reconstruction: np.ndarray, encoding: dict[str, np.ndarray]
) -> np.ndarray:
    """The anomaly score, outside of the network: in int8 it would lose most of its digits.

    Args:
        metadata: Of the file.
        x, reconstruction: Data `(n, ...)`.
        encoding: Outputs of the signature `encode`, `(n, ...)` each.

    Returns:
        float64 scores `(n,)`: the sum of the terms in the metadata.
    """
    if metadata["score"] is None:
        raise ValueError(f"The anomaly score of {metadata['model']} has no formula here.")
    x, reconstruction = np.float64(x), np.float64(reconstruction)
    total = np.zeros(len(x))
    for term in metadata["score"]:
        parameters = {key: value for key, value in term.items() if key != "term"}
        values = SCORE_TERMS[term["term"]](x, reconstruction, encoding, **parameters)
        total += values.reshape(len(x), -1).sum(axis=1)
    return total


Encoding = dict[str, np.ndarray]


def _bernoulli(
    x: np.ndarray, reconstruction: np.ndarray, _: Encoding, resolution: float = 2e-7
) -> np.ndarray:
    # A probability that is stored as 0 or 1 lies within half a step of it.
    p = np.clip(reconstruction, resolution / 2, 1 - resolution / 2)
    return -x * np.log(p) - (1 - x) * np.log1p(-p)


def _gaussian(x: np.ndarray, reconstruction: np.ndarray, _: Encoding, scale: float) -> np.ndarray:
    return 0.5 * ((x - reconstruction) / scale) ** 2 + np.log(scale * np.sqrt(2 * np.pi))


def _squared_error(x: np.ndarray, reconstruction: np.ndarray, _: Encoding) -> np.ndarray:
    return (x - reconstruction) ** 2


def _gaussian_kl(x: np.ndarray, reconstruction: np.ndarray, encoding: Encoding) -> np.ndarray:
    mean, log_variance = np.float64(encoding["code"]), np.float64(encoding["log_variance"])
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)


SCORE_TERMS = {
    "bernoulli": _bernoulli,  # -log p(x | code); "resolution": the step of the probabilities
    "gaussian": _gaussian,  # -log p(x | code); "scale": the standard deviation
    "squared_error": _squared_error,
    "gaussian_kl": _gaussian_kl,  # KL(N(code, exp(log_variance)) || N(0, 1))
}
"""Terms of the anomaly score by name, summed over all axes but the first."""


def _quantized(values: np.ndarray, ends: dict) -> np.ndarray:
    scale, zero_point = ends["quantization"]
    if not scale:
        return values
    limits = np.iinfo(ends["dtype"])
    steps = np.rint(values / scale) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(ends["dtype"])


def _dequantized(values: np.ndarray, ends: dict) -> np.ndarray:
    scale, zero_point = ends["quantization"]
    return (values.astype("float32") - zero_point) * np.float32(scale) if scale else values
