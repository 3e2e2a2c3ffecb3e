"""What the machine itself can do, for comparison with what a benchmark measures."""

import os
import platform
import time

import numpy as np


def best_time(function, repetitions):
    """The shortest of several runs, in seconds: the one that was disturbed least."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def copy_rate(megabytes=64):
    """Bytes read and written per second when memory is copied, on all of TensorFlow's threads."""
    import tensorflow as tf  # here, since some benchmarks run on machines without it

    source = tf.zeros([int(megabytes * 2**18)])
    zero = tf.constant(0.0)
    # A sum reads and writes every element once and, unlike a copy, runs on all threads.
    return 2 * megabytes * 2**20 / best_time(lambda: source + zero, 30)


def matmul_rate(size=2048):
    """Floating-point operations per second in a float32 matrix product, on all threads."""
    import tensorflow as tf

    matrix = tf.constant(np.random.default_rng(0).random((size, size), "float32"))
    tf.matmul(matrix, matrix)
    return 2 * size**3 / best_time(lambda: tf.matmul(matrix, matrix).numpy(), 10)


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [
                line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
            ]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def describe():
    """One line about the machine and its rates."""
    import tensorflow as tf

    return (
        f"{processor()}, {os.cpu_count()} cores; TensorFlow {tf.__version__}; "
        f"memory copy {copy_rate() / 1e9:.0f} GB/s (read + written), "
        f"matrix product {matmul_rate() / 1e9:.0f} GFLOP/s float32"
    )
