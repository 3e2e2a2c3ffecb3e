"""Anomalies in MNIST: each digit in turn is left out of training and becomes the anomaly.

    python benchmarks/anomaly.py [--epochs 10] [--seeds 0] [--digits 0 1 2 ... 9]

Prints the area under the ROC curve (ROC-AUC) of each method's score on the 10,000 test images, with
one row per left-out digit: the probability that an image of that digit scores higher than one of
the other nine. No method sees the left-out digit, and no setting was chosen by it. tfae's models
are compared with scikit-learn's IsolationForest and LocalOutlierFactor, and with the reconstruction
error of PCA, with as many components as the codes have. After an interruption, the same command
continues.
"""

import argparse
import functools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _results import once, publish  # isort: skip - it starts the clock

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

import tfae

BATCH = 128
LATENT_DIM = 16
NETWORK = {"latent_dim": LATENT_DIM, "hidden_units": (512, 256)}
LOF_IMAGES = 10_000  # its time and memory grow with the square of their number
MODELS = {
    "autoencoder": tfae.Autoencoder,
    "denoising autoencoder": tfae.DenoisingAutoencoder,  # with masking, its default
    "variational autoencoder": tfae.VariationalAutoencoder,
}


def images(split):
    dataset = tfae.data.load("mnist", split=split, batch_size=1000, labels=True, shuffle=False)
    batches = list(dataset.as_numpy_iterator())
    return tuple(np.concatenate([batch[key] for batch in batches]) for key in ("x", "label"))


def scores_of_models(x, test, epochs, seed):
    """Anomaly scores of the test images, by method."""
    for name, model_class in MODELS.items():
        keras.utils.set_random_seed(seed)
        model = model_class.from_shape((28, 28, 1), **NETWORK, seed=seed)
        steps = epochs * -(-len(x) // BATCH)
        model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)))
        model.fit(x, batch_size=BATCH, epochs=epochs, verbose=0)
        yield name, model.anomaly_score(test)


def scores_of_others(x, test, seed):
    x, test = x.reshape(len(x), -1), test.reshape(len(test), -1)
    pca = PCA(LATENT_DIM, random_state=seed).fit(x)
    error = np.square(pca.inverse_transform(pca.transform(test)) - test).sum(axis=1)
    yield f"PCA-{LATENT_DIM}", error
    forest = IsolationForest(n_estimators=300, random_state=seed, n_jobs=-1).fit(x)
    yield "isolation forest", -forest.score_samples(test)
    few = np.random.default_rng(seed).permutation(len(x))[:LOF_IMAGES]
    factor = LocalOutlierFactor(novelty=True, n_jobs=-1).fit(x[few])
    yield "local outlier factor", -factor.score_samples(test)


def areas(train, test, digit, epochs, seed):
    """ROC-AUC by method, where `digit` is the anomaly."""
    (x, label), (test_x, test_label) = train, test
    x = x[label != digit]
    is_anomaly = test_label == digit
    found = {}
    for scores in (scores_of_models(x, test_x, epochs, seed), scores_of_others(x, test_x, seed)):
        for name, score in scores:
            found[name] = float(roc_auc_score(is_anomaly, score))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--digits", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--images", type=int, default=60_000, help="number of training images")
    arguments = parser.parse_args()
    train = tuple(part[: arguments.images] for part in images("train"))
    test = images("test")

    wanted = {digit: [] for digit in arguments.digits}
    for seed in arguments.seeds:
        for digit in arguments.digits:
            key = f"{arguments.epochs} epochs, {len(train[0])} images, seed {seed}, digit {digit}"
            run = functools.partial(areas, train, test, digit, arguments.epochs, seed)
            wanted[digit].append(once("anomaly", key, run))
    methods = list(wanted[arguments.digits[0]][0])
    table = np.array([[[run[m] for m in methods] for run in runs] for runs in wanted.values()])
    rows = [[digit, *row] for digit, row in zip(wanted, table.mean(axis=1), strict=True)]
    rows.append(["mean", *table.mean(axis=(0, 1))])
    publish(
        "anomaly",
        "Anomalies in MNIST: ROC-AUC of a digit left out of training",
        ["left out", *methods],
        [[name, *(f"{value:.3f}" for value in values)] for name, *values in rows],
        seeds=arguments.seeds,
        data={"by seed": table.tolist()},
        effort={"epochs": arguments.epochs, "images": arguments.images},
        note=f"Networks 784-512-256-{LATENT_DIM} and back, {arguments.epochs} epochs on "
        f"{len(train[0]):,} images without those of the digit. The local outlier factor, whose "
        f"time grows with the square of their number, gets at most {LOF_IMAGES:,} of them.",
    )


if __name__ == "__main__":
    main()
