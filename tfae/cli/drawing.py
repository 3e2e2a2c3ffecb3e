"""Draws the pictures of a run, which show what its model does."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from tfae import data, pictures
from tfae.cli.data_options import held_out_split, load_split

_SHOWN = 1000  # examples in a picture, at most


def draw_pictures(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    history: list[dict[str, float]],
    folder: Path,
    seed: int = 0,
) -> dict[str, Exception]:
    """Draws whatever applies to a model: losses, reconstructions, codes, samples, latent plane.

    Args:
        model: The trained model.
        source: The data.
        config: The run's configuration.
        history: The run's history.
        folder: Folder for the PNG files; created if it does not exist.
        seed: Seed of the samples.

    Returns:
        The errors of pictures that failed, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed = {}
    for name, draw in _pictures(model, source, config, history, seed):
        try:
            draw().savefig(folder / f"{name}.png", dpi=120)
        except Exception as error:  # if one picture fails, the others are still drawn
            failed[name] = error
    return failed


def _pictures(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    history: list[dict[str, float]],
    seed: int,
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    if history:
        columns = {key: [epoch[key] for epoch in history] for key in history[0]}
        losses = {k: v for k, v in columns.items() if k not in ("epoch", "seconds")}
        yield "losses", lambda: pictures.curves(losses)
    split = held_out_split(source, config["data"])
    description = source.describe(split, config["data"]["validation_split"])
    batch = next(
        load_split(
            model,
            source,
            config["data"],
            split,
            _SHOWN,
            shuffle=False,
            labels=description.has_labels,
        ).as_numpy_iterator()
    )
    x, label = (batch["x"], batch["label"]) if description.has_labels else (batch, None)
    inputs = batch if model.conditional and description.has_labels else x
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    low, high = (low, high) if low < 0 or high > 1 else (0.0, 1.0)

    def shown(images: np.ndarray) -> np.ndarray:
        """Stretches images to [0, 1]; if the model scales its data, they are in other units."""
        return (images - low) / max(high - low, 1e-12)

    is_image = len(description.shape) == 3 and description.shape[-1] in (1, 3)
    if hasattr(model, "reconstruct") and is_image:
        yield (
            "reconstructions",
            lambda: pictures.reconstructions(
                shown(x[:36]),
                shown(model.reconstruct(inputs)[:36]),
                title=f"{split}: originals over reconstructions",
            ),
        )
    if not hasattr(model, "encode"):
        return
    codes = model.encode(inputs)
    if codes.ndim != 2:
        return
    yield (
        "latent_map",
        lambda: pictures.latent_map(codes, label, description.class_names, f"{split}: codes"),
    )
    if is_image and model.sampling_prior is not None:
        yield (
            "samples",
            lambda: pictures.image_grid(shown(model.generate(64, seed=seed)), title="samples"),
        )
        if codes.shape[1] == 2:
            yield "latent_plane", lambda: _latent_plane(model, shown)


def _latent_plane(model: keras.Model, shown: Callable[[np.ndarray], np.ndarray]) -> Figure:
    """Draws the decoded plane; of a conditional model, for its first class.

    A conditional model was never trained to decode without a class.
    """
    title = "decoded from the latent plane, -2.5 to 2.5"
    decode = model.decode
    if model.conditional:
        title, decode = f"{title}, as class 0", functools.partial(model.decode, label=0)
    return pictures.latent_plane(lambda z: shown(decode(z)), title=title)
