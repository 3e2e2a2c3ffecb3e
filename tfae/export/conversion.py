"""A model as the bytes of a .tflite file."""

import contextlib
import re
import secrets
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfae.export.quiet import quiet
from tfae.models.autoencoding import Autoencoding

SIGNATURES = ("encode", "decode", "reconstruct")


def convert(
    model: Autoencoding,
    quantize: str | None,
    batch_size: int,
    calibration: np.ndarray | None = None,
    float_io: bool = False,
) -> bytes:
    """Converts a built model.

    Args:
        model: Computes in float32; see `in_float32`.
        quantize: `None`, `"float16"`, `"dynamic"` or `"int8"`.
        batch_size: Of every signature: LiteRT plans memory and kernels for fixed shapes.
        calibration: For `"int8"`, examples `(n, ...)` that show the range of every tensor.
        float_io: Whether an `"int8"` file takes and gives floats.

    Raises:
        ValueError: If a layer uses an operation that LiteRT does not have; names the layer.
    """
    functions = _functions(model, batch_size)
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
            samples = _samples(model, calibration, batch_size)
            converter.representative_dataset = lambda: iter(samples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            if not float_io:
                converter.inference_input_type = tf.int8
                converter.inference_output_type = tf.int8
        try:
            return converter.convert()
        except Exception as error:
            raise _named(error, model) from error


@contextlib.contextmanager
def _memory_folder() -> Iterator[str]:
    """A folder in TensorFlow's file system in memory, for what no disk needs to hold."""
    folder = f"ram://tfae-{secrets.token_hex(8)}"
    try:
        yield folder
    finally:
        if tf.io.gfile.exists(folder):
            tf.io.gfile.rmtree(folder)


def in_float32(model: Autoencoding) -> Autoencoding:
    """The model itself, or a copy with its weights when it computes in another precision."""
    if all(layer.compute_dtype == "float32" for layer in model._flatten_layers()):
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


def _functions(model: Autoencoding, batch_size: int) -> dict[str, tf.types.experimental.Callable]:
    data = tf.TensorSpec((batch_size, *model.data_contract().input_shape), tf.float32, "x")
    code = tf.TensorSpec((batch_size, model.latent_dim), tf.float32, "code")

    def reconstruct(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"reconstruction": model.call(x)}

    def decode(code: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"x": model.decoded(code)}

    return {
        "encode": tf.function(model.encoding, [data], autograph=False),
        "decode": tf.function(decode, [code], autograph=False),
        "reconstruct": tf.function(reconstruct, [data], autograph=False),
    }


def _samples(
    model: Autoencoding, x: np.ndarray, batch_size: int
) -> list[tuple[str, dict[str, np.ndarray]]]:
    """What the converter runs to see the ranges.

    For `decode` these are codes of data and, if the model generates, of its prior as well, which
    reach further out.
    """
    codes = model.encode(x)
    if model.prior is not None:
        seed = tf.constant([0, 0], tf.int64)
        codes = np.concatenate([codes, np.asarray(model.prior.sample(len(codes), seed))])
    rows = {"encode": ("x", x), "decode": ("code", codes), "reconstruct": ("x", x)}
    return [
        (signature, {name: values[i : i + batch_size].astype("float32")})
        for signature, (name, values) in rows.items()
        for i in range(0, len(values) - batch_size + 1, batch_size)
    ]


def _named(error: Exception, model: Autoencoding) -> ValueError:
    """The converter's error in short, with the layers that its locations lie in."""
    text = str(error)
    scopes = set(re.findall(r'"([^"@:]+/[^"@:]+)@', text))
    names = [
        layer.name
        for layer in model._flatten_layers(include_self=False)
        if any(re.search(rf"(^|/){re.escape(layer.name)}(_\d+)?/[^/]+$", s) for s in scopes)
    ]
    layers = f"Layer {', '.join(map(repr, names))}" if names else "The model"
    missing = sorted(set(re.findall(r"'(tf\.\w+)' op is neither", text)))
    reason = f"LiteRT has no {', '.join(missing)}" if missing else text.strip().splitlines()[0]
    return ValueError(f"{layers} does not convert: {reason}.")
