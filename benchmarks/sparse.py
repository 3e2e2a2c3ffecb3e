"""Sparse codes of MNIST with 1,000 units: how many zeros, at what error, and how useful.

    python benchmarks/sparse.py [--seeds 0] [--epochs 10] [--coefficients 0.1 0.2 ...]

The first part trains a 784-1000-784 autoencoder with an L1 penalty, for several coefficients, and
the plain autoencoder (the same network without the penalty). It prints the fraction of test
activations that are exactly zero, and the squared error per test image (the sum over the 784
pixels). The decoder's atoms are kept at length one; otherwise the network would avoid the penalty
by small activations and large atoms. This part draws docs/images/results_sparse_l1.png.

The second part is logistic regression on frozen codes of a k-sparse autoencoder (k = 25 in
training, 75 at inference, as in the paper), and on raw pixels for comparison. The regularisation
strength of the regression is chosen on the last 10,000 training images. Makhzani and Frey (2013)
published 1.35 % for the codes; published figures for pixels are 7.2 to 8 %.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import scipy.sparse
from _results import publish
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression

import tfae

FIGURE = Path(__file__).parents[1] / "docs" / "images" / "results_sparse_l1.png"
UNITS = 1000
BATCH = 128
HELD_OUT = 10_000
K, ALPHA = 25, 3
STRENGTHS = [0.03, 0.1, 0.3, 1.0]


def load(split):
    data = tfae.data.load("mnist", split=split, batch_size=1000, labels=True, shuffle=False)
    batches = list(data.as_numpy_iterator())
    images = np.concatenate([batch["x"] for batch in batches]).reshape(-1, 784)
    return images, np.concatenate([batch["label"] for batch in batches])


def squared_error(a, b):
    return float(np.mean(np.sum((a - b) ** 2, axis=1)))


def adam(images, epochs, rate):
    steps = epochs * -(-images // BATCH)
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))


def start_with_atoms(model, x, seed):
    """Initialises the weights so that all units are used.

    The atoms have length one, the encoder is their transpose, and the mean image is subtracted from
    the input and added again by the decoder. After Xavier initialisation, most of 1,000 units would
    never be among the 25 largest, and never learn.
    """
    mean = x.mean(axis=0)
    atoms = np.random.default_rng(seed).normal(size=(UNITS, 784)).astype("float32")
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    model.encoder.get_layer("code").set_weights([atoms.T, -atoms @ mean])
    model.decoder.get_layer("output").set_weights([atoms, mean])


# ---------------------------------------------------------------------------- L1


def l1_network(x, coefficient, epochs, seed):
    """Trains 784-1000-784 with ReLU units and atoms of length one; 0 is the plain autoencoder."""
    keras.utils.set_random_seed(seed)
    inputs, code = keras.Input((784,)), keras.Input((UNITS,))
    encoder = keras.Model(inputs, keras.layers.Dense(UNITS, "relu", name="code")(inputs))
    unit_norm = keras.constraints.UnitNorm(axis=1)
    atoms = keras.layers.Dense(784, kernel_constraint=unit_norm, name="output")
    model = tfae.SparseAutoencoder(
        encoder,
        keras.Model(code, atoms(code)),
        sparsity=tfae.losses.L1(coefficient),
        likelihood="squared_error",
        seed=seed,
    )
    start_with_atoms(model, x, seed)
    model.compile(adam(len(x), epochs, 1e-3))
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=2)
    return model


def sweep(x, test, coefficients, epochs, seed):
    rows = []
    for coefficient in [0.0, *coefficients]:
        start = time.perf_counter()
        model = l1_network(x, coefficient, epochs, seed)
        codes = model.encode(test)
        row = {
            "seed": seed,
            "coefficient": coefficient,
            "zero_fraction": float(np.mean(codes == 0)),
            "units_never_used": int(np.sum((codes == 0).all(axis=0))),
            "test_squared_error": squared_error(test, model.reconstruct(test)),
            "minutes": (time.perf_counter() - start) / 60,
        }
        print(row)
        rows.append(row)
    return rows


def draw(rows):
    rows = sorted((r for r in rows if r["seed"] == rows[0]["seed"]), key=lambda r: r["coefficient"])
    zeros = [100 * row["zero_fraction"] for row in rows]
    errors = [row["test_squared_error"] for row in rows]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(zeros, errors, "o-")
    for row, zero, error in zip(rows, zeros, errors, strict=True):
        label = f"{row['coefficient']:g}" if row["coefficient"] else "plain"
        axes.annotate(label, (zero, error), textcoords="offset points", xytext=(-4, 6), ha="right")
    axes.set_xlabel("activations that are exactly zero (% of 1,000 units)")
    axes.set_ylabel("squared error per test image")
    axes.set_title("The price of zeros, by the coefficient of L1", fontsize=10)
    axes.grid(alpha=0.3)
    figure.savefig(FIGURE, dpi=120)


# ---------------------------------------------------------------------------- k-sparse codes


def k_sparse(x, epochs, seed):
    """Trains the k-sparse autoencoder."""
    keras.utils.set_random_seed(seed)
    model = tfae.SparseAutoencoder.from_shape(
        (784,),
        UNITS,
        hidden_units=(),
        sparsity=tfae.layers.TopK(K, alpha=ALPHA),
        likelihood="squared_error",
        seed=seed,
    )
    start_with_atoms(model, x, seed)
    model.compile(adam(len(x), epochs, 5e-4))
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=2)
    return model


def classify(codes, labels, test_codes, test_labels):
    """Test error of logistic regression in percent, and the strength chosen by validation."""

    def error(strength, rows, x, y):
        classifier = LogisticRegression(C=strength, max_iter=200).fit(codes[:rows], labels[:rows])
        return 100 * (1 - classifier.score(x, y))

    train = codes.shape[0] - HELD_OUT
    validation = {c: error(c, train, codes[train:], labels[train:]) for c in STRENGTHS}
    best = min(validation, key=validation.get)
    print(f"validation error by C: {validation}")
    return error(best, codes.shape[0], test_codes, test_labels), best


def classification(x, labels, test, test_labels, epochs, seed):
    start = time.perf_counter()
    model = k_sparse(x, epochs, seed)
    codes, test_codes = (scipy.sparse.csr_matrix(model.encode(images)) for images in (x, test))
    scale = np.sqrt(codes.multiply(codes).sum() / codes.nnz)
    error, strength = classify(codes / scale, labels, test_codes / scale, test_labels)
    return {
        "seed": seed,
        "test_error": error,
        "C": strength,
        "units_never_used": int(np.sum(codes.getnnz(axis=0) == 0)),
        "test_squared_error": squared_error(test, model.reconstruct(test)),
        "minutes": (time.perf_counter() - start) / 60,
    }


# ---------------------------------------------------------------------------- report


def report_sweep(rows, epochs, seeds):
    return publish(
        "sparse_l1",
        f"Sparse autoencoder 784-1000-784, ReLU, L1, after {epochs} epochs on MNIST",
        ["coefficient", "seed", "exact zeros", "units never used", "squared error (test)"],
        [
            [
                f"{row['coefficient']:g}" if row["coefficient"] else "plain",
                row["seed"],
                f"{100 * row['zero_fraction']:.1f} %",
                row["units_never_used"],
                f"{row['test_squared_error']:.2f}",
            ]
            for row in rows
        ],
        seeds=seeds,
        effort={"epochs": epochs},
    )


def report_codes(pixels, codes, epochs, seeds):
    publish(
        "sparse_codes",
        f"Logistic regression on frozen k-sparse codes (k = {K}, {UNITS:,} units), MNIST",
        ["features", "seed", "test error", "published"],
        [
            ["raw pixels", "", f"{pixels['test_error']:.2f} %", "7.2 to 8 %"],
            *(
                ["k-sparse codes", row["seed"], f"{row['test_error']:.2f} %", "1.35 %"]
                for row in codes
            ),
        ],
        seeds=seeds,
        data={"raw pixels": pixels, "k-sparse codes": codes},
        effort={"epochs": epochs},
        note="Published: Makhzani and Frey (2013).",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--coefficients", type=float, nargs="*", default=[0.05, 0.1, 0.2, 0.4, 0.6, 1.0]
    )
    parser.add_argument("--skip", choices=["l1", "codes"], nargs="*", default=[])
    arguments = parser.parse_args()
    (x, labels), (test, test_labels) = load("train"), load("test")
    seeds, epochs = arguments.seeds, arguments.epochs
    if "l1" not in arguments.skip:
        rows = [
            row for seed in seeds for row in sweep(x, test, arguments.coefficients, epochs, seed)
        ]
        if report_sweep(rows, epochs, seeds):
            draw(rows)
    if "codes" not in arguments.skip:
        pixels, test_pixels = map(scipy.sparse.csr_matrix, (x, test))
        error, strength = classify(pixels, labels, test_pixels, test_labels)
        codes = [classification(x, labels, test, test_labels, epochs, seed) for seed in seeds]
        report_codes({"test_error": error, "C": strength}, codes, epochs, seeds)


if __name__ == "__main__":
    main()
