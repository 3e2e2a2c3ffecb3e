"""Codes of held-out examples, for `tfae interpolate` and `tfae traverse`."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from tfae import evaluation
from tfae.cli.data_options import held_out_split, load_split, open_data
from tfae.cli.finished_run import read_run


def held_out_codes(
    run: Path, number: int, seed: int
) -> tuple[keras.Model, np.ndarray, np.ndarray | None]:
    """Returns a run's model, codes `(number, latent_dim)` of held-out examples, and their labels.

    The labels are `None` if the model does not use them.
    """
    model, config = read_run(run)
    if not hasattr(model, "decode"):
        raise ValueError(f"{type(model).__name__} has no codes to decode.")
    source, of_data = open_data(config["data"]), config["data"]
    split = held_out_split(source, of_data)
    dataset = load_split(
        model, source, of_data, split, 256, labels=of_data["labels"], shuffle=False
    )
    sample = evaluation.random_sample(dataset, number, seed)
    codes = model.encode(sample)
    if codes.ndim != 2:
        raise ValueError(
            f"{type(model).__name__} has codes of shape {codes.shape[1:]}; this command needs flat "
            "ones, (latent_dim,)."
        )
    return model, codes, sample["label"] if model.conditional else None


def decode_rows(model: keras.Model, codes: np.ndarray, label: np.ndarray | None) -> np.ndarray:
    """Decodes codes `(rows, steps, latent_dim)` with their labels to `(rows, steps, ...)`."""
    if label is not None:
        label = np.broadcast_to(label, codes.shape[:2]).reshape(-1)
    examples = model.decode(codes.reshape(-1, codes.shape[-1]), label=label)
    return examples.reshape(*codes.shape[:2], *examples.shape[1:])
