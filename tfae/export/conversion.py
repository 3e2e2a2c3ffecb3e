"""Converts a model to the bytes of a .tflite file."""

import contextlib
import re
import secrets
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfae.bases.autoencoding import Autoencoding
from tfae.export.examples import Examples, answers, inputs_of, with_holes
from tfae.export.quiet import quiet
from tfae.export.signatures import Signature
from tfae.internals import all_layers


def convert(
    model: Autoencoding,
    found: dict[str, Signature],
    quantize: str | None,
    batch_size: int,
    calibration: Examples | None = None,
    float_io: bool = False,
) -> bytes:
    """Converts a built model.

    Args:
        model: A model that computes in float32; see `in_float32`.
        found: The model's signatures that the file is to have.
        quantize: `None`, `"float16"`, `"dynamic"` or `"int8"`.
        batch_size: The batch size of every signature, since LiteRT needs fixed shapes to be fast.
        calibration: For `"int8"`, examples that show the range of every tensor.
        float_io: Whether an `"int8"` file takes and returns floats.

    Raises:
        ValueError: If a layer uses an operation that LiteRT does not have (the message names the
            layer), or `"int8"` is asked for and the model has a loop, such as a solver.
    """
    functions = {name: _function(signature, batch_size) for name, signature in found.items()}
    if quantize == "int8" and any(map(_has_control_flow, functions.values())):
        # TensorFlow's calibrator cannot look into loops; the process would crash.
        raise ValueError(
            f"{type(model).__name__} computes in a loop, whose ranges cannot be calibrated: choose "
            "quantize='dynamic' or 'float16' instead of 'int8'."
        )
    module = tf.Module()
    module.variables_of_model = [v.value for v in model.variables]
    module.functions = functions
    with _memory_folder() as folder, quiet():
        tf.saved_model.save(module, folder, signatures=functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[*functions])
        if quantize is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            samples = _samples(model, found, calibration, batch_size)
            converter.representative_dataset = lambda: iter(samples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            if not float_io:
                converter.inference_input_type = tf.int8
                converter.inference_output_type = tf.int8
        try:
            return converter.convert()
        except Exception as error:
            raise _named(error, model) from error


def _function(signature: Signature, batch_size: int) -> Any:
    specs = [
        tf.TensorSpec([batch_size, *spec.shape[1:]], spec.dtype, spec.name)
        for spec in signature.inputs
    ]
    return tf.function(signature.function, input_signature=specs, autograph=False)


def _has_control_flow(function: Any) -> bool:
    graph = function.get_concrete_function().graph.as_graph_def()
    bodies = [graph.node, *(inner.node_def for inner in graph.library.function)]
    return any(re.fullmatch("(Stateless)?(While|If)", node.op) for body in bodies for node in body)


@contextlib.contextmanager
def _memory_folder() -> Iterator[str]:
    """Yields a folder in TensorFlow's in-memory file system, so that nothing touches the disk."""
    folder = f"ram://tfae-{secrets.token_hex(8)}"
    try:
        yield folder
    finally:
        if tf.io.gfile.exists(folder):
            tf.io.gfile.rmtree(folder)


def in_float32(model: Autoencoding) -> Autoencoding:
    """Returns the model, or a float32 copy with its weights if it has another precision."""
    if all(layer.compute_dtype == "float32" for layer in all_layers(model)):
        return model
    copy = type(model).from_config(_with_float32_policies(model.get_config()))
    if not copy.built:
        copy.build((None, *model.data_contract().input_shape))
    copy.set_weights(model.get_weights())
    return copy


def _with_float32_policies(config: Any) -> Any:
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {**config["config"], "name": "float32"}}
        return {key: _with_float32_policies(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [_with_float32_policies(value) for value in config]
    return "float32" if config in ("float64", "float16", "bfloat16") else config


def _samples(
    model: Autoencoding, found: dict[str, Signature], calibration: Examples, batch_size: int
) -> list[tuple[str, Examples]]:
    """Returns the inputs that the converter runs to find the ranges.

    For `decode`, these are codes of data and, if the model can generate, codes drawn from its
    prior, whose range is wider.
    """
    if model.conditional and calibration["label"].max() < 0:
        # If all labels are unknown their range is empty, so every class is shown.
        every_class = np.arange(len(calibration["x"]), dtype="int32") % model.num_classes
        calibration = {**calibration, "label": every_class}
    if model.missing is not None:
        calibration = with_holes(calibration)
    of_codes = {**calibration, "code": answers(found["encode"], calibration)["code"]}
    if model.sampling_prior is not None:
        codes = model.sampling_prior.sample(len(of_codes["code"]), tf.constant([0, 0], tf.int64))
        drawn = {**calibration, "code": np.asarray(codes, "float32")}
        of_codes = {name: np.concatenate([of_codes[name], drawn[name]]) for name in drawn}
    samples = []
    for name, signature in found.items():
        examples = of_codes if name == "decode" else calibration
        inputs = inputs_of(signature, examples)
        for i in range(0, len(next(iter(inputs.values()))) - batch_size + 1, batch_size):
            samples.append((name, {k: v[i : i + batch_size] for k, v in inputs.items()}))
    return samples


def _named(error: Exception, model: Autoencoding) -> ValueError:
    """Shortens the converter's error, and names the layers that it is about."""
    text = str(error)
    scopes = set(re.findall(r'"([^"@:]+/[^"@:]+)@', text))
    names = [
        layer.name
        for layer in all_layers(model, include_self=False)
        if any(re.search(rf"(^|/){re.escape(layer.name)}(_\d+)?/[^/]+$", s) for s in scopes)
    ]
    layers = f"Layer {', '.join(map(repr, names))}" if names else "The model"
    missing = sorted(set(re.findall(r"'(tf\.\w+)' op is neither", text)))
    reason = f"LiteRT has no {', '.join(missing)}" if missing else text.strip().splitlines()[0]
    return ValueError(f"{layers} does not convert: {reason}.")
