"""The fused op, compared with what users of TensorFlow, PyTorch and JAX would write instead.

    python benchmarks/op.py [--rounds 9] [--threads 2]

Every contender computes z, kl and, for given gradients of both, the gradients of the mean and the
log-variance, each time with new noise. They take turns in one process, and each figure is the best
of all rounds, in milliseconds per step.

The first table times steps in a loop inside one compiled function, so no call from Python is
included. A graph's loop feeds the gradients to the next step as its mean and log-variance, which
costs nothing. XLA would copy them, so its loop instead has a barrier that forces it to compute all
results, and keeps one element of each.

The second table times single calls from Python. For small shapes, TensorFlow's GradientTape and
functions take more time than the op, so the table also shows the two ops without either, and an
empty function. The columns of PyTorch and JAX appear if the `bench` extra is installed.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from _machine import copy_rate, describe
from _results import publish
from tensorflow.compiler.tf2xla.python.xla import optimization_barrier

from tfae import ops
from tfae.ops import library

SHAPES = [(128, 64), (1024, 128), (64, 16384), (1024, 4096)]
TARGETS = {(128, 64): 4, (1024, 128): 5, (64, 16384): 6, (1024, 4096): 6}

# Every sampling function takes (mean, log_variance, seed) and returns (z, kl).


def composed(noise):
    def sample(mean, log_variance, seed):
        z = mean + tf.exp(0.5 * log_variance) * noise(tf.shape(mean), seed)
        terms = tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance
        return z, 0.5 * tf.reduce_sum(terms, axis=-1)

    return sample


PHILOX = composed(lambda shape, seed: tf.random.stateless_normal(shape, seed, alg="philox"))
STATEFUL = composed(lambda shape, seed: tf.random.normal(shape))

LOOPS = {
    "TF graph\nphilox": (PHILOX, False),
    "TF graph\nstateful": (STATEFUL, False),
    "TF XLA\nphilox": (PHILOX, True),
    "TF XLA\nstateful": (STATEFUL, True),
    "tfae\ngraph": (ops.gaussian_sample_kl, False),
    "tfae\nXLA": (ops.gaussian_sample_kl, True),
}


def tensors(shape):
    """mean, log_variance, and gradients of z and kl with which the values in a loop stay small."""
    random = np.random.default_rng(0)
    mean, log_variance = (random.normal(size=shape).astype("float32") for _ in range(2))
    z_gradient = (0.1 * random.normal(size=shape)).astype("float32")
    kl_gradient = (0.01 * random.normal(size=shape[0])).astype("float32")
    return mean, log_variance, z_gradient, kl_gradient


def step(sample, mean, log_variance, seed, z_gradient, kl_gradient):
    with tf.GradientTape() as tape:
        tape.watch([mean, log_variance])
        z, kl = sample(mean, log_variance, seed)
    gradients = tape.gradient(
        [z, kl], [mean, log_variance], output_gradients=[z_gradient, kl_gradient]
    )
    return z, kl, *gradients


def graph_loop(sample, steps):
    @tf.function
    def run(mean, log_variance, seed, z_gradient, kl_gradient):
        def body(i, mean, log_variance, z, kl):
            z, kl, mean, log_variance = step(
                sample, mean, log_variance, tf.stack([seed, i]), z_gradient, kl_gradient
            )
            return i + 1, mean, log_variance, z, kl

        start = (tf.constant(0), mean, log_variance, mean, kl_gradient)
        # All are returned, since TensorFlow would skip the computation of any that is not.
        return tf.while_loop(lambda i, *_: i < steps, body, start)

    return run


def xla_loop(sample, steps):
    @tf.function(jit_compile=True)
    def run(mean, log_variance, seed, z_gradient, kl_gradient):
        def body(i, total):
            # Without this barrier, XLA would move what does not depend on the seed out of the loop.
            i, m, v = optimization_barrier(i, mean, log_variance)
            results = step(sample, m, v, tf.stack([seed, i]), z_gradient, kl_gradient)
            for result in optimization_barrier(*results):
                total += tf.reshape(result, [-1])[0]
            return i + 1, total

        return tf.while_loop(lambda i, _: i < steps, body, (tf.constant(0), 0.0))[1]

    return run


def milliseconds(contenders, rounds, calls=1):
    """The best time of each contender, a function of a number that changes from call to call.

    In each round every contender makes several calls in a row, so that threads still spinning from
    the previous contender do not affect the best time.
    """
    for function in contenders.values():
        function(0)
    best = dict.fromkeys(contenders, float("inf"))
    for turn in range(rounds):
        for name, function in contenders.items():
            for i in range(calls):
                start = time.perf_counter()
                function(1 + turn * calls + i)
                best[name] = min(best[name], 1e3 * (time.perf_counter() - start))
    return best


def time_loops(shape, rounds):
    steps = int(max(4, min(500, 2**23 / np.prod(shape))))
    mean, log_variance, *gradients = (tf.constant(array) for array in tensors(shape))

    def contender(sample, jit_compile):
        run = (xla_loop if jit_compile else graph_loop)(sample, steps)
        return lambda i: run(mean, log_variance, tf.constant(i), *gradients)

    times = milliseconds({name: contender(*args) for name, args in LOOPS.items()}, rounds)
    return {name: time / steps for name, time in times.items()}


def tensorflow_calls(shape):
    mean, log_variance, *gradients = (tf.constant(array) for array in tensors(shape))
    seeds = [tf.constant([i, 1]) for i in range(64)]

    def both_ops(_, mean, log_variance, seed, *gradients):
        z, kl = ops.gaussian_sample_kl(mean, log_variance, seed)
        backward = library.operations().tfae_gaussian_sample_kl_grad
        return z, kl, backward(mean, log_variance, seed, z, *gradients)

    def call(function):
        return lambda i: function(
            ops.gaussian_sample_kl, mean, log_variance, seeds[i % 64], *gradients
        )

    empty = tf.function(lambda seed: seed)
    return {
        "empty\ntf.function": lambda i: empty(seeds[i % 64]),
        "tfae\nops": call(both_ops),
        "tfae\ntape": call(step),
        "tfae\ngraph": call(tf.function(step)),
        "tfae\nXLA": call(tf.function(step, jit_compile=True)),
    }


def pytorch_calls(shape, threads):
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(threads)
    mean, log_variance, *gradients = (torch.from_numpy(array) for array in tensors(shape))
    mean.requires_grad_()
    log_variance.requires_grad_()

    def call(_):
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        kl = 0.5 * torch.sum(mean**2 + torch.exp(log_variance) - 1 - log_variance, dim=-1)
        return z, kl, torch.autograd.grad([z, kl], [mean, log_variance], gradients)

    return {"PyTorch\neager": call}


def jax_calls(shape):
    try:
        import jax
    except ImportError:
        return {}
    import jax.numpy as jnp

    arrays = [jnp.asarray(array) for array in tensors(shape)]

    @jax.jit
    def run(key, mean, log_variance, *gradients):
        def sample(mean, log_variance):
            z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)
            terms = mean**2 + jnp.exp(log_variance) - 1 - log_variance
            return z, 0.5 * jnp.sum(terms, axis=-1)

        results, backward = jax.vjp(sample, mean, log_variance)
        return results, backward(gradients)

    keys = [jax.random.key(i) for i in range(64)]
    return {"JAX\njit": lambda i: jax.block_until_ready(run(keys[i % 64], *arrays))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    if not ops.kernel_available():
        raise SystemExit("There is no compiled kernel to measure.")
    machine = f"{describe()}; {arguments.threads} threads."

    rows = []
    for shape in SHAPES:
        times = time_loops(shape, arguments.rounds)
        fastest = min(time for name, time in times.items() if name.startswith("TF"))
        graph, xla = times["tfae\ngraph"], times["tfae\nXLA"]
        megabytes = 4 * np.prod(shape) / 2**20
        # Each tensor is read or written once: 2 + 1 in the forward pass, 4 + 2 in the backward
        # pass.
        limit = 1e3 * 9 * megabytes * 2**20 / copy_rate(megabytes)
        in_memory = megabytes > 1  # smaller tensors stay in the processor's own caches
        rows.append(
            [
                f"{shape[0]} x {shape[1]}",
                *(f"{time:.3f}" for time in times.values()),
                f"{fastest / graph:.1f}x",
                f"{fastest / xla:.1f}x",
                f"{TARGETS[shape]}x",
                f"{limit:.3f}" if in_memory else "",
                f"{min(graph, xla) / limit:.1f}x" if in_memory else "",
            ]
        )
    ratios = [
        "graph,\nagainst TF",
        "XLA,\nagainst TF",
        "target",
        "memory\nlimit",
        "time over\nlimit",
    ]
    publish(
        "op_loop",
        "The op, forward and backward in a compiled loop: ms per step (float32)",
        ["shape", *LOOPS, *ratios],
        rows,
        effort={"rounds": arguments.rounds},
        note=f"{machine} The memory limit is the time to copy, between tensors of that size, as "
        "many bytes as a step must read and write.",
    )

    rows = []
    for shape in SHAPES:
        calls = {
            **tensorflow_calls(shape),
            **pytorch_calls(shape, arguments.threads),
            **jax_calls(shape),
        }
        times = milliseconds(
            calls, arguments.rounds, calls=int(min(50, 5 + 2**22 / np.prod(shape)))
        )
        peers = [name for name in times if not name.startswith(("tfae", "empty"))]
        fastest = min(time for name, time in times.items() if name.startswith("tfae"))
        rows.append(
            [
                f"{shape[0]} x {shape[1]}",
                *(f"{time:.3f}" for time in times.values()),
                *(f"{times[name] / fastest:.1f}x" for name in peers),
            ]
        )
    publish(
        "op_calls",
        "The op, forward and backward in one call from Python: ms (float32)",
        ["shape", *times, *(f"against\n{name.split()[0]}" for name in peers)],
        rows,
        effort={"rounds": arguments.rounds},
        note="The last columns compare with the fastest tfae column. For small shapes a tape or a "
        "function costs more than the op, as the empty function shows.",
    )


if __name__ == "__main__":
    main()
