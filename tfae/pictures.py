"""Pictures of what a model has learned, as matplotlib figures.

Every function takes arrays and returns a `Picture`, a `matplotlib.figure.Figure`. Notebooks show
it, `picture.show()` opens it in a window, and `picture.savefig("file.png")` saves it. No function
needs a display or changes pyplot's state, so no figure has to be closed.
"""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

__all__ = [
    "Picture",
    "curves",
    "image_grid",
    "image_rows",
    "latent_map",
    "latent_plane",
    "reconstructions",
]

# All in inches.
_TILE = 0.7  # longer side of a small image
_LETTER = 0.085  # upper bound of the average width of a 10-point letter
_LINE = 0.19  # height of a line of the title
_SHOWN = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest", "aspect": "auto"}


class Picture(Figure):
    """A figure that notebooks can show and that can open in a window, made without pyplot."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=110)
        return file.getvalue()

    def show(self, warn: bool = True) -> None:
        """Opens the figure in a window of pyplot's backend; closing it frees the figure.

        Args:
            warn: Whether to warn if matplotlib's backend has no windows.
        """
        import matplotlib.pyplot as plt

        # Pyplot manages only figures that it has made, so let it "make" this one.
        plt.figure(FigureClass=lambda *args, **kwargs: self)
        with warnings.catch_warnings():
            if not warn:
                warnings.simplefilter("ignore", UserWarning)
            plt.show()
        if not plt.isinteractive():
            plt.close(self)


def image_grid(images: np.ndarray, columns: int | None = None, title: str | None = None) -> Picture:
    """Draws images in a grid.

    Args:
        images: `(n, height, width, channels)` or `(n, height, width)`, in [0, 1]; 1 or 3 channels.
        columns: Images per row; by default the grid is about square.
        title: Title of the figure.

    Raises:
        ValueError: If the array does not hold images.
    """
    images = _as_images(images)
    columns = columns or max(1, math.ceil(math.sqrt(len(images))))
    rows = max(1, math.ceil(len(images) / columns))
    canvas = _tiled(images, rows, columns)
    width, height = _size(canvas, images)
    figure, (axes,) = _figure(width, [height], title)
    _show(axes, canvas)
    return figure


def image_rows(
    images: np.ndarray, names: Sequence[str] | None = None, title: str | None = None
) -> Picture:
    """Draws rows of images with a name for each row, such as decoded paths in latent space.

    Args:
        images: `(rows, columns, height, width, channels)` or without channels, in [0, 1].
        names: Names of the rows.
        title: Title of the figure.

    Raises:
        ValueError: If the array does not hold images.
    """
    images = np.asarray(images)
    if images.ndim not in (4, 5):
        raise ValueError(
            "`images` must have shape (rows, columns, height, width), with or without a last axis "
            f"of channels; received {images.shape}."
        )
    rows, columns = images.shape[:2]
    images = _as_images(images.reshape(-1, *images.shape[2:]))
    canvas = _tiled(images, rows, columns)
    width, height = _size(canvas, images)
    margin = 0.0 if names is None else 0.1 + 0.075 * max(map(len, names))  # letters of 9 points
    figure, (axes,) = _figure(width, [height], title, margin)
    _show(axes, canvas)
    for i, name in enumerate(names or ()):
        y = 1 - (i + 0.45) / rows
        axes.text(-0.01, y, name, ha="right", va="center", fontsize=9, transform=axes.transAxes)
    return figure


def reconstructions(
    originals: np.ndarray, reconstructed: np.ndarray, columns: int = 12, title: str | None = None
) -> Picture:
    """Draws originals with their reconstructions below them.

    Args:
        originals, reconstructed: The same number of images, as for `image_grid`.
        columns: Pairs per row.
        title: Title of the figure.

    Raises:
        ValueError: If the arrays do not hold images, or their shapes differ.
    """
    originals, reconstructed = _as_images(originals), _as_images(reconstructed)
    if originals.shape != reconstructed.shape:
        raise ValueError(
            f"`originals` and `reconstructed` must have the same shape; received "
            f"{originals.shape} and {reconstructed.shape}."
        )
    columns = min(columns, len(originals))
    rows = math.ceil(len(originals) / columns)
    canvases = []
    for row in range(rows):
        part = slice(row * columns, (row + 1) * columns)
        pair = [images[part] for images in (originals, reconstructed)]
        missing = np.ones((columns - len(pair[0]), *originals.shape[1:]), np.float32)
        canvases.append(_tiled(np.concatenate([pair[0], missing, pair[1], missing]), 2, columns))
    width, height = _size(canvases[0], originals)
    figure, axes = _figure(width, rows * [height], title)
    for part, canvas in zip(axes, canvases, strict=True):
        _show(part, canvas)
    return figure


def latent_map(
    codes: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
) -> Picture:
    """Draws codes in the plane, coloured by class; no class covers the others.

    Args:
        codes: `(n, d)`. If d is above 2, their first two principal components are shown.
        labels: Class numbers `(n,)`, -1 for unlabelled (grey), or `None`.
        class_names: Names of the classes, for the legend.
        title: Title of the figure.
    """
    codes = np.asarray(codes, np.float64).reshape(len(codes), -1)
    names = ("first latent dimension", "second latent dimension")
    if codes.shape[1] == 1:
        codes = np.concatenate([codes, np.zeros_like(codes)], axis=1)
        names = (names[0], "")
    elif codes.shape[1] > 2:
        codes = codes - codes.mean(axis=0)
        codes = codes @ np.linalg.eigh(codes.T @ codes)[1][:, :-3:-1]
        names = ("first principal component of the codes", "second principal component")
    figure = Picture(figsize=(6, 5.4), layout="constrained")
    axes = figure.add_subplot()
    size = float(np.clip(12 * math.sqrt(1000 / max(len(codes), 1)), 2, 12))
    if labels is None:
        axes.scatter(codes[:, 0], codes[:, 1], s=size, alpha=0.7, linewidths=0)
    else:
        _scatter_classes(figure, axes, codes, np.asarray(labels), class_names, size)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.set_aspect("equal", adjustable="datalim")
    if title:
        axes.set_title(title, fontsize=10)
    return figure


def _scatter_classes(
    figure: Figure,
    axes: Axes,
    codes: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str] | None,
    size: float,
) -> None:
    classes = np.unique(labels)
    styles = {}
    for i, label in enumerate(classes):
        name = "unlabelled" if label == -1 else str(label)
        if class_names is not None and 0 <= label < len(class_names):
            name = class_names[label]
        colour = "lightgrey" if label == -1 else f"C{i % 10}"
        styles[label] = {"c": colour, "marker": "o^sDv"[i // 10 % 5], "linewidths": 0, "alpha": 0.8}
        axes.scatter([], [], s=18, label=name, **styles[label])  # for the legend
    # Draw some examples of each class in turn, so that none lies on top; unlabelled ones lie below.
    order = np.random.default_rng(0).permutation(len(codes))
    order = np.concatenate([order[labels[order] == -1], order[labels[order] != -1]])
    for part in np.array_split(order, min(20, max(1, len(order)))):
        for label in np.unique(labels[part]):
            x, y = codes[part[labels[part] == label]].T
            axes.scatter(x, y, s=size, **styles[label])
    if len(classes) <= 30:
        legend = {"fontsize": 8, "frameon": False, "markerscale": 1.5}
        figure.legend(loc="outside right upper", **legend)


def latent_plane(
    decode: Callable[[np.ndarray], np.ndarray],
    size: int = 16,
    extent: float = 2.5,
    title: str | None = None,
) -> Picture:
    """Draws the decoded images of a regular grid of codes in a two-dimensional latent space.

    Args:
        decode: Takes codes `(n, 2)`, returns images; `model.decode` of a model with two latent
            dimensions.
        size: Number of codes along each axis.
        extent: The grid reaches from `-extent` to `extent`, in standard deviations of the prior.
        title: Title of the figure.
    """
    axis = np.linspace(-extent, extent, size, dtype=np.float32)
    # Rows from the top: the second dimension grows upwards, as in `latent_map`.
    grid = np.stack(np.meshgrid(axis, axis[::-1]), axis=-1).reshape(-1, 2)
    return image_grid(decode(grid), size, title)


def curves(history: Mapping[str, Sequence[float]], title: str | None = None) -> Picture:
    """Draws losses by epoch, one per panel, with the validation loss dashed.

    In a common panel, losses of equal value or of different scale would hide each other.

    Args:
        history: As in Keras' `History`: `"loss"`, `"val_loss"`, ..., with one value per epoch.
        title: Title of the figure.
    """
    names = [name for name in history if not name.startswith("val_")]
    names += [n for n in (name.removeprefix("val_") for name in history) if n not in names]
    columns = min(3, max(1, len(names)))
    rows = max(1, math.ceil(len(names) / columns))
    width, height = (6, 4) if len(names) <= 1 else (3.4 * columns, 2.6 * rows)
    figure = Picture(figsize=(width, height), layout="constrained")
    for i, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, i + 1)
        for key, line, line_width in ((name, "-", 2.0), (f"val_{name}", "--", 1.2)):
            if key in history:
                values = history[key]
                marker = "o" if len(values) == 1 else None  # one point makes no line
                epochs = range(1, len(values) + 1)
                axes.plot(epochs, values, line, c=f"C{i}", lw=line_width, marker=marker, label=key)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=8, frameon=False)
    if title:
        figure.suptitle(_wrapped(title, width), fontsize=10)
    return figure


def _as_images(images: np.ndarray) -> np.ndarray:
    """Checks images and adds a channel axis if there is none."""
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise ValueError(
            "images must have shape (n, height, width) or (n, height, width, channels) with 1 or "
            f"3 channels and n > 0; received {images.shape}."
        )
    return images.astype(np.float32)


def _gap(images: np.ndarray) -> int:
    """Number of pixels between images."""
    return max(1, round(max(images.shape[1:3]) / 14))


def _size(canvas: np.ndarray, images: np.ndarray) -> tuple[float, float]:
    """Size in inches of a canvas of images; a long image is drawn at least a fifth as wide."""
    height, width = (size + _gap(images) for size in images.shape[1:3])
    inches_x, inches_y = (max(_TILE / max(height, width), 0.2 * _TILE / s) for s in (width, height))
    return canvas.shape[1] * inches_x, canvas.shape[0] * inches_y


def _tiled(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Joins images into one, with white space between them."""
    n, height, width, channels = images.shape
    gap = _gap(images)
    canvas = np.ones((rows, height + gap, columns, width + gap, channels), np.float32)
    for i in range(n):
        canvas[i // columns, :height, i % columns, :width] = images[i]
    canvas = canvas.reshape(rows * (height + gap), columns * (width + gap), channels)
    return canvas[:-gap, :-gap]


def _figure(
    width: float, heights: Sequence[float], title: str | None, margin: float = 0.0
) -> tuple[Picture, list[Axes]]:
    """A figure filled by axes, one above the other, except for the title and a left margin.

    Sizes are in inches. A figure that is too narrow for its title is widened on the right.
    """
    total = max(margin + width, 2.0) if title else margin + width
    wrapped = _wrapped(title, total) if title else ""
    head = _LINE * (wrapped.count("\n") + 1) + 0.08 if title else 0.0
    space = 0.1  # between axes
    height = head + sum(heights) + space * (len(heights) - 1)
    figure = Picture(figsize=(total, height))
    top, axes = height - head, []
    for part in heights:
        box = (margin / total, (top - part) / height, width / total, part / height)
        axes.append(figure.add_axes(box))
        top -= part + space
    if title:
        figure.suptitle(wrapped, y=1 - 0.03 / height, va="top", fontsize=10)
    return figure, axes


def _wrapped(title: str, width: float) -> str:
    """Wraps a title into lines of at most `width` inches, unless a word is longer."""
    letters = max(8, int(width / _LETTER))
    return "\n".join(textwrap.wrap(title, letters, break_long_words=True)) or title


def _show(axes: Axes, image: np.ndarray) -> None:
    image = np.clip(image, 0, 1)
    axes.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, **_SHOWN)
    axes.set_axis_off()
