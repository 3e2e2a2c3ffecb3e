"""Pictures of what a model has learned, as matplotlib figures.

Every function takes arrays and returns a `matplotlib.figure.Figure`, which a notebook shows and
`figure.savefig("file.png")` writes. None of them needs a display or touches pyplot's state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["curves", "image_grid", "image_rows", "latent_map", "latent_plane", "reconstructions"]

_TILE = 0.7  # inches that one small image takes
_SHOWN = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"}


def image_grid(images: np.ndarray, columns: int | None = None, title: str | None = None) -> Figure:
    """Images side by side, row by row.

    Args:
        images: `(n, height, width, channels)` or `(n, height, width)`, in [0, 1]; 1 or 3 channels.
        columns: images a row; about a square by default.
        title: of the figure.

    Raises:
        ValueError: when these are not images.
    """
    images = _as_images(images)
    columns = columns or max(1, math.ceil(math.sqrt(len(images))))
    rows = max(1, math.ceil(len(images) / columns))
    figure = Figure(figsize=(_TILE * columns, _TILE * rows + (0.3 if title else 0)))
    axes = figure.add_axes((0, 0, 1, _TILE * rows / figure.get_figheight()))
    _show(axes, _tiled(images, rows, columns))
    if title:
        figure.suptitle(title, y=0.99, fontsize=10)
    return figure


def image_rows(
    images: np.ndarray, names: Sequence[str] | None = None, title: str | None = None
) -> Figure:
    """Images in rows, such as decoded ways through the latent space, each with its name.

    Args:
        images: `(rows, columns, height, width, channels)` or without channels, in [0, 1].
        names: of the rows.
        title: of the figure.

    Raises:
        ValueError: when these are not images.
    """
    images = np.asarray(images)
    rows, columns = images.shape[:2]
    figure = image_grid(images.reshape(-1, *images.shape[2:]), columns, title)
    if names is not None:
        (axes,) = figure.axes
        margin = 0.1 + 0.075 * max(map(len, names))  # inches, of letters of 9 points
        width, height = figure.get_size_inches()
        figure.set_size_inches(width + margin, height)
        box = axes.get_position()
        axes.set_position((margin / (width + margin), 0, width / (width + margin), box.height))
        row_height = axes.images[0].get_array().shape[0] / rows
        for i, name in enumerate(names):
            place = (-0.1 * row_height, (i + 0.45) * row_height)
            axes.text(*place, name, ha="right", va="center", fontsize=9)
    return figure


def reconstructions(
    originals: np.ndarray, reconstructed: np.ndarray, columns: int = 12, title: str | None = None
) -> Figure:
    """Originals, each over its reconstruction.

    Args:
        originals, reconstructed: images as for `image_grid`, equally many.
        columns: pairs a row.
        title: of the figure.

    Raises:
        ValueError: when these are not images, or not equally many.
    """
    originals, reconstructed = _as_images(originals), _as_images(reconstructed)
    if originals.shape != reconstructed.shape:
        raise ValueError(
            f"originals {originals.shape} and reconstructed {reconstructed.shape} must have the "
            "same shape."
        )
    columns = min(columns, len(originals))
    rows = math.ceil(len(originals) / columns)
    figure = Figure(figsize=(_TILE * columns, 2.15 * _TILE * rows + (0.3 if title else 0)))
    bottom_up = 2.15 * _TILE / figure.get_figheight()
    for row in range(rows):
        part = slice(row * columns, (row + 1) * columns)
        pair = np.concatenate([_tiled(x[part], 1, columns) for x in (originals, reconstructed)])
        axes = figure.add_axes((0, (rows - 1 - row) * bottom_up, 1, bottom_up * 0.95))
        _show(axes, pair)
    if title:
        figure.suptitle(title, y=0.99, fontsize=10)
    return figure


def latent_map(
    codes: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Where examples lie in the latent plane, coloured by class.

    Args:
        codes: `(n, d)`. Of more than two dimensions the two principal components are shown.
        labels: class numbers `(n,)`, -1 for unlabelled (grey), or `None`.
        class_names: name of each class number, for the legend.
        title: of the figure.
    """
    codes = np.asarray(codes, np.float64).reshape(len(codes), -1)
    names = ("first latent dimension", "second latent dimension")
    if codes.shape[1] == 1:
        codes = np.concatenate([codes, np.zeros_like(codes)], axis=1)
        names = (names[0], "")
    elif codes.shape[1] > 2:
        codes = codes - codes.mean(axis=0)
        codes = codes @ np.linalg.svd(codes, full_matrices=False)[2][:2].T
        names = ("first principal component of the codes", "second principal component")
    figure = Figure(figsize=(6, 5.4), layout="constrained")
    axes = figure.add_subplot()
    if labels is None:
        axes.scatter(*codes.T, s=8, alpha=0.7, linewidths=0)
    else:
        labels = np.asarray(labels)
        classes = np.unique(labels)
        for i, label in enumerate(classes):
            name = "unlabelled" if label == -1 else str(label)
            if class_names is not None and 0 <= label < len(class_names):
                name = class_names[label]
            colour = "lightgrey" if label == -1 else f"C{i % 10}"
            marker = "o^sDv"[i // 10 % 5]
            here = codes[labels == label]
            looks = {"s": 12, "c": colour, "marker": marker, "linewidths": 0, "alpha": 0.8}
            axes.scatter(*here.T, label=name, **looks)
        if len(classes) <= 30:
            legend = {"fontsize": 8, "frameon": False, "markerscale": 1.5}
            figure.legend(loc="outside right upper", **legend)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.set_aspect("equal", adjustable="datalim")
    if title:
        axes.set_title(title, fontsize=10)
    return figure


def latent_plane(
    decode: Callable[[np.ndarray], np.ndarray],
    size: int = 16,
    extent: float = 2.5,
    title: str | None = None,
) -> Figure:
    """What the decoder makes of a regular grid of codes in a two-dimensional latent plane.

    Args:
        decode: takes codes `(n, 2)`, returns images; `model.decode` of a model with two latent
            dimensions.
        size: codes along each axis.
        extent: the grid reaches from `-extent` to `extent`, in standard deviations of the prior.
        title: of the figure.
    """
    axis = np.linspace(-extent, extent, size, dtype=np.float32)
    # Rows from the top: the second dimension grows upwards, as in `latent_map`.
    grid = np.stack(np.meshgrid(axis, axis[::-1]), axis=-1).reshape(-1, 2)
    return image_grid(decode(grid), size, title)


def curves(history: Mapping[str, Sequence[float]], title: str | None = None) -> Figure:
    """Losses by epoch, each with its validation twin in the same colour, dashed.

    Args:
        history: as Keras gives it: `"loss"`, `"val_loss"`, ..., a value an epoch each.
        title: of the figure.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    names = [name for name in history if not name.startswith("val_")]
    for i, name in enumerate(names):
        values = history[name]
        axes.plot(range(1, len(values) + 1), values, c=f"C{i}", label=name)
        if f"val_{name}" in history:
            values = history[f"val_{name}"]
            axes.plot(range(1, len(values) + 1), values, "--", c=f"C{i}", label=f"val_{name}")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss per example")
    axes.legend(fontsize=8, frameon=False)
    if title:
        axes.set_title(title, fontsize=10)
    return figure


def _as_images(images: np.ndarray) -> np.ndarray:
    """Checks images and gives them a channel axis."""
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise ValueError(
            "images must have shape (n, height, width) or (n, height, width, channels) with 1 or "
            f"3 channels and n > 0, received {images.shape}."
        )
    return images.astype(np.float32)


def _tiled(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """One large image, white between the small ones."""
    n, height, width, channels = images.shape
    gap = max(1, round(height / 14))
    canvas = np.ones((rows, height + gap, columns, width + gap, channels), np.float32)
    for i in range(n):
        canvas[i // columns, :height, i % columns, :width] = images[i]
    return canvas.reshape(rows * (height + gap), columns * (width + gap), channels)


def _show(axes: Axes, image: np.ndarray) -> None:
    image = np.clip(image, 0, 1)
    axes.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, **_SHOWN)
    axes.set_axis_off()
