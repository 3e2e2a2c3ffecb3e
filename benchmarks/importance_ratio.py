"""What the log-ratio of importance weights costs in a train step: is it worth an op of its own?

    python benchmarks/importance_ratio.py [--rounds 9]

IWAE needs log p(z) - log q(z | x) for every sample. TensorFlow's own operations compute it after
the fused sampling op. The benchmark compares the train step with one that leaves the ratio out: an
op that computed it along with the sample could not save more than the difference. Both take turns
in one process, and each figure is the best of all rounds.
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


class WithoutRatio(tfae.ImportanceWeightedAutoencoder):
    def _log_ratio(self, z, mean, log_variance):
        return tf.zeros(tf.shape(z)[:-1])


def train_loop(cls, latent_dim, num_samples, jit_compile, steps):
    """A function that trains `steps` steps in one loop."""
    keras.utils.set_random_seed(1)
    model = cls.from_shape((784,), latent_dim, hidden_units=(400,), num_samples=num_samples, seed=1)
    model.compile(jit_compile=jit_compile)
    batches = tf.random.stateless_uniform([steps, BATCH, 784], [1, 2], alg="philox")
    model.make_train_function()

    @tf.function(jit_compile=jit_compile)
    def run():
        def body(i):
            model.train_step(batches[i])
            return i + 1

        tf.while_loop(lambda i: i < steps, body, [tf.constant(0)], parallel_iterations=1)
        return model.get_metrics_result()

    return lambda: run()["loss"].numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    rows = []
    for latent_dim, num_samples in ((20, 5), (20, 50), (256, 50)):
        steps = 100 // num_samples + 2
        for jit_compile in (True, False):
            classes = {"with": tfae.ImportanceWeightedAutoencoder, "without": WithoutRatio}
            loops = {
                name: train_loop(cls, latent_dim, num_samples, jit_compile, steps)
                for name, cls in classes.items()
            }
            times = {name: [] for name in loops}
            for _ in range(arguments.rounds + 1):
                for name, run in loops.items():
                    start = time.perf_counter()
                    run()
                    times[name].append((time.perf_counter() - start) / steps * 1e3)
            step, rest = (min(times[name][1:]) for name in ("with", "without"))
            network = f"784-400-{latent_dim}, {num_samples} samples, "
            rows.append(
                [
                    network + ("XLA" if jit_compile else "graph"),
                    f"{step:.2f}",
                    f"{rest:.2f}",
                    f"{100 * (step - rest) / step:.1f} %",
                ]
            )
    publish(
        "importance_ratio",
        f"A train step of the importance-weighted autoencoder, batch {BATCH}, in milliseconds",
        ["network", "as it is", "without the log-ratio", "could save at most"],
        rows,
        effort={"rounds": arguments.rounds},
        note=f"Best of {arguments.rounds} rounds. {describe()}.",
    )


if __name__ == "__main__":
    main()
