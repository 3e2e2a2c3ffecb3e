"""Missing values in tables: how well they are filled, and how fast.

    python benchmarks/imputation.py [--tables wine "breast cancer" ...] [--seeds 0 1 2 3 4]
        [--mechanisms "20 % at random" ...] [--methods ours mean ...] [--data-dir FOLDER]

Hides values of complete tables, fills them, and prints the root mean squared error of what was
filled in, in standard deviations of the columns, beside the mean, scikit-learn's k-nearest
neighbours and IterativeImputer, and missForest (IterativeImputer with extra trees). Values are
hidden at random (20 and 50 %), or by their size: the larger, the likelier. Every cell is kept as
soon as it is computed, so after an interruption, or with other options, the same command continues.
No setting of tfae's imputer was chosen on these tables; `TUNED_ON` in this file names those that
were used.
"""

import argparse
import functools
import itertools
import os
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _results import once, publish  # isort: skip - it starts the clock

import numpy as np
from _tables import folder, table
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import rankdata
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

TABLES = ["wine", "breast cancer", "diabetes", "14_glass", "29_Pima", "40_vowels", "digits"]
TUNED_ON = ["iris", "18_Ionosphere", "28_pendigits", "38_thyroid", "47_yeast"]
RANDOM_FOREST_TREES = 100


def at_random(x, fraction, rng):
    return rng.random(x.shape) < fraction


def by_size(x, fraction, rng):
    """Hides the larger values more often: its odds grow by e^2 with a standard deviation."""
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    offset = brentq(lambda b: expit(2 * z + b).mean() - fraction, -20, 20)
    return rng.random(x.shape) < expit(2 * z + offset)


MECHANISMS = {
    "20 % at random": functools.partial(at_random, fraction=0.2),
    "50 % at random": functools.partial(at_random, fraction=0.5),
    "30 % by size": functools.partial(by_size, fraction=0.3),
}


def ours(seed):
    from tfae.sklearn import Imputer

    return Imputer(random_state=seed)


def miss_forest(seed):
    trees = ExtraTreesRegressor(RANDOM_FOREST_TREES, random_state=seed, n_jobs=1)
    return IterativeImputer(trees, max_iter=10, random_state=seed)


METHODS = {
    "tfae": ours,
    "mean": lambda seed: SimpleImputer(),
    "k-nearest neighbours": lambda seed: KNNImputer(),
    "IterativeImputer": lambda seed: IterativeImputer(max_iter=25, random_state=seed),
    "missForest": miss_forest,
}


def hide(x, mechanism, seed):
    """The table with NaN for what is hidden, standardised by what is left, and the truth alike."""
    missing = MECHANISMS[mechanism](x, rng=np.random.default_rng(seed))
    for column in np.flatnonzero(missing.all(axis=0)):
        missing[0, column] = False
    observed = np.where(missing, np.nan, x)
    shift, scale = np.nanmean(observed, axis=0), np.nanstd(observed, axis=0)
    scale[scale == 0] = 1
    return (observed - shift) / scale, (x - shift) / scale, scale / x.std(axis=0)


def measured(x, mechanism, seed, method):
    """Error in standard deviations of the complete columns, and seconds of processor time."""
    given, truth, unit = hide(x, mechanism, seed)
    missing = np.isnan(given)
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        filled = METHODS[method](seed).fit_transform(given)
    error = ((filled - truth) * unit)[missing]
    return {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "seconds": time.perf_counter() - wall,
        "cpu seconds": time.process_time() - cpu,
    }


def ranks(found):
    """The rank of each method in each cell, from its errors `(..., methods)`: 1 is the best."""
    return np.apply_along_axis(rankdata, -1, found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--mechanisms", nargs="+", default=list(MECHANISMS), choices=MECHANISMS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--data-dir", help="folder that holds anomaly_tables/")
    arguments = parser.parse_args()
    if set(arguments.tables) - {"wine", "breast cancer", "diabetes", "digits", "iris"}:
        arguments.data_dir = folder(arguments.data_dir)

    methods, cells = arguments.methods, {}
    tables = {name: table(name, arguments.data_dir) for name in arguments.tables}
    for seed, name, mechanism, method in itertools.product(
        arguments.seeds, tables, arguments.mechanisms, methods
    ):
        cells[mechanism, name, seed, method] = once(
            "imputation",
            f"{name}, {mechanism}, seed {seed}, {method}",
            functools.partial(measured, tables[name], mechanism, seed, method),
        )

    def of_all(key):
        return {
            (mechanism, name): np.array(
                [
                    [cells[mechanism, name, seed, m][key] for m in methods]
                    for seed in arguments.seeds
                ]
            )
            for mechanism, name in itertools.product(arguments.mechanisms, tables)
        }

    errors, seconds, processor_seconds = map(of_all, ("rmse", "seconds", "cpu seconds"))
    rows = []
    for mechanism in arguments.mechanisms:
        of_mechanism = []
        for name in arguments.tables:
            found = errors[mechanism, name]
            of_mechanism.append(ranks(found))
            best = found.mean(axis=0).argmin()
            cells = [f"{value:.3f}" for value in found.mean(axis=0)]
            cells[best] = f"**{cells[best]}**"
            rows.append([mechanism, label(name), *cells])
        mean = np.concatenate(of_mechanism).mean(axis=0)
        rows.append([mechanism, "mean rank", *(f"{value:.2f}" for value in mean)])
    everything = np.concatenate([ranks(found) for found in errors.values()])
    rows.append(["all", "mean rank", *(f"{value:.2f}" for value in everything.mean(axis=0))])
    for title, times in (("seconds", seconds), ("processor seconds", processor_seconds)):
        total = np.concatenate(list(times.values()))
        rows.append(["all", f"{title} a table", *(f"{v:.2f}" for v in total.mean(axis=0))])
    publish(
        "imputation",
        "Missing values of tables: RMSE of what was filled in, in standard deviations",
        ["values missing", "table", *methods],
        rows,
        seeds=arguments.seeds,
        data={
            "rmse by seed": {", ".join(key): value.tolist() for key, value in errors.items()},
            "seconds by seed": {", ".join(key): v.tolist() for key, v in seconds.items()},
        },
        effort={"trees": RANDOM_FOREST_TREES},
        note="Means over the seeds, which decide what is hidden and what a method draws; the best "
        "is bold. Ranks are of each table, mechanism and seed. Tables of more than "
        "500 rows are cut to 500 random ones. All methods get columns standardised by "
        "what is observed and run with the defaults of their libraries, missForest with "
        f"{RANDOM_FOREST_TREES} extra trees and at most 10 rounds, IterativeImputer with 25. "
        "The defaults of tfae's imputer were chosen on other tables: "
        f"{', '.join(map(label, TUNED_ON))}.",
    )


def label(name):
    return name.split("_", 1)[-1] if name[0].isdigit() else name


if __name__ == "__main__":
    main()
