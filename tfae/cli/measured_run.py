"""Measures a trained model."""

from __future__ import annotations

from typing import Any

import keras

from tfae import data, evaluation
from tfae.cli.data_options import load_split

_PROBED = 5000  # examples, at most, that the linear probe is trained on, and measured on


def measure(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    split: str,
    importance_samples: int = 0,
    features: Any = None,
    seed: int = 0,
) -> dict[str, float]:
    """Measures a model on a split with `tfae.evaluation`.

    Args:
        model: The compiled model.
        source: The data.
        config: The run's configuration; "data" and "training" are used.
        split: The split to measure on.
        importance_samples: Samples for the log-likelihood estimate; 0 for no estimate.
        features: Space in which generated data is compared with the split; `None` for no
            comparison.
        seed: Seed of random draws.

    Returns:
        Values by name: those of `tfae.evaluation.measure`, and "linear_probe_accuracy" of the codes
        if the data has labels and a training split to learn them from.
    """
    batch_size, of_data = config["training"]["batch_size"], config["data"]
    dataset = load_split(
        model, source, of_data, split, batch_size, labels=of_data["labels"], shuffle=False
    )
    values = evaluation.measure(
        model, dataset, importance_samples=importance_samples, features=features, seed=seed
    )
    if hasattr(model, "encode") and _can_be_probed(source, split):
        sides = []
        for part in ("train", split):
            labelled = load_split(
                model, source, of_data, part, batch_size, labels=True, shuffle=False
            )
            sample = evaluation.random_sample(labelled, _PROBED, seed)
            codes = model.encode(sample["x"])  # a conditional model must not see the labels
            sides += [codes.reshape(len(codes), -1), sample["label"]]
        if len(set(sides[1]) - {-1}) > 1 and set(sides[3]) - {-1}:
            values["linear_probe_accuracy"] = evaluation.linear_probe(*sides)
    return values


def _can_be_probed(source: data.Source, split: str) -> bool:
    """Whether there are labels to train a probe on, and other labels to measure it on."""
    parts = {"train", "train" if split == "validation" else split}
    return (
        split != "train"
        and parts <= set(source.splits)
        and all(source.describe(part).has_labels for part in parts)
    )
