"""How a decoder doubles height and width: alternatives, trained alike and run by LiteRT.

    python benchmarks/upsampling.py [--epochs 5] [--seeds 0] [--images 60000]

The convolutional autoencoders of MNIST, with codes of 16 numbers, differ only in how the decoder
enlarges its maps, twice: by a transposed convolution; by resizing, then a convolution; by a
convolution, then resizing; or by a convolution whose channels then become the four pixels (depth to
space, Shi et al., 2016). The benchmark prints the training time, the squared error of 1,000 test
images (for the float32 and the int8 file), the size, the time of one reconstruction on one thread,
and whether LiteRT's accelerated kernels run all of it.
"""

import argparse
import os
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _results import publish  # isort: skip: it starts the clock
import keras
import numpy as np
from keras import layers

import tfae
from tfae.layers import DepthToSpace

BATCH = 128
CALIBRATION = 800
ANYTHING = {"relative_error": 9, "reconstruction_change": 9, "score_correlation": -1}


def transposed(h, channels, size):
    return layers.Conv2DTranspose(channels, size, 2, "same", activation="relu")(h)


def resize_convolution(h, channels, size):
    h = layers.UpSampling2D(2, interpolation="bilinear")(h)
    return layers.Conv2D(channels, size, 1, "same", activation="relu")(h)


def convolution_resize(h, channels, size):
    h = layers.Conv2D(channels, size, 1, "same", activation="relu")(h)
    return layers.UpSampling2D(2, interpolation="bilinear")(h)


def depth_to_space(h, channels, size):
    h = layers.Conv2D(4 * channels, size, 1, "same", activation="relu")(h)
    return DepthToSpace(2)(h)


VARIANTS = {
    "transposed convolution 3x3": (transposed, 3),
    "transposed convolution 4x4": (transposed, 4),
    "bilinear, convolution 3x3": (resize_convolution, 3),
    "convolution 3x3, bilinear": (convolution_resize, 3),
    "convolution 3x3, depth to space": (depth_to_space, 3),
    "convolution 2x2, depth to space": (depth_to_space, 2),
    "convolution 1x1, depth to space": (depth_to_space, 1),
}


def autoencoder(upsample, size):
    encoder, _ = tfae.networks.ARCHITECTURES["conv"]((28, 28, 1), 16)
    code = keras.Input((16,))
    h = layers.Dense(128, "relu")(code)
    h = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, "relu")(h))
    h = upsample(upsample(h, 32, size), 32, size)
    h = layers.Conv2D(1, 3, 1, "same")(h)
    return tfae.Autoencoder(encoder, keras.Model(code, h), seed=0)


def images(split):
    dataset = tfae.data.load("mnist", split=split, batch_size=1000, shuffle=False)
    return np.concatenate(list(dataset.as_numpy_iterator()))


def measure(variant, x, test, epochs, seed):
    keras.utils.set_random_seed(seed)
    model = autoencoder(*VARIANTS[variant])
    steps = epochs * -(-len(x) // BATCH)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)))
    model.fit(x[: 20 * BATCH], batch_size=BATCH, verbose=0)
    start = time.perf_counter()
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=0)
    step = 1e3 * (time.perf_counter() - start) / steps
    with tempfile.TemporaryDirectory() as folder:
        float32, int8 = (
            tfae.export.tflite(
                model, f"{folder}/m", quantize, x[:CALIBRATION], validation=test, allow=ANYTHING
            )
            for quantize in (None, "int8")
        )
    whole, of_int8 = (report.signatures["reconstruct"] for report in (float32, int8))
    error = x[0].size * float32.reconstruction_error
    return {
        "ms per train step": f"{step:.1f}",
        "error": f"{error:.2f}",
        "error, int8": f"{error * (1 + int8.reconstruction_change):.2f}",
        "kB": f"{float32.bytes / 1000:.0f}",
        "kB, int8": f"{int8.bytes / 1000:.0f}",
        "us": f"{whole.microseconds:.0f}",
        "us, int8": f"{of_int8.microseconds:.0f}",
        "all in kernels, int8": "no" if of_int8.unaccelerated else "yes",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--images", type=int, default=60_000, help="number of training images")
    arguments = parser.parse_args()
    x, test = images("train")[: arguments.images], images("test")
    rows = []
    for variant in VARIANTS:
        for seed in arguments.seeds:
            rows.append((variant, seed, measure(variant, x, test, arguments.epochs, seed)))
            print(rows[-1], flush=True)
    publish(
        "upsampling",
        "Decoders of images on a device: how they enlarge their maps",
        ["decoder", "seed", *rows[0][2]],
        [[variant, seed, *measured.values()] for variant, seed, measured in rows],
        seeds=arguments.seeds,
        effort={"epochs": arguments.epochs, "images": len(x)},
        note="Errors are squared errors per image, summed over the pixels. Times are for one "
        "reconstruction on one thread.",
    )


if __name__ == "__main__":
    main()
