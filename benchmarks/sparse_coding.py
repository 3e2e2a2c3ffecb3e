"""Sparse coding compared with scikit-learn: learning atoms, and solving for coefficients.

    python benchmarks/sparse_coding.py [--quick] [--parts atoms codes]

The data are patches of scikit-learn's two sample images, whitened after subtracting their means.
The penalty is 1.

In the first part, `MiniBatchDictionaryLearning` and `tfae.SparseCoding` learn the same number of
atoms from the same 20,000 patches, in the same number of passes, with batches of 256. The time is
that of `fit`, including compilation. The objective is that of 5,000 held-out patches, solved for
both by the same solver to a relative gap of 1e-6.

The second part solves for the coefficients of 100,000 patches. `sparse_encode` solves one row after
another and takes a time proportional to their number, so it is measured on fewer rows (their number
is in the table's note) and scaled up. tfae is measured on all rows, after a first call that
compiles.

After an interruption, the same command continues.
"""

import argparse
import functools
import os
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _results import once, publish
from sklearn.datasets import load_sample_images
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode

import tfae

ATOMS, CODES = "sparse_coding_atoms", "sparse_coding_codes"  # names of the results
PENALTY, BATCH = 1.0, 256
ALGORITHMS = ("lasso_lars", "lasso_cd")


def patches(size, count, seed):
    images = [image.mean(axis=-1) / 255 for image in load_sample_images().images]
    cut = tfae.data.patches.cut(images, (size, size), count, seed=seed)
    return tfae.data.patches.remove_mean(cut)[0].reshape(count, -1)


def data(size, count, seed=0):
    """Whitened training and held-out patches; the whitening is that of the training patches."""
    train, held_out = patches(size, count, seed), patches(size, 5000, seed + 1)
    whitening = tfae.data.patches.Whitening.fit(train)
    return whitening(train), whitening(held_out)


def objective(atoms, x):
    """Mean objective of patches, with the atoms normalised to length one."""
    judge = tfae.SparseCoding(len(atoms), PENALTY)
    judge.atoms = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    return float(judge.anomaly_score(x).mean())


def learning(size, num_atoms, count, passes):
    train, held_out = data(size, count)
    row = {"size": size, "atoms": num_atoms, "patches": count, "passes": passes}

    start = time.perf_counter()
    model = tfae.SparseCoding(num_atoms, PENALTY, seed=0)
    model.compile()
    model.fit(train, batch_size=BATCH, epochs=passes, verbose=0)
    row["seconds"] = time.perf_counter() - start
    row["objective"] = objective(model.atoms, held_out)

    theirs = MiniBatchDictionaryLearning(
        num_atoms,
        alpha=PENALTY,
        max_iter=passes,
        batch_size=BATCH,
        fit_algorithm=_faster(size, num_atoms),
        tol=0,
        max_no_improvement=None,
        random_state=0,
    )
    start = time.perf_counter()
    theirs.fit(train)
    row["seconds_sklearn"] = time.perf_counter() - start
    row["objective_sklearn"] = objective(theirs.components_, held_out)
    return row


def _faster(size, num_atoms):
    """Which solver of MiniBatchDictionaryLearning was faster when both were tried."""
    return "lars" if (size, num_atoms) == (8, 1024) else "cd"


def solving(size, num_atoms, count, rows_sklearn):
    train, _ = data(size, count)
    model = tfae.SparseCoding(num_atoms, PENALTY, seed=0)
    model.compile()
    model.fit(train[:20_000], batch_size=BATCH, verbose=0)
    atoms = model.atoms
    row = {"size": size, "atoms": num_atoms, "patches": count, "rows_sklearn": rows_sklearn}
    model.encode(train[:4096])
    start = time.perf_counter()
    codes = model.encode(train)
    row["seconds"] = time.perf_counter() - start
    row["active"] = float(np.mean(np.sum(codes != 0, axis=1)))
    some = train[:rows_sklearn]
    for algorithm in ALGORITHMS:
        start = time.perf_counter()
        theirs = sparse_encode(some, atoms, algorithm=algorithm, alpha=PENALTY, check_input=False)
        row[algorithm] = (time.perf_counter() - start) * count / rows_sklearn
        row[f"{algorithm}_difference"] = float(np.abs(theirs - codes[:rows_sklearn]).max())
    return row


def kept(name, function, *arguments):
    """What was measured before an interruption, or else is measured now."""
    return once(name, " ".join(map(str, arguments)), functools.partial(function, *arguments))


def name(row):
    return f"{row['size']}x{row['size']}, {row['atoms']:,} atoms"


def report_learning(rows):
    publish(
        ATOMS,
        "Learning atoms of natural-image patches: objective of held-out patches, and seconds",
        [
            "patches",
            "tfae",
            "scikit-learn",
            "tfae is above by",
            "tfae, s",
            "scikit-learn, s",
            "tfae is faster by",
        ],
        [
            [
                name(row),
                f"{row['objective']:.3f}",
                f"{row['objective_sklearn']:.3f}",
                f"{100 * (row['objective'] / row['objective_sklearn'] - 1):+.2f} %",
                f"{row['seconds']:.1f}",
                f"{row['seconds_sklearn']:.1f}",
                f"{row['seconds_sklearn'] / row['seconds']:.1f}x",
            ]
            for row in rows
        ],
        seeds=[0],
        data={"rows": rows},
        effort={"patches": rows[0]["patches"]},
        note=f"{rows[0]['passes']} pass(es) over {rows[0]['patches']:,} patches, batches of "
        f"{BATCH}; scikit-learn's MiniBatchDictionaryLearning uses the faster of its solvers: lars "
        "for 1,024 atoms of 8x8, cd otherwise.",
    )


def report_solving(rows):
    publish(
        CODES,
        f"Coefficients of {rows[0]['patches']:,} patches: seconds",
        ["patches", "tfae", "lasso_lars", "lasso_cd", "faster than the better by", "active"],
        [
            [
                name(row),
                f"{row['seconds']:.1f}",
                f"{row['lasso_lars']:.0f}",
                f"{row['lasso_cd']:.0f}",
                f"{min(row[a] for a in ALGORITHMS) / row['seconds']:.1f}x",
                f"{row['active']:.1f}",
            ]
            for row in rows
        ],
        seeds=[0],
        data={"rows": rows},
        effort={"patches": rows[0]["patches"]},
        note="scikit-learn's sparse_encode, scaled up from "
        f"{', '.join(str(row['rows_sklearn']) for row in rows)} rows.",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="use small numbers, keep nothing")
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--atoms", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--parts", nargs="+", default=["atoms", "codes"])
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # sparse_encode warns of every row
    settings = [(size, atoms) for size in arguments.sizes for atoms in arguments.atoms]
    if arguments.quick:
        print(learning(8, 64, 4000, 1))
        print(solving(8, 64, 4000, 200))
        return
    if "atoms" in arguments.parts:
        report_learning([kept(ATOMS, learning, *setting, 20_000, 2) for setting in settings])
    if "codes" in arguments.parts:
        rows_sklearn = [2000 if num_atoms < 1024 else 300 for _, num_atoms in settings]
        report_solving(
            [
                kept(CODES, solving, *setting, 100_000, rows)
                for setting, rows in zip(settings, rows_sklearn, strict=True)
            ]
        )


if __name__ == "__main__":
    main()
