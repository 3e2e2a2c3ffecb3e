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
    """An autoencoder in a .tflite file: floats in and out, also of an int8 file.

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

    def run(self, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Runs a signature on rows, a batch at a time.

        Args:
            signature: "encode", "decode" or "reconstruct".
            **inputs: Arrays `(n, ...)` by the name of the input.

        Returns:
            Arrays `(n, ...)` by the name of the output; int8 numbers come as float32.

        Raises:
            ValueError: If an input is missing or has the wrong shape.
        """
        if signature not in self._runners:
            self._runners[signature] = self._interpreter.get_signature_runner(signature)
        runner = self._runners[signature]
        ends = runner.get_input_details()
        if set(inputs) != set(ends):
            raise ValueError(
                f"{signature!r} takes {', '.join(ends)}; received {', '.join(inputs)}."
            )
        rows = {name: _quantized(name, inputs[name], end) for name, end in ends.items()}
        (n,) = {len(array) for array in rows.values()}
        outputs = runner.get_output_details()
        results = {name: [] for name in outputs}
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
            x: Data `(n, ...)`.
            **label: For a conditional model, here and below: integers `(n,)`, -1 where unknown.

        Returns:
            "code" `(n, latent_dim)`, and what else the model gives, such as "log_variance".
        """
        return self.run("encode", x=x, **label)

    def decode(self, code: np.ndarray, **label: np.ndarray) -> np.ndarray:
        """Data `(n, ...)` of codes `(n, latent_dim)`."""
        return self.run("decode", code=code, **label)["x"]

    def reconstruct(self, x: np.ndarray, **label: np.ndarray) -> np.ndarray:
        """Data `(n, ...)` encoded and decoded."""
        return self.run("reconstruct", x=x, **label)["reconstruction"]

    def anomaly_score(self, x: np.ndarray, **label: np.ndarray) -> np.ndarray:
        """Scores `(n,)` of data `(n, ...)`; higher is more anomalous.

        Raises:
            ValueError: If the model's score has no formula, or `x` has the wrong shape.
        """
        encoding = self.encode(x, **label)
        return score(self.metadata, x, self.decode(encoding["code"], **label), encoding)


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


def _quantized(name: str, values: np.ndarray, end: dict) -> np.ndarray:
    values, row = np.asarray(values), tuple(end["shape"][1:])
    if values.shape[1:] != row or values.ndim == 0:
        raise ValueError(
            f"`{name}` must have shape (n, {', '.join(map(str, row))}); received {values.shape}."
        )
    scale, zero_point = end["quantization"]
    if scale:
        limits = np.iinfo(end["dtype"])
        values = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
    return values.astype(end["dtype"])


def _dequantized(values: np.ndarray, end: dict) -> np.ndarray:
    scale, zero_point = end["quantization"]
    return (values.astype("float32") - zero_point) * np.float32(scale) if scale else values
