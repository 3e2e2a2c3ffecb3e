"""Example requests to a served model, with the expected answers."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from tfae.export.examples import bounded

Arrays = dict[str, np.ndarray]


class Example(NamedTuple):
    """Inputs of a signature, and its outputs for them, by name."""

    inputs: Arrays
    outputs: Arrays


WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
"""Where in a version's folder TensorFlow Serving looks for warm-up requests."""

EXAMPLES = Path("assets.extra", "examples")
"""Where in a version's folder there are bodies of REST requests and their answers."""


def example_inputs(
    inputs: list[tf.TensorSpec],
    rows: int,
    support: tuple | None = None,
    cells: Arrays | None = None,
) -> Arrays:
    """Makes up inputs, the same every time: noise in the range of the data, small integer seeds.

    Args:
        inputs: Specifications with a free batch axis; other free axes get length 64.
        rows: Size of the batch.
        support: The lowest and highest value that data may have; `None` for all numbers.
        cells: Values of inputs that are columns of a table.

    Returns:
        Arrays by name. Numbers have few digits, since they are written as text.
    """
    random = np.random.default_rng(0)
    made = {}
    for spec in inputs:
        shape = (rows, *(size or 64 for size in spec.shape[1:]))
        if cells is not None and spec.name in cells:
            values = cells[spec.name]
        elif spec.dtype == tf.uint8:
            values = random.integers(0, 256, shape)
        elif spec.name == "x":
            support = (0.0, 1.0) if support is None else support
            low, size = bounded(support)
            values = np.clip((low + size * random.random(shape)).round(3), *support)
        elif spec.name == "label":
            values = np.arange(rows) % 2
        elif spec.dtype.is_integer:
            values = np.arange(rows)
        else:
            values = random.standard_normal(shape).round(3)
        made[spec.name] = values.astype(spec.dtype.as_numpy_dtype)
    return made


def write_warm_up(folder: Path, model: str, examples: dict[str, list[Example]]) -> None:
    """Writes the requests that a server runs to warm up, before it accepts others.

    Args:
        folder: Folder of the version.
        model: Name under which the model is served.
        examples: Examples by signature.
    """
    (folder / WARM_UP).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / WARM_UP)) as writer:
        for signature, of_signature in examples.items():
            for example in of_signature:
                writer.write(_prediction_log(model, signature, example).SerializeToString())


def _prediction_log(model: str, signature: str, example: Example) -> PredictionLog:
    """Returns a request and its answer in the form that TensorFlow Serving replays."""
    log = PredictionLog()
    request, response = log.predict_log.request, log.predict_log.response
    for spec in (request.model_spec, response.model_spec):
        spec.name, spec.signature_name = model, signature
    for name, array in example.inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    for name, array in example.outputs.items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(array))
    return log


def write_rest_examples(folder: Path, examples: dict[str, Example]) -> None:
    """Writes, for each signature, the body of a REST request and the answer to it.

    They are SIGNATURE.json and SIGNATURE.answer.json.
    """
    (folder / EXAMPLES).mkdir(parents=True)
    for signature, (inputs, outputs) in examples.items():
        body = {"signature_name": signature, "inputs": _numbers(inputs)}
        # TensorFlow Serving returns a single output without its name.
        answers = _numbers(outputs)
        answer = {"outputs": answers if len(answers) > 1 else next(iter(answers.values()))}
        for name, content in ((signature, body), (f"{signature}.answer", answer)):
            (folder / EXAMPLES / f"{name}.json").write_text(json.dumps(content) + "\n")


def _numbers(arrays: Arrays) -> dict[str, list]:
    """Returns nested lists, whose numbers have no more digits than the arrays' types."""
    return {
        name: (
            array.astype(str).astype(float) if array.dtype.kind == "f" else _text(array)
        ).tolist()
        for name, array in arrays.items()
    }


def _text(array: np.ndarray) -> np.ndarray:
    """Strings of a tensor as text; other arrays as they are."""
    if array.dtype != object:
        return array
    decode = np.vectorize(lambda s: s.decode() if isinstance(s, bytes) else s, otypes=[object])
    return decode(array)
