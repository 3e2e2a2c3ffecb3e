"""Upsampling of images: blocks of pixels from groups of channels."""

from collections.abc import Sequence

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfae")
class DepthToSpace(keras.layers.Layer):
    """Rearranges groups of channels into blocks of pixels; no value changes.

    A convolution followed by this layer upsamples like a transposed convolution.

    Args:
        block_size: Factor by which height and width grow, at least 2. The number of channels must
            be a multiple of its square.
        **kwargs: Passed to `keras.layers.Layer`.

    Input and output shape:
        `(batch, height, width, channels)` to `(batch, block_size * height, block_size * width,
        channels / block_size**2)`.

    Reference:
        Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
        Convolutional Neural Network", 2016.
    """

    def __init__(self, block_size: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.block_size = block_size

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.nn.depth_to_space(x, self.block_size)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        size = self.block_size
        grown = (None if side is None else side * size for side in (height, width))
        return (batch, *grown, channels // size**2)

    def get_config(self) -> dict:
        return {**super().get_config(), "block_size": self.block_size}
