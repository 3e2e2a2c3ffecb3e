"""Numbers and pictures that judge a trained model."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import keras
from matplotlib.figure import Figure

from tfae import data, evaluation, pictures
from tfae.cli.options import held_out_split, load_split

_SHOWN = 1000  # examples at most in a picture
_PROBED = 5000  # examples at most that the linear probe learns from, and that it is measured on


def measure(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    split: str,
    importance_samples: int = 0,
    features: Any = None,
    seed: int = 0,
) -> dict[str, float]:
    """What `tfae.evaluation` says of a model on a split.

    Args:
        model: compiled.
        source: the data.
        config: of the run: its parts "data" and "training" count.
        split: to measure on.
        importance_samples: samples of the log-likelihood estimate; 0 for none.
        features: space in which generated data is compared with the split; `None` for none.
        seed: of draws.

    Returns:
        Values by name: those of `tfae.evaluation.measure`; "linear_probe_accuracy" of the codes,
        where the data has labels and a training split to learn them from.
    """
    batch_size, of_data = config["training"]["batch_size"], config["data"]
    dataset = load_split(
        source, of_data, split, batch_size, labels=of_data["labels"], shuffle=False
    )
    values = evaluation.measure(
        model, dataset, importance_samples=importance_samples, features=features, seed=seed
    )
    if hasattr(model, "encode") and _can_be_probed(source, split):
        sides = []
        for part in ("train", split):
            labelled = load_split(source, of_data, part, batch_size, labels=True, shuffle=False)
            sample = evaluation.random_sample(labelled, _PROBED, seed)
            codes = model.encode(sample["x"])  # a conditional model must not see the labels
            sides += [codes.reshape(len(codes), -1), sample["label"]]
        if len(set(sides[1]) - {-1}) > 1:
            values["linear_probe_accuracy"] = evaluation.linear_probe(*sides)
    return values


def _can_be_probed(source: data.Source, split: str) -> bool:
    """Whether there are labels to learn from, and others to tell."""
    parts = {"train", "train" if split == "validation" else split}
    return (
        split != "train"
        and parts <= set(source.splits)
        and all(source.describe(part).has_labels for part in parts)
    )


def draw_pictures(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    history: list[dict[str, float]],
    folder: Path,
    seed: int = 0,
) -> list[Path]:
    """Draws what can be drawn of a model: losses, reconstructions, samples, its latent plane.

    Args:
        model: trained.
        source: the data.
        config: of the run.
        history: of the run.
        folder: to write PNG files into; made when it is not there.
        seed: of the samples.

    Returns:
        The files, in the order of their names.
    """
    figures = {}
    if history:
        columns = {key: [epoch[key] for epoch in history] for key in history[0]}
        losses = {k: v for k, v in columns.items() if k not in ("epoch", "seconds")}
        figures["losses"] = pictures.curves(losses)
    split = held_out_split(source, config["data"])
    description = source.describe(split, config["data"]["validation_split"])
    batch = next(
        load_split(
            source, config["data"], split, _SHOWN, shuffle=False, labels=description.has_labels
        ).as_numpy_iterator()
    )
    x, label = (batch["x"], batch["label"]) if description.has_labels else (batch, None)
    conditional = model.conditional and description.has_labels
    inputs = batch if conditional else x
    is_image = len(description.shape) == 3 and description.shape[-1] in (1, 3)
    if hasattr(model, "reconstruct") and is_image:
        title = f"{split}: originals over reconstructions"
        reconstructed = model.reconstruct(inputs)
        figures["reconstructions"] = pictures.reconstructions(
            x[:36], reconstructed[:36], title=title
        )
    if hasattr(model, "encode"):
        codes = model.encode(inputs)
        if codes.ndim == 2:
            title = f"{split}: codes"
            figures["latent_map"] = pictures.latent_map(
                codes, label, description.class_names, title
            )
            if is_image and model.sampling_prior is not None:
                samples = model.generate(64, seed=seed)
                figures["samples"] = pictures.image_grid(samples, title="samples")
                if codes.shape[1] == 2:
                    figures["latent_plane"] = _latent_plane(model)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, figure in sorted(figures.items()):
        files.append(folder / f"{name}.png")
        figure.savefig(files[-1], dpi=120)
    return files


def _latent_plane(model: keras.Model) -> Figure:
    """Of a conditional model, for its first class; without any, it was never trained."""
    title = "decoded from the latent plane, -2.5 to 2.5"
    if not model.conditional:
        return pictures.latent_plane(model.decode, title=title)
    decode = functools.partial(model.decode, label=0)
    return pictures.latent_plane(decode, title=f"{title}, as class 0")
