"""Pictures of what a model has learned, as matplotlib figures.

Every function takes arrays and returns a `Picture`, a `matplotlib.figure.Figure`: a notebook shows
it, `picture.show()` opens it in a window, and `picture.savefig("file.png")` writes it. None of them
needs a display or touches pyplot's state, so there is nothing to close.
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

_TILE = 0.7  # inches of the longer side of a small image
_LETTER = 0.085  # inches of a letter of 10 points, at most on average
_LINE = 0.19  # inches of a line of title
_SHOWN = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest", "aspect": "auto"}


class Picture(Figure):
    """A figure that notebooks show, and that opens in a window though pyplot did not make it."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=110)
        return file.getvalue()

    def show(self, warn: bool = True) -> None:
        """Opens it in a window of pyplot's backend; closed windows leave nothing behind.

        Args:
            warn: Whether matplotlib says so when its backend has no windows.
        """
        import matplotlib.pyplot as plt

        # Pyplot knows figures that it has made: so it "makes" this one.
        plt.figure(FigureClass=lambda *args, **kwargs: self)
        with warnings.catch_warnings():
            if not warn:
                warnings.simplefilter("ignore", UserWarning)
            plt.show()
        if not plt.isinteractive():
            plt.close(self)


def image_grid(images: np.ndarray, columns: int | None = None, title: str | None = None) -> Picture:
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
    canvas = _tiled(images, rows, columns)
    width, height = _size(canvas, images)
    figure, (axes,) = _figure(width, [height], title)
    _show(axes, canvas)
    return figure


def image_rows(
    images: np.ndarray, names: Sequence[str] | None = None, title: str | None = None
) -> Picture:
    """Images in rows, such as decoded paths through the latent space, each with its name.

    Args:
        images: `(rows, columns, height, width, channels)` or without channels, in [0, 1].
        names: of the rows.
        title: of the figure.

    Raises:
        ValueError: when these are not images.
    """
    images = np.asarray(images)
    if images.ndim not in (4, 5):
        raise ValueError(
            "images must have shape (rows, columns, height, width), or that with channels; "
            f"received {images.shape}."
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
    """Where examples lie in the latent plane, coloured by class, no class drawn over another.

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
        codes = codes @ np.linalg.eigh(codes.T @ codes)[1][:, :-3:-1]
        names = ("first principal component of the codes", "second principal component")
    figure = Picture(figsize=(6, 5.4), layout="constrained")
    axes = figure.add_subplot()
    size = float(np.clip(12 * math.sqrt(1000 / max(len(codes), 1)), 2, 12))
    if labels is None:
        axes.scatter(*codes.T, s=size, alpha=0.7, linewidths=0)
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
    looks = {}
    for i, label in enumerate(classes):
        name = "unlabelled" if label == -1 else str(label)
        if class_names is not None and 0 <= label < len(class_names):
            name = class_names[label]
        colour = "lightgrey" if label == -1 else f"C{i % 10}"
        looks[label] = {"c": colour, "marker": "o^sDv"[i // 10 % 5], "linewidths": 0, "alpha": 0.8}
        axes.scatter([], [], s=18, label=name, **looks[label])  # for the legend
    # A few of each class in turn, so that none lies on top; what has no class lies below.
    order = np.random.default_rng(0).permutation(len(codes))
    order = np.concatenate([order[labels[order] == -1], order[labels[order] != -1]])
    for part in np.array_split(order, min(20, max(1, len(order)))):
        for label in np.unique(labels[part]):
            axes.scatter(*codes[part[labels[part] == label]].T, s=size, **looks[label])
    if len(classes) <= 30:
        legend = {"fontsize": 8, "frameon": False, "markerscale": 1.5}
        figure.legend(loc="outside right upper", **legend)


def latent_plane(
    decode: Callable[[np.ndarray], np.ndarray],
    size: int = 16,
    extent: float = 2.5,
    title: str | None = None,
) -> Picture:
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


def curves(history: Mapping[str, Sequence[float]], title: str | None = None) -> Picture:
    """Losses by epoch, each in a panel of its own, with its validation twin dashed.

    Losses of one value or of other sizes would hide each other in one panel.

    Args:
        history: as Keras gives it: `"loss"`, `"val_loss"`, ..., a value an epoch each.
        title: of the figure.
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
                marker = "o" if len(values) == 1 else None  # a point is no line
                epochs = range(1, len(values) + 1)
                axes.plot(epochs, values, line, c=f"C{i}", lw=line_width, marker=marker, label=key)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=8, frameon=False)
    if title:
        figure.suptitle(_wrapped(title, width), fontsize=10)
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


def _gap(images: np.ndarray) -> int:
    """Pixels between images."""
    return max(1, round(max(images.shape[1:3]) / 14))


def _size(canvas: np.ndarray, images: np.ndarray) -> tuple[float, float]:
    """Width and height in inches of a canvas of images; long ones are at least a fifth as wide."""
    height, width = (size + _gap(images) for size in images.shape[1:3])
    inches_x, inches_y = (max(_TILE / max(height, width), 0.2 * _TILE / s) for s in (width, height))
    return canvas.shape[1] * inches_x, canvas.shape[0] * inches_y


def _tiled(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """One large image, white between the small ones."""
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
    """A figure that axes fill, one over the other, but for the title and a margin on the left.

    All in inches. A figure that is too narrow for its title is made wider on the right.
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
    """A title in lines that are no wider than `width` inches, unless a word is."""
    letters = max(8, int(width / _LETTER))
    return "\n".join(textwrap.wrap(title, letters, break_long_words=True)) or title


def _show(axes: Axes, image: np.ndarray) -> None:
    image = np.clip(image, 0, 1)
    axes.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, **_SHOWN)
    axes.set_axis_off()
