"""Numbers and pictures that judge a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfae import data, pictures
from tfae.cli.options import held_out_split, load_split

_SHOWN = 1000  # examples at most in a picture


def measure(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    split: str,
    importance_samples: int = 0,
    seed: int = 0,
) -> dict[str, float]:
    """Losses and reconstruction errors of a split, per example.

    Args:
        model: compiled.
        source: the data.
        config: of the run: its parts "data" and "training" count.
        split: to measure on.
        importance_samples: samples of the log-likelihood estimate; 0 for none.
        seed: of that estimate.

    Returns:
        Values by name: the losses as `evaluate` logs them; "elbo" where the losses make one;
        "squared_error", summed over an example, and "mean_squared_error", averaged over its
        values, of the reconstruction at the deterministic code; "log_likelihood" where asked for.
    """
    batch_size, of_data = config["training"]["batch_size"], config["data"]
    with_labels = of_data["labels"]
    dataset = load_split(source, of_data, split, batch_size, labels=with_labels, shuffle=False)
    values = {k: float(v) for k, v in model.evaluate(dataset, verbose=0, return_dict=True).items()}
    if is_elbo(model):
        values["elbo"] = -values["reconstruction_loss"] - values["kl_loss"]
    squared, count, size = 0.0, 0, 1
    x_only = load_split(source, of_data, split, batch_size, shuffle=False)
    if hasattr(model, "reconstruct"):
        for x in x_only.as_numpy_iterator():
            squared += float(np.square(model.reconstruct(x) - x, dtype=np.float64).sum())
            count, size = count + len(x), x[0].size
        values["squared_error"] = squared / count
        values["mean_squared_error"] = squared / count / size
    if importance_samples:
        if not hasattr(model, "log_likelihood"):
            raise ValueError(f"{type(model).__name__} has no likelihood of the data to estimate.")
        estimates = model.log_likelihood(x_only, importance_samples, seed=seed)
        values["log_likelihood"] = float(estimates.mean())
    return values


def is_elbo(model: keras.Model) -> bool:
    """Whether reconstruction loss and KL add up to a bound on log p(x)."""
    names = {"reconstruction_loss", "kl_loss"}
    likelihood = getattr(model, "likelihood", None)
    has_terms = names <= set(getattr(model, "loss_names", ()))
    floored = getattr(model, "free_bits", 0)  # then the KL is logged with its floor
    return has_terms and not floored and getattr(likelihood, "is_density", False)


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
    is_image = len(description.shape) == 3 and description.shape[-1] in (1, 3)
    if hasattr(model, "reconstruct") and is_image:
        title = f"{split}: originals over reconstructions"
        some = x[:36]
        figures["reconstructions"] = pictures.reconstructions(
            some, model.reconstruct(some), title=title
        )
    if hasattr(model, "encode"):
        codes = model.encode(x)
        if codes.ndim == 2:
            title = f"{split}: codes"
            figures["latent_map"] = pictures.latent_map(
                codes, label, description.class_names, title
            )
            samples = _samples(model, 64, seed)
            if is_image and samples is not None:
                figures["samples"] = pictures.image_grid(samples, title="samples")
                if codes.shape[1] == 2:
                    title = "decoded from the latent plane, -2.5 to 2.5"
                    figures["latent_plane"] = pictures.latent_plane(model.decode, title=title)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, figure in sorted(figures.items()):
        files.append(folder / f"{name}.png")
        figure.savefig(files[-1], dpi=120)
    return files


def _samples(model: keras.Model, n: int, seed: int) -> np.ndarray | None:
    try:
        return model.generate(n, seed=seed)
    except (AttributeError, NotImplementedError):
        return None  # a model without a distribution of codes
