"""Whether an adversarial autoencoder of MNIST matches its prior, and generates every digit.

    python benchmarks/adversarial.py [--dims 2 8] [--seeds 0 1 2 3 4] [--epochs EPOCHS]
                                     [--rates falling constant] [--quick]

Each seed has to meet two criteria. The codes of 1,000 test images and 1,000 samples of the prior,
N(0, I), must be indistinguishable by a two-sample test of the maximum mean discrepancy (RBF kernel
of the median distance, 1,000 permutations) at the 1 % level. And a classifier trained on MNIST must
see each class in 4 to 20 % of 10,000 generated digits. Everything is the default of
`from_shape(shape, dimensions)` and `compile()`, which lets all rates fall to zero; "constant" keeps
them constant. Results are kept as they are computed: after an interruption, the same command
continues.
"""

import argparse
import itertools
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _results import once, publish  # isort: skip - it starts the clock

import keras
import numpy as np
import tensorflow as tf

import tfae
from tfae.evaluation.two_sample import mmd_test

BATCH, LEVEL = 256, 0.01
RATES = ("falling", "constant")


def images(split):
    dataset = tfae.data.load("mnist", split=split, batch_size=1000, labels=True, shuffle=False)
    batches = list(dataset.as_numpy_iterator())
    return tuple(np.concatenate([batch[key] for batch in batches]) for key in ("x", "label"))


def train(x, latent_dim, rates, epochs, seed):
    keras.utils.set_random_seed(seed)
    model = tfae.AdversarialAutoencoder.from_shape((28, 28, 1), latent_dim, seed=seed)
    # With an optimizer of one's own, the other two rates are constant as well.
    model.compile(keras.optimizers.Adam(2e-3) if rates == "constant" else None)
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=0)
    return model


def digit_classifier(x, label, epochs):
    """A classifier of digits, to judge generated ones."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dropout(0.2)]
    for units in (512, 512):
        layers += [keras.layers.Dense(units, "relu"), keras.layers.Dropout(0.5)]
    classifier = keras.Sequential([keras.Input((28, 28, 1)), *layers, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile("adam", loss, metrics=["accuracy"])
    classifier.fit(x, label, batch_size=BATCH, epochs=epochs, verbose=0)
    return classifier


def judge(model, test, classifier, seed):
    """The figures of both criteria, for one trained model."""
    chosen = np.random.default_rng(seed).choice(len(test), 1000, replace=False)
    draws = model.prior.sample(1000, tf.constant([seed, 1], tf.int64)).numpy()
    found = mmd_test(model.encode(test[chosen]), draws, seed=seed)
    generated = model.generate(10_000, seed=seed)
    seen = classifier.predict(generated, batch_size=1000, verbose=0).argmax(axis=1)
    logs = model.evaluate(test, batch_size=1000, verbose=0, return_dict=True)
    return {
        "p_value": found.p_value,
        "squared_mmd": found.squared_mmd,
        "percent": (np.bincount(seen, minlength=10) / 100).tolist(),
        **{name: logs[name] for name in model.loss_names},
    }


def run(x, test, latent_dim, rates, epochs, classifier, seed):
    start = time.perf_counter()
    model = train(x, latent_dim, rates, epochs, seed)
    minutes = (time.perf_counter() - start) / 60
    return {**judge(model, test, classifier, seed), "minutes": minutes}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--epochs", type=int, help="[default: 40 in two dimensions, else 20]")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--rates", nargs="+", choices=RATES, default=["falling"])
    parser.add_argument("--images", type=int, default=60_000, help="training images to use")
    parser.add_argument("--quick", action="store_true", help="take a minute, keep nothing")
    arguments = parser.parse_args()
    (x, label), (test, test_label) = images("train"), images("test")
    x, label = x[: arguments.images], label[: arguments.images]
    if arguments.quick:
        classifier = digit_classifier(x[:5000], label[:5000], 1)
        for rates in arguments.rates:
            print(run(x[:2000], test, arguments.dims[0], rates, 1, classifier, arguments.seeds[0]))
        return

    classifier = digit_classifier(x, label, 10)
    accuracy = classifier.evaluate(test, test_label, verbose=0)[1]
    runs, rows = [], []
    for latent_dim, rates in itertools.product(arguments.dims, arguments.rates):
        epochs = arguments.epochs or (40 if latent_dim == 2 else 20)
        for seed in arguments.seeds:
            settings = (latent_dim, rates, epochs, classifier, seed)
            key = (
                f"{rates} rates, {latent_dim} dimensions, {epochs} epochs, "
                f"{len(x)} images, seed {seed}"
            )
            result = once("adversarial", key, lambda settings=settings: run(x, test, *settings))
            runs.append({"latent_dim": latent_dim, "rates": rates, "seed": seed, **result})
        of_dim = runs[-len(arguments.seeds) :]
        matches = sum(r["p_value"] > LEVEL for r in of_dim)
        whole = sum(min(r["percent"]) >= 4 and max(r["percent"]) <= 20 for r in of_dim)
        rows.append(
            [
                f"{latent_dim}, {epochs}, {rates}",
                f"{matches} of {len(of_dim)}",
                ", ".join(f"{r['p_value']:.3f}" for r in of_dim),
                f"{whole} of {len(of_dim)}",
                f"{min(min(r['percent']) for r in of_dim):.1f} to "
                f"{max(max(r['percent']) for r in of_dim):.1f}",
                f"{np.mean([r['reconstruction_loss'] for r in of_dim]):.1f}",
                f"{np.mean([r['discriminator_loss'] for r in of_dim]):.3f}",
                f"{np.mean([r['minutes'] for r in of_dim]):.1f}",
            ]
        )
    publish(
        "adversarial",
        "Adversarial autoencoder of MNIST: how well codes match the prior, and what it generates",
        [
            "dimensions,\nepochs, rates",
            "seeds that\nmatch the prior",
            "p-values",
            "seeds with every\nclass in 4 to 20 %",
            "classes, %",
            "test\nreconstruction, nats",
            "test\ndiscriminator",
            "minutes\nper seed",
        ],
        rows,
        seeds=arguments.seeds,
        data={"runs": runs},
        effort={"images": arguments.images},
        note=f"{len(x):,} images in batches of {BATCH}, networks 784-512-512-256 and back, the "
        "model's defaults. Falling rates are those of `compile()`. Layers, batch size, epochs and "
        "rates were chosen by these figures for seeds 0 to 3. A seed matches if its p-value is "
        "above 0.01. The discriminator's loss is 0.693 when it can only guess. The classifier that "
        f"judges the generated digits is right on {accuracy:.1%} of the test images.",
    )


if __name__ == "__main__":
    main()
