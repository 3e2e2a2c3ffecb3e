"""Whether a process survives many small fits: memory mappings and resident memory, fit after fit.

    python benchmarks/many_fits.py --fits 2000

XLA keeps every program for the life of the process, and Linux ends a process of 65,530 memory
mappings. A grid search makes thousands of models, so neither the mappings nor the memory may grow
with the number of fits.
"""

import argparse
import time
from pathlib import Path

import _results
import numpy as np

import tfae


def mappings() -> int:
    """The number of memory mappings of this process."""
    return len(Path("/proc/self/maps").read_text().splitlines())


def resident_megabytes() -> float:
    """The memory of this process that is in RAM."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


def main() -> None:
    """Fits `--fits` models, one after another, and prints a row of figures every `--every` fits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--fits", type=int, default=2000, help="Models to make and fit, one after another."
    )
    parser.add_argument(
        "--every", type=int, default=250, help="Fits between two rows of the table."
    )
    arguments = parser.parse_args()

    rows = np.random.default_rng(0).random((64, 6)).astype("float32")
    start = time.perf_counter()
    table = []
    for fit in range(1, arguments.fits + 1):
        model = tfae.Autoencoder.from_shape((6,), 2, hidden_units=())
        model.compile()
        model.fit(rows, epochs=1, verbose=0)
        if fit == 1 or fit % arguments.every == 0:
            seconds = time.perf_counter() - start
            table.append([fit, mappings(), round(resident_megabytes()), round(seconds)])
            print(*table[-1], flush=True)
    _results.publish(
        "many_fits",
        "Small fits in one process: what is left of them",
        ["fits", "memory mappings", "resident MB", "seconds"],
        table,
        note="An autoencoder of 6 columns with codes of 2, 64 rows, one epoch, defaults. Linux "
        "ends a process of 65,530 mappings.",
        effort={"fits": arguments.fits},
    )


if __name__ == "__main__":
    main()
