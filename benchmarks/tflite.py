"""A small convolutional autoencoder of MNIST as .tflite files: their size, speed and errors.

    python benchmarks/tflite.py [--epochs 10] [--seeds 0] [--images 60000]

Trains `from_shape((28, 28, 1), latent_dim=16, architecture="conv")`, exports it in every format,
and prints what `tfae.export.tflite` reports on test images, compared with the float32 file. int8
files are calibrated on 800 training images. Times are for one reconstruction on one thread: the
shortest of several rounds in which the formats take turns.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _results import publish  # isort: skip: it starts the clock
import keras
import numpy as np
from _machine import best_time
from ai_edge_litert.interpreter import Interpreter

import tfae
from tfae.export.report import BOUNDS

BATCH = 128
CALIBRATION = 800
ANYTHING = {"relative_error": 9, "reconstruction_change": 9, "score_correlation": -1}


def images(split):
    dataset = tfae.data.load("mnist", split=split, batch_size=1000, shuffle=False)
    return np.concatenate(list(dataset.as_numpy_iterator()))


def train(x, epochs, seed):
    keras.utils.set_random_seed(seed)
    model = tfae.Autoencoder.from_shape((28, 28, 1), 16, architecture="conv", seed=seed)
    steps = epochs * -(-len(x) // BATCH)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)))
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=2)
    return model


def reconstruction(path):
    """A function that runs the signature `reconstruct` of a file once, on one thread."""
    interpreter = Interpreter(str(path), num_threads=1)
    runner = interpreter.get_signature_runner("reconstruct")
    inputs = {k: np.zeros(v["shape"], v["dtype"]) for k, v in runner.get_input_details().items()}
    return lambda: (interpreter, runner(**inputs))


def microseconds(paths, calls=50, rounds=60):
    """The time of one call of each file; they take turns, so that disturbances affect all."""
    functions = {path: reconstruction(path) for path in paths}
    best = dict.fromkeys(paths, np.inf)
    for _ in range(rounds):
        for path, function in functions.items():
            seconds = best_time(lambda: [function() for _ in range(calls)], 1)  # noqa: B023
            best[path] = min(best[path], 1e6 * seconds / calls)
    return best


def measure(x, test, epochs, seed):
    """Rows of the table, one per format."""
    model = train(x, epochs, seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = {q: Path(folder) / f"{q}.tflite" for q in BOUNDS}
        reports = {
            q: tfae.export.tflite(model, path, q, x[:CALIBRATION], validation=test, allow=ANYTHING)
            for q, path in paths.items()
        }
        times = microseconds(paths.values())
    for report in reports.values():
        print(report)
    for quantize, report in reports.items():
        signatures = report.signatures.values()
        row = {
            "seed": seed,
            "kB": f"{report.bytes / 1000:.0f}",
            "size relative to float32": f"{report.bytes / reports[None].bytes:.3f}",
            "us": f"{times[paths[quantize]]:.0f}",
            "speed": f"{times[paths[None]] / times[paths[quantize]]:.2f}x",
            "RMS error": f"{report.signatures['reconstruct'].rms_error:.1g}",
            "reconstruction error": f"{report.reconstruction_error:.5f}",
            "its change": f"{100 * report.reconstruction_change:+.2f} %",
            "score correlation": f"{report.score_correlation:.5f}",
            "all in kernels": "no" if any(s.unaccelerated for s in signatures) else "yes",
        }
        yield quantize or "float32", row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--images", type=int, default=60_000, help="number of training images")
    arguments = parser.parse_args()
    x, test = images("train")[: arguments.images], images("test")
    rows = [
        (name, row)
        for seed in arguments.seeds
        for name, row in measure(x, test, arguments.epochs, seed)
    ]
    publish(
        "tflite",
        "A convolutional autoencoder of MNIST on a device",
        ["format", *rows[0][1]],
        [[name, *row.values()] for name, row in rows],
        seeds=arguments.seeds,
        effort={"epochs": arguments.epochs, "images": len(x)},
        note="Measured with the signature reconstruct, one image per call on one thread, for 1,000 "
        "test images. The RMS error is the difference from Keras; the reconstruction error is the "
        "mean squared error per pixel; the correlation is Spearman's, between the anomaly scores "
        "and Keras'.",
    )


if __name__ == "__main__":
    main()
