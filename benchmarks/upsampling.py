"""Ways for a decoder to double height and width, trained alike and run by LiteRT.

    python benchmarks/upsampling.py [--epochs 5] [--seeds 0] [--images 60000]

Convolutional autoencoders of MNIST, 16 numbers a code, that differ in how the decoder grows its two
maps only: a transposed convolution; resizing, then a convolution; a convolution, then resizing; a
convolution whose channels are then dealt out to the four pixels (depth to space, Shi et al., 2016).
Prints the training time, the squared error of the test images (of the float32 and of the int8
file), the size, the time of one reconstruction on one thread, and whether LiteRT's kernels run all
of it.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _results import publish  # isort: skip: it starts the clock
import keras
import numpy as np
from _machine import best_time
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter
from keras import layers

import tfae
from tfae.export.conversion import convert
from tfae.layers import DepthToSpace

BATCH = 128


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


class OnDevice:
    """The reconstruction of a .tflite file on one thread, and what it took."""

    def __init__(self, content):
        self.fully_accelerated = CompiledModel.from_buffer(content).is_fully_accelerated()
        self.bytes = len(content)
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._run = self._interpreter.get_signature_runner("reconstruct")

    def error(self, x):
        y = np.concatenate([self._run(x=x[i : i + 1])["reconstruction"] for i in range(len(x))])
        return np.square(x - y).sum((1, 2, 3)).mean()

    def microseconds(self, x, calls=100, rounds=15):
        return 1e6 / calls * best_time(lambda: [self._run(x=x) for _ in range(calls)], rounds)


def measure(variant, x, test, epochs, seed):
    keras.utils.set_random_seed(seed)
    model = autoencoder(*VARIANTS[variant])
    steps = epochs * -(-len(x) // BATCH)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)))
    model.fit(x[: 20 * BATCH], batch_size=BATCH, verbose=0)
    start = time.perf_counter()
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=0)
    step = 1e3 * (time.perf_counter() - start) / steps
    float32 = OnDevice(convert(model, None, 1))
    int8 = OnDevice(convert(model, "int8", 1, x[:300], float_io=True))
    return {
        "ms a train step": round(step, 1),
        "error, Keras": round(
            float(np.square(test - model.reconstruct(test)).sum((1, 2, 3)).mean()), 3
        ),
        "error, int8": round(float(int8.error(test)), 3),
        "kB, float32": round(float32.bytes / 1000),
        "kB, int8": round(int8.bytes / 1000),
        "us, float32": round(float32.microseconds(test[:1])),
        "us, int8": round(int8.microseconds(test[:1])),
        "all by kernels, int8": "yes" if int8.fully_accelerated else "no",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--images", type=int, default=60_000, help="training images to use")
    parser.add_argument("--test-images", type=int, default=2_000)
    arguments = parser.parse_args()
    x, test = images("train")[: arguments.images], images("test")[: arguments.test_images]
    rows = []
    for variant in VARIANTS:
        for seed in arguments.seeds:
            rows.append((variant, seed, measure(variant, x, test, arguments.epochs, seed)))
            print(rows[-1], flush=True)
    publish(
        "upsampling",
        "Decoders of images on a device: how they grow their maps",
        ["decoder", "seed", *rows[0][2]],
        [[variant, seed, *measured.values()] for variant, seed, measured in rows],
        seeds=arguments.seeds,
        note="Errors are squared errors an image, summed over the pixels. Times are of one "
        "reconstruction on one thread.",
    )


if __name__ == "__main__":
    main()
