"""Peak memory of a table that is larger than it: a CSV file, from inference to an epoch.

    python benchmarks/table_memory.py --gigabytes 5

Writes a CSV file of mixed columns with missing values, and then, each in a process of its own,
infers its schema, encodes it part by part, and reads one shuffled epoch of batches as `fit` does
(from a temporary file beside it). For each step it prints seconds, rows a second, and the most
memory that the process took beyond what it had taken after its imports.
"""

import argparse
import datetime
import json
import multiprocessing
import os
import resource
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _results
import numpy as np

MEMORY_LIMIT = 2**28  # of the epoch; what takes more is in a temporary file


def write_csv(path, gigabytes, seed=0):
    """Writes rows until the file is large enough; returns their number."""
    import pyarrow as pa
    from pyarrow import csv

    rng = np.random.default_rng(seed)
    size, rows = 50_000, 0
    start = np.datetime64(datetime.datetime(2015, 1, 1), "s")
    with path.open("wb") as file:
        while file.tell() < gigabytes * 1e9:
            numbers = {f"sensor_{i}": np.round(rng.normal(20, 5, size), 3) for i in range(8)}
            seconds = np.sort(rng.integers(0, 3e8, size)).astype("timedelta64[s]")
            part = pa.table(
                {
                    "id": np.arange(rows, rows + size),
                    "time": start + seconds,
                    "machine": rng.choice([f"machine {i}" for i in range(40)], size),
                    "state": pa.array(
                        rng.choice(["running", "idle", "error"], size), mask=rng.random(size) < 0.1
                    ),
                    "stops": rng.poisson(0.7, size),
                    **{
                        name: pa.array(values, mask=rng.random(size) < 0.05)
                        for name, values in numbers.items()
                    },
                }
            )
            options = csv.WriteOptions(include_header=rows == 0)
            csv.write_csv(part, file, options)
            rows += size
    return rows


def infer(path, folder):
    from tfae.data import TableSchema

    TableSchema.infer(path).to_json(folder / "schema.json")


def encode(path, folder):
    from tfae.data import TableSchema

    schema = TableSchema.from_json(folder / "schema.json")
    for part in schema.encode_batches(path):
        del part


def epoch(path, folder):
    from tfae import data
    from tfae.data import TableSchema

    schema = TableSchema.from_json(folder / "schema.json")
    source = data.find(path, schema=schema, memory_limit=MEMORY_LIMIT)
    for batch in source.load("train", 4096):
        del batch


STEPS = {"infer the schema": infer, "encode, part by part": encode, "one shuffled epoch": epoch}


def measured(name, path, folder, pipe):
    """Runs a step and sends seconds and mebibytes."""
    import tfae  # noqa: F401

    warnings.simplefilter("ignore")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    STEPS[name](path, folder)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send((time.perf_counter() - begun, (after - before) / 1024, after / 1024))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=0.5)
    parser.add_argument("--folder", type=Path, help="where the file goes, e.g. a large disk")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        tempfile.tempdir = os.environ["TMPDIR"] = name
        path = folder / "table.csv"
        rows = write_csv(path, arguments.gigabytes)
        gigabytes = path.stat().st_size / 1e9
        table, figures = [], {}
        for step in STEPS:
            receive, send = context.Pipe(duplex=False)
            process = context.Process(target=measured, args=(step, path, folder, send))
            process.start()
            seconds, more, peak = receive.recv()
            process.join()
            figures[step] = {"seconds": seconds, "mebibytes": more, "peak": peak}
            rate = f"{1000 * gigabytes / seconds:.0f}"
            table.append([step, f"{seconds:.0f}", rate, f"{more:.0f}", f"{peak:.0f}"])
        width = json.loads((folder / "schema.json").read_text())["rows"]
    _results.publish(
        "table_memory",
        f"A CSV file of {gigabytes:.1f} GB: {rows:,} rows of 13 columns",
        ["step", "seconds", "MB/s", "memory added (MiB)", "peak of the process (MiB)"],
        table,
        data={"rows": width, "bytes": int(gigabytes * 1e9), **figures},
        note="Memory added is what a step takes beyond the imports, TensorFlow's among them. The "
        f"epoch keeps up to {MEMORY_LIMIT >> 20} MiB of rows in memory, and more in a temporary "
        "file.",
        effort={"gigabytes": arguments.gigabytes},
    )


if __name__ == "__main__":
    main()
