"""Runs an autoencoder from a .tflite file written by `tfae.export.tflite`.

This file needs only NumPy and ai-edge-litert. Copy it to the device: it works there without tfae,
TensorFlow and Keras.

    model = DeviceModel("model.tflite")
    codes = model.encode(x)["code"]
    anomalous = model.is_anomaly(x)
"""

import datetime
import json
import math
import os
import struct
from typing import Any

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
        schema             what the columns of the model's tables hold, see `encode_table`; null if
                           it takes no tables

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
            x: Data `(n, ...)`; for a model with missing values, NaN where they are. For a model of
                tables also a table, see `encode_table`. The methods below take it, too.
            **label: `label=integers (n,)`, for a conditional model; -1 where unknown. The methods
                below take it, too.

        Returns:
            "code" `(n, latent_dim)`, and what else the model returns, such as "log_variance".

        Raises:
            ValueError: If `x` has the wrong shape, NaN, or values outside the model's support.
        """
        return self.run("encode", **self._inputs(self._checked(self._encoded(x))), **label)

    def decode(self, code: np.ndarray, **label: np.ndarray) -> np.ndarray:
        """Decodes codes `(n, latent_dim)` into data `(n, ...)`.

        For a model of tables, `decode_table(model.metadata["schema"], data)` makes rows of it.

        Raises:
            ValueError: If `code` has the wrong shape, or holds NaN or infinity.
        """
        if not np.isfinite(code).all():
            raise ValueError("`code` must hold finite numbers; received NaN or infinity.")
        return self.run("decode", code=code, **label)["x"]

    def reconstruct(self, x: Any, **label: np.ndarray) -> Any:
        """Encodes and decodes data `(n, ...)`; a table gives a dictionary of columns.

        Raises what `encode` raises.
        """
        inputs = self._inputs(self._checked(self._encoded(x)))
        reconstruction = self.run("reconstruct", **inputs, **label)["reconstruction"]
        return (
            decode_table(self.metadata["schema"], reconstruction) if is_table(x) else reconstruction
        )

    def anomaly_score(self, x: np.ndarray, **label: np.ndarray) -> np.ndarray:
        """Returns scores `(n,)` of data `(n, ...)`; higher is more anomalous.

        A row that holds NaN, infinity or a value outside the model's support cannot be data, so its
        score is infinite. For a model with missing values NaN is one, and the score that of the
        rest.

        Raises:
            ValueError: If the model's score has no formula, or `x` has the wrong shape.
        """
        x = np.asarray(self._encoded(x))
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

    def _encoded(self, x: np.ndarray) -> np.ndarray:
        if not is_table(x):
            return x
        if self.metadata.get("schema") is None:
            raise ValueError("This file's model takes arrays of numbers, not tables.")
        return encode_table(self.metadata["schema"], x)

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


# ---------------------------------------------------------------------- tables


def is_table(x: object) -> bool:
    """Whether data is a dictionary of columns or a list of dictionaries."""
    return isinstance(x, dict) or (isinstance(x, list) and bool(x) and isinstance(x[0], dict))


def encode_table(schema: dict, table: dict | list) -> np.ndarray:
    """Turns a table into numbers, as `tfae.data.TableSchema.encode` does.

    Args:
        schema: The metadata's "schema".
        table: A dictionary of columns, or a list of dictionaries, one for each row. `None`, NaN, ""
            and unknown categories are missing, and so is what a row does not have. Times are text
            in ISO 8601, or objects of `datetime`.

    Returns:
        float32 `(rows, width)`, NaN where a value is missing.

    Raises:
        ValueError: If a column is missing, or a cell is not what its column holds.
    """
    if isinstance(table, list):
        table = {c["name"]: [row.get(c["name"]) for row in table] for c in schema["columns"]}
    absent = [c["name"] for c in schema["columns"] if c["name"] not in table]
    if absent:
        raise ValueError(f"The table lacks the columns {', '.join(map(repr, absent))}.")
    blocks = [_encoded_column(column, list(table[column["name"]])) for column in schema["columns"]]
    return np.concatenate(blocks, axis=1).astype("float32")


def decode_table(schema: dict, x: np.ndarray) -> dict[str, list]:
    """Turns numbers `(rows, width)` into a dictionary of columns; `None` where NaN.

    Times are objects of `datetime`.
    """
    table, start = {}, 0
    for column in schema["columns"]:
        width = _width(column)
        block = np.float64(x[:, start : start + width])
        values = _decoded_column(column, block)
        missing = np.isnan(block).any(axis=1)
        pairs = zip(values, missing, strict=True)
        table[column["name"]] = [None if is_missing else value for value, is_missing in pairs]
        start += width
    return table


def _width(column: dict) -> int:
    widths = {"categorical": len(column.get("categories", ()))}
    return widths.get(column["kind"], 1 + 2 * len(column.get("cycles", ())))


def _encoded_column(column: dict, cells: list) -> np.ndarray:
    kind = column["kind"]
    if kind == "time":
        return _encoded_times(column, cells)
    if "categories" not in column:
        values = _numbers(column, cells)
        if kind == "count":
            return values[:, None]
        if column["quantiles"] is not None:
            knots, low, high = map(np.array, column["quantiles"])
            beyond = np.maximum(values - knots[-1], 0) + np.minimum(values - knots[0], 0)
            scores = np.interp(values, knots, (low + high) / 2)
            return (scores + beyond / column["deviation"])[:, None]
        if column["transform"] == "log":
            values = np.sign(values) * np.log1p(np.abs(values))
        return ((values - column["mean"]) / column["deviation"])[:, None]
    categories = column["categories"]
    if any(isinstance(category, str) for category in categories):
        index = {str(category): i for i, category in enumerate(categories)}
        keys = [None if cell is None else str(cell).strip() for cell in cells]
    else:
        index = {float(category): i for i, category in enumerate(categories)}
        keys = _numbers(column, cells).tolist()
    codes = np.array([index.get(key, np.nan) for key in keys])
    if kind == "ordinal":
        codes = (codes - column["mean"]) / column["deviation"]
    if kind != "categorical":
        return codes[:, None]
    one_hot = (codes[:, None] == np.arange(len(categories))).astype("float64")
    one_hot[np.isnan(codes)] = np.nan
    return one_hot


def _decoded_column(column: dict, block: np.ndarray) -> list:
    kind, values = column["kind"], np.nan_to_num(block[:, 0])
    if kind == "time":
        return _decoded_times(column, np.nan_to_num(block))
    if kind == "count":
        return np.maximum(np.rint(values), 0).astype(int).tolist()
    if kind == "numeric":
        if column["quantiles"] is not None:
            knots, low, high = map(np.array, column["quantiles"])
            values = np.interp(values, np.stack([low, high], axis=1).ravel(), np.repeat(knots, 2))
        else:
            values = values * column["deviation"] + column["mean"]
        if column["transform"] == "log":
            values = np.sign(values) * np.expm1(np.abs(values))
        if column["decimals"] is not None:
            values = np.round(values, column["decimals"])
        return (values.astype(int) if "int" in column["type"] else values).tolist()
    if kind == "categorical":
        codes = np.nan_to_num(block).argmax(axis=1)
    elif kind == "binary":
        codes = values >= 0.5
    else:
        codes = np.rint(values * column["deviation"] + column["mean"])
    categories = column["categories"]
    found = [categories[i] for i in np.clip(np.asarray(codes).astype(int), 0, len(categories) - 1)]
    return [bool(value) for value in found] if column["type"] == "bool" else found


def _numbers(column: dict, cells: list) -> np.ndarray:
    try:
        return np.array([np.nan if cell in (None, "") else float(cell) for cell in cells])
    except (TypeError, ValueError) as error:
        raise ValueError(f"The column {column['name']!r} holds numbers: {error}.") from None


_MICROSECONDS = {"days": 86_400_000_000, "hours": 3_600_000_000, "minutes": 60_000_000}
_MICROSECONDS["seconds"] = 1_000_000
_DAY = _MICROSECONDS["days"]
_EPOCH = datetime.datetime(1970, 1, 1)


def _encoded_times(column: dict, cells: list) -> np.ndarray:
    micro = np.array([_microseconds(column, cell) for cell in cells])
    number = (micro - column["origin"]) / _MICROSECONDS[column["unit"]]
    parts = [(number - column["mean"]) / column["deviation"]]
    for cycle in column["cycles"]:
        if cycle == "time of day":
            phase = micro / _DAY % 1
        elif cycle == "day of week":
            phase = (np.floor(micro / _DAY) + 3) % 7 / 7
        else:
            days = np.nan_to_num(np.floor(micro / _DAY)).astype("datetime64[D]")
            phase = days.astype("datetime64[M]").astype(int) % 12 / 12 + 0 * micro
        parts += [np.sin(2 * np.pi * phase), np.cos(2 * np.pi * phase)]
    return np.stack(parts, axis=1)


def _decoded_times(column: dict, block: np.ndarray) -> list:
    number = block[:, 0] * column["deviation"] + column["mean"]
    micro = column["origin"] + number * _MICROSECONDS[column["unit"]]
    if "time of day" in column["cycles"]:
        i = 1 + 2 * column["cycles"].index("time of day")
        of_day = np.arctan2(block[:, i], block[:, i + 1]) / (2 * np.pi) % 1 * _DAY
        micro = np.round((micro - of_day) / _DAY) * _DAY + of_day
    steps = np.round((micro - column["origin"]) / column["resolution"])
    micro = column["origin"] + steps * column["resolution"]
    times = [_EPOCH + datetime.timedelta(microseconds=float(value)) for value in micro]
    if column["type"].startswith("date"):
        return [time.date() for time in times]
    return times if column["type"].startswith("timestamp") else [time.time() for time in times]


def _microseconds(column: dict, cell: Any) -> float:
    """A time as microseconds since 1970 in UTC; NaN for what is missing."""
    if cell is None or cell == "":
        return np.nan
    is_of_day = not column["type"].startswith(("timestamp", "date"))
    try:
        if isinstance(cell, str) and "%" in (column["format"] or ""):
            cell = datetime.datetime.strptime(cell, column["format"])
        elif isinstance(cell, str):
            parse = datetime.time if is_of_day else datetime.datetime
            cell = parse.fromisoformat(cell)
    except ValueError as error:
        raise ValueError(f"The column {column['name']!r} holds times: {error}.") from None
    if isinstance(cell, datetime.time):
        cell = datetime.datetime.combine(_EPOCH, cell)
    elif not isinstance(cell, datetime.datetime):
        cell = datetime.datetime(cell.year, cell.month, cell.day)
    if cell.tzinfo is not None:
        cell = cell.astimezone(datetime.UTC).replace(tzinfo=None)
    return (cell - _EPOCH) / datetime.timedelta(microseconds=1)
