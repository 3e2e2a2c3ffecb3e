"""The stacked denoising autoencoder 784-1000-1000-1000 as a classifier of MNIST.

    python benchmarks/stacked.py [--seeds 0 1 2 3 4] [--pretrain-epochs 15] [--epochs 40]

For each seed it pre-trains one stack on the images of the 60,000 training digits, and fine-tunes it
(a) with 1,000 labels, along with the same network from the same random weights without
pre-training, and (b) with all labels. It prints test errors, with a paired t interval for (a), and
keeps them after every seed. Vincent et al. (2010) published 1.28 % for this network with masking
noise.

The recipe was chosen with `--validate`, where the last 10,000 training digits replace the test set
and training uses the first 50,000. The test set played no part in it.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from _results import publish
from scipy import stats

import tfae

UNITS = (1000, 1000, 1000)


def digits(split):
    batches = tfae.data.load("mnist", split=split, batch_size=1000, shuffle=False, labels=True)
    pairs = [(batch["x"].numpy(), batch["label"].numpy()) for batch in batches]
    x, y = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return x.reshape(len(x), 784), y.astype("int32")


def optimizer(learning_rate, examples, epochs, batch_size):
    steps = epochs * -(-examples // batch_size)
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps))


def new_stack(seed, activation):
    keras.utils.set_random_seed(seed)
    sizes = (784, *UNITS)
    stack = tfae.StackedAutoencoder(
        [keras.layers.Dense(units, activation) for units in UNITS],
        [keras.layers.Dense(inputs) for inputs in sizes[:-1]],
        seed=seed,
    )
    stack.build((None, 784))
    return stack


def pretrained_stack(x, seed, options):
    stack = new_stack(seed, options.activation)
    stack.pretrain(
        x,
        options.pretrain_epochs,
        options.batch_size,
        optimizer=optimizer(
            options.pretrain_learning_rate, len(x), options.pretrain_epochs, options.batch_size
        ),
        corruption=tfae.layers.MaskingCorruption(options.masking),
        verbose=2 if options.verbose else 0,
    )
    return stack


def error(stack, train, test, seed, epochs, batch_size, dropout, learning_rate, options):
    """Percentage of test digits that the stack's classifier gets wrong after fine-tuning."""
    keras.utils.set_random_seed(seed)
    classifier = stack.classifier(10, dropout=dropout, seed=seed)
    classifier.compile(optimizer(learning_rate, len(train[0]), epochs, batch_size))
    classifier.fit(*train, epochs=epochs, batch_size=batch_size, verbose=2 * options.verbose)
    return float(100 * np.mean(classifier.predict_classes(test[0], 1000) != test[1]))


def run(seed, train, test, options):
    start = time.perf_counter()
    stack = pretrained_stack(train[0], seed, options)
    weights = stack.get_weights()
    minutes = {"pretraining": (time.perf_counter() - start) / 60}

    # 100 of each class, chosen by the seed: the paired networks see the same ones.
    random = np.random.default_rng(seed)
    rows = [random.choice(np.flatnonzero(train[1] == k), 100, replace=False) for k in range(10)]
    few = tuple(part[np.concatenate(rows)] for part in train)
    start = time.perf_counter()
    errors = {}
    for name, network in (
        ("pretrained", stack),
        ("random", new_stack(seed, options.activation)),
    ):
        errors[f"1000 labels, {name}"] = error(
            network,
            few,
            test,
            seed,
            options.few_epochs,
            50,
            [options.few_input_dropout] + [options.few_dropout] * 3,
            options.few_learning_rate,
            options,
        )
    minutes["1000 labels, both"] = (time.perf_counter() - start) / 60

    if options.epochs:
        start = time.perf_counter()
        stack.set_weights(weights)
        errors["all labels"] = error(
            stack,
            train,
            test,
            seed,
            options.epochs,
            options.batch_size,
            [options.input_dropout] + [options.dropout] * 3,
            options.learning_rate,
            options,
        )
        minutes["all labels"] = (time.perf_counter() - start) / 60
    return {"seed": seed, "test_error_percent": errors, "minutes": minutes}


def paired(runs):
    """Mean and bounds of the 95 % t interval of the difference random - pretrained."""
    errors = [run["test_error_percent"] for run in runs]
    gains = [e["1000 labels, random"] - e["1000 labels, pretrained"] for e in errors]
    summary = {"mean": float(np.mean(gains))}
    if len(gains) > 1:
        interval = stats.t.interval(
            0.95, len(gains) - 1, loc=np.mean(gains), scale=stats.sem(gains)
        )
        summary["interval_95"] = [float(bound) for bound in interval]
    return summary


def show(results):
    held_out = "validation" if results["options"]["validate"] else "test"
    names = ["1000 labels, random", "1000 labels, pretrained", "all labels"]
    errors = np.array(
        [[r["test_error_percent"].get(n, np.nan) for n in names] for r in results["runs"]]
    )

    def row(label, values, minutes):
        random, pretrained, all_labels = values
        gain = f"{random - pretrained:+.2f}"
        return [label, f"{random:.2f}", f"{pretrained:.2f}", gain, f"{all_labels:.2f}", minutes]

    rows = [
        row(run["seed"], values, f"{sum(run['minutes'].values()):.1f}")
        for run, values in zip(results["runs"], errors, strict=True)
    ]
    rows += [row("mean", errors.mean(axis=0), ""), ["published", "", "", "", "1.28", ""]]
    note = ""
    if "interval_95" in results["paired"]:
        low, high = results["paired"]["interval_95"]
        note = (
            f"With 1,000 labels pre-training lowers the error by {results['paired']['mean']:.2f} "
            f"points (95 % interval of the paired difference: {low:.2f} to {high:.2f}). "
        )
    publish(
        "stacked" if held_out == "test" else "stacked_validation",
        f"Stacked denoising 784-1000-1000-1000 on MNIST: {held_out} error in %",
        ["seed", "1,000 labels: random", "pre-trained", "difference", "all labels", "minutes"],
        rows,
        seeds=[run["seed"] for run in results["runs"]],
        data=results,
        effort={"epochs": results["options"]["epochs"]},
        note=note + "Published: Vincent et al. (2010).",
    )


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--activation", default="relu")
    parser.add_argument("--masking", type=float, default=0.5)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--pretrain-epochs", type=int, default=15)
    parser.add_argument("--pretrain-learning-rate", type=float, default=1e-3)
    parser.add_argument("--few-epochs", type=int, default=60)
    parser.add_argument("--few-learning-rate", type=float, default=1e-3)
    parser.add_argument("--few-input-dropout", type=float, default=0.2)
    parser.add_argument("--few-dropout", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=40, help="with all labels; 0 leaves it out")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--input-dropout", type=float, default=0.2)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--validate", action="store_true", help="hold out training digits instead")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    x, y = digits("train")
    if options.validate:
        train, test = (x[:50_000], y[:50_000]), (x[50_000:], y[50_000:])
    else:
        train, test = (x, y), digits("test")
    described = {
        name: value for name, value in vars(options).items() if name not in ("seeds", "verbose")
    }
    results = {"options": described, "runs": []}
    for seed in options.seeds:
        results["runs"].append(run(seed, train, test, options))
        results["paired"] = paired(results["runs"])
        show(results)


if __name__ == "__main__":
    main()
