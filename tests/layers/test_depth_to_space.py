import keras
import numpy as np
import pytest
import tensorflow as tf

from tfae.layers import DepthToSpace


def test_the_channels_of_a_pixel_become_a_block_of_pixels():
    x = np.arange(8, dtype="float32").reshape(
        1, 1, 1, 8
    )  # two channels for each of the four pixels
    expected = [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    np.testing.assert_array_equal(DepthToSpace(2)(x)[0], expected)


def test_a_convolution_followed_by_it_is_a_transposed_convolution():
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype("float32")
    transposed = keras.layers.Conv2DTranspose(6, 2, 2, use_bias=False)
    expected = transposed(x)  # kernel (2, 2, 6, 3)
    convolution = keras.layers.Conv2D(24, 1, use_bias=False)
    convolution.build(x.shape)
    kernel = np.moveaxis(np.asarray(transposed.kernel), 3, 0)  # (3, 2, 2, 6)
    convolution.kernel.assign(kernel.reshape(1, 1, 3, 24))
    np.testing.assert_allclose(DepthToSpace(2)(convolution(x)), expected, atol=1e-5)


def test_output_shapes_are_inferred_symbolically():
    symbolic = DepthToSpace(3)(keras.KerasTensor((None, 5, None, 18)))
    assert symbolic.shape == (None, 15, None, 2)
    assert DepthToSpace.from_config(DepthToSpace(3).get_config()).block_size == 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_it_runs_in_every_precision_and_under_xla(dtype, jit_compile):
    x = tf.cast(tf.reshape(tf.range(32), (1, 2, 2, 8)), dtype)
    layer = DepthToSpace(2, dtype=dtype)
    y = tf.function(layer, jit_compile=jit_compile)(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, tf.cast(DepthToSpace(2)(tf.cast(x, "float32")), dtype))
