"""Examples that a command makes, as a picture or as numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from matplotlib.figure import Figure

from tfae.files import atomic_write

OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A .png for a picture of all, a .npy for the numbers.  [default: a .png named after the "
    "command for images, else a .npy]",
)


def check_out(out: Path | None) -> None:
    """Says what `--out` can be, before anything is computed.

    Raises:
        ValueError: when it has another ending.
    """
    if out is not None and out.suffix.lower() not in (".png", ".npy"):
        raise ValueError(f"--out must end in .png or .npy, received {out}.")


def write_examples(
    examples: np.ndarray,
    out: Path | None,
    name: str,
    shape: tuple[int, ...],
    draw: Callable[[np.ndarray], Figure],
) -> Path:
    """Writes examples to a file that appears whole.

    Args:
        examples: `(..., *shape)`.
        out: the file, ending in .png or .npy, or `None` for one called `name`.
        name: without ending.
        shape: of one example.
        draw: makes the picture, of images.

    Returns:
        The file.

    Raises:
        ValueError: when a picture is wanted of what are no images.
    """
    is_image = len(shape) == 3 and shape[-1] in (1, 3)
    out = out or Path(f"{name}.png" if is_image else f"{name}.npy")
    if out.suffix.lower() == ".png" and not is_image:
        raise ValueError(
            f"The examples are of shape {shape}, which are no images; write them with --out "
            f"{name}.npy."
        )
    with atomic_write(out, replace=True) as new:
        if out.suffix.lower() == ".png":
            draw(examples).savefig(new, dpi=120)
        else:
            np.save(new, examples)
    return out
