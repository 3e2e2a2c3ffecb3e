"""Checks that the networks of a model fit together and fit the data."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

Shape = tuple[int | None, ...]


def check_is_network(name: str, network: Any) -> None:
    """Raises `ValueError` unless an argument is a Keras model or layer."""
    if not isinstance(network, keras.layers.Layer):
        raise ValueError(
            f"`{name}` must be a Keras model; received {network!r} of type "
            f"{type(network).__name__}."
        )


def takes_mask(encoder: keras.layers.Layer) -> bool:
    """Whether an encoder has a second input, for the mask of what is observed."""
    return len(getattr(encoder, "inputs", None) or ()) == 2


def declared_input_shape(encoder: keras.layers.Layer, missing: bool = False) -> Shape | None:
    """Returns the shape `(batch, ...)` of an encoder's input; `None` if only data will tell.

    Args:
        encoder: Maps data, and with `missing` perhaps a mask of its shape, to codes.
        missing: Whether the model takes missing values.

    Raises:
        ValueError: If the encoder has other inputs.
    """
    inputs = getattr(encoder, "inputs", None) or ()
    if len(inputs) > 2 or (len(inputs) == 2 and not missing):
        raise ValueError(
            f"`encoder` must have one input, the data; {encoder.name!r} has {len(inputs)}. Join "
            "them into one array, and split it inside the encoder. (With missing='mask', a second "
            "input is the mask.)"
        )
    if len(inputs) == 2:
        x, mask = (tuple(tensor.shape) for tensor in inputs)
        if x != mask:
            raise ValueError(
                "With missing='mask' the second input of `encoder` is the mask of the data and has "
                f"its shape; the inputs of {encoder.name!r} have shapes {x} and {mask}."
            )
        return x
    return getattr(encoder, "input_shape", None) if encoder.built else None


def output_shape(network: keras.layers.Layer, input_shape: Shape) -> Shape:
    """Returns the shape of a network's output for data, and perhaps its mask, of `input_shape`."""
    shape = [input_shape, input_shape] if takes_mask(network) else input_shape
    return network.compute_output_shape(shape)


def decoded_shape(decoder: keras.layers.Layer, code_shape: Shape, input_shape: Shape) -> Shape:
    """Returns the shape of a decoder's output, after checking it.

    Args:
        decoder: Maps codes to data.
        code_shape: Shape of its input, `(batch, ...)`.
        input_shape: Shape of the data, `(batch, ...)`.

    Raises:
        ValueError: If the decoder takes codes or gives data of another shape.
    """
    expected = getattr(decoder, "input_shape", None) if decoder.built else None
    if expected is not None and tuple(expected) != code_shape:
        raise ValueError(
            f"`decoder` takes codes of shape {tuple(expected)}, but `encoder` gives "
            f"{code_shape}; make the two sizes equal."
        )
    output = decoder(keras.KerasTensor(code_shape))
    shape = getattr(output, "shape", None)
    if shape is None or not _are_compatible(shape[1:], input_shape[1:]):
        given = shape if shape is not None else f"{type(output).__name__} of outputs"
        raise ValueError(
            f"`decoder` gives {given}, but the data has shape {input_shape}: the decoder must "
            "end in a linear layer with the shape of the data."
        )
    return tuple(shape)


def check_keeps_shape(corruption: keras.layers.Layer, input_shape: Shape) -> None:
    """Raises `ValueError` if a corruption changes the shape `(batch, ...)` of the data."""
    shape = tuple(corruption(keras.KerasTensor(input_shape)).shape)
    if shape != input_shape:
        raise ValueError(
            f"`corruption` must keep the shape of the data, {input_shape}; {corruption.name!r} "
            f"gives {shape}."
        )


def _are_compatible(a: Sequence[int | None], b: Sequence[int | None]) -> bool:
    return tf.TensorShape(a).is_compatible_with(tf.TensorShape(b))
