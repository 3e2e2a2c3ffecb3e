"""What corrupting the input costs: milliseconds of a 784-400-784 train step under XLA.

    python benchmarks/corruption.py [--rounds 15]

The same network trains on the same random batches without noise, with each corruption layer of
tfae, and with Keras' own `GaussianNoise` and `Dropout`. They take turns in one process. The steps
run in a loop inside one compiled program, so only the step itself is measured. Each figure is the
best of all rounds.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from _machine import describe
from _results import publish

import tfae

BATCH = 128
STEPS = 50
NOISE = {
    "no noise": lambda: keras.layers.Identity(),
    "MaskingCorruption(0.3)": lambda: tfae.layers.MaskingCorruption(0.3),
    "SaltAndPepperCorruption(0.3)": lambda: tfae.layers.SaltAndPepperCorruption(0.3),
    "GaussianCorruption(0.3)": lambda: tfae.layers.GaussianCorruption(0.3),
    "keras.layers.GaussianNoise(0.3)": lambda: keras.layers.GaussianNoise(0.3),
    "keras.layers.Dropout(0.3)": lambda: keras.layers.Dropout(0.3),
}


def train_loop(noise):
    """A compiled function that trains `STEPS` steps."""
    x = keras.Input((784,))
    encoder = keras.Model(x, keras.layers.Dense(400, "relu")(noise(x)))
    code = keras.Input((400,))
    model = tfae.Autoencoder(encoder, keras.Model(code, keras.layers.Dense(784)(code)), seed=1)
    model.compile(jit_compile=True)
    batches = tf.random.stateless_uniform([STEPS, BATCH, 784], [1, 2], alg="philox")
    model.make_train_function()

    @tf.function(jit_compile=True)
    def run():
        def body(i):
            model.train_step(batches[i])
            return i + 1

        tf.while_loop(lambda i: i < STEPS, body, [tf.constant(0)])
        return model.get_metrics_result()

    return lambda: run()["loss"].numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    loops = {name: train_loop(make()) for name, make in NOISE.items()}
    for run in loops.values():
        run()
    times = {name: [] for name in loops}
    for _ in range(arguments.rounds):
        for name, run in loops.items():
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) / STEPS * 1e3)
    best = {name: min(values) for name, values in times.items()}
    publish(
        "corruption",
        f"A train step of 784-400-784 under XLA, batch {BATCH}, with noise on its input",
        ["layer before the encoder", "ms per step", "relative to no noise"],
        [[k, f"{v:.2f}", f"{v / best['no noise']:.2f}x"] for k, v in best.items()],
        effort={"rounds": arguments.rounds},
        note=f"Best of {arguments.rounds} rounds. {describe()}.",
    )


if __name__ == "__main__":
    main()
