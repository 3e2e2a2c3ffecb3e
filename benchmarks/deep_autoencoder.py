"""The deep autoencoder 784-1000-500-250-30 on MNIST, compared with PCA with 30 components.

    python benchmarks/deep_autoencoder.py [--epochs 60] [--seeds 0 1 2]

Prints the squared error per test image: the sum over the 784 pixels, averaged over the 10,000 test
images. Hinton and Salakhutdinov (2006) published 3.00 for the autoencoder and 13.87 for PCA.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from _results import publish
from sklearn.decomposition import PCA

import tfae

BATCH = 256


def images(split):
    dataset = tfae.data.load("mnist", split=split, batch_size=1000, shuffle=False)
    return np.concatenate([np.asarray(x) for x in dataset]).reshape(-1, 784)


def squared_error(a, b):
    return float(np.mean(np.sum((a - b) ** 2, axis=1)))


def train(x, epochs, seed):
    """ELU layers and a cosine learning rate: layer-wise pre-training is no longer needed.

    The output units are logistic, trained by cross-entropy, as in the paper. With linear outputs
    and the squared error itself as the loss, the same network stops near 4.8: most pixels are
    exactly 0, a value that a linear unit meets only on average.
    """
    keras.utils.set_random_seed(seed)
    model = tfae.Autoencoder.from_shape(
        (784,), 30, hidden_units=(1000, 500, 250), activation="elu", seed=seed
    )
    steps = epochs * -(-len(x) // BATCH)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)))
    model.fit(x, epochs=epochs, batch_size=BATCH, verbose=2)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    x, test = images("train"), images("test")
    pca = PCA(30).fit(x)
    of_pca = [squared_error(a, pca.inverse_transform(pca.transform(a))) for a in (test, x)]
    rows = [["PCA, 30 components", "", *(f"{e:.3f}" for e in of_pca), "13.87"]]
    for seed in arguments.seeds:
        model = train(x, arguments.epochs, seed)
        errors = [squared_error(a, model.reconstruct(a)) for a in (test, x)]
        rows.append(["784-1000-500-250-30", seed, *(f"{e:.3f}" for e in errors), "3.00"])
    publish(
        "deep_autoencoder",
        f"Deep autoencoder: squared error per MNIST image after {arguments.epochs} epochs",
        ["model", "seed", "test", "train", "published (test)"],
        rows,
        seeds=arguments.seeds,
        effort={"epochs": arguments.epochs},
    )


if __name__ == "__main__":
    main()
