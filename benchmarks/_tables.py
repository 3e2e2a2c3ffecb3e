"""Tables of numbers for benchmarks: scikit-learn's own, and ADBench's from a folder."""

import os
from pathlib import Path

import numpy as np
import sklearn.datasets

OWN = {
    "wine": sklearn.datasets.load_wine,
    "breast cancer": sklearn.datasets.load_breast_cancer,
    "diabetes": sklearn.datasets.load_diabetes,
    "digits": sklearn.datasets.load_digits,
    "iris": sklearn.datasets.load_iris,
}
MAX_ROWS = 500


def folder(given=None):
    """The folder of data sets: as given, or as the environment variable TFAE_BENCH_DATA says."""
    given = given or os.environ.get("TFAE_BENCH_DATA")
    if given is None:
        raise SystemExit("Say where the tables are: --data-dir FOLDER or TFAE_BENCH_DATA.")
    return Path(given)


def table(name, data_dir=None):
    """A table `(rows, columns)`, at most 500 of its rows, without columns of one value only."""
    if name in OWN:
        x = OWN[name]()["data"]
    else:
        path = folder(data_dir) / "anomaly_tables" / f"{name}.npz"
        if not path.exists():
            raise SystemExit(f"There is no table {path}.")
        x = np.load(path)["X"]
    x = np.asarray(x, np.float64)
    if len(x) > MAX_ROWS:
        x = x[np.random.default_rng(0).permutation(len(x))[:MAX_ROWS]]
    return x[:, x.std(axis=0) > 0]
