"""Examples that a command makes, as a picture or as numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfae.cli.shared_options import FILE
from tfae.files import atomic_write

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

OUT = click.option(
    "--out",
    type=FILE,
    help="File to write: a .png for a picture, a .npy for the numbers.  [default: a new file in "
    "RUN/generated, a .png for images and else a .npy]",
)


def check_out(out: Path | None, overwrite: bool, endings: tuple[str, ...]) -> None:
    """Says what `--out` can be, before anything is computed.

    Raises:
        ValueError: When it has another ending, or exists and is not to be overwritten.
    """
    if out is None:
        return
    if out.suffix.lower() not in endings:
        raise ValueError(f"--out must end in {' or '.join(endings)}; received {out}.")
    if out.exists() and not overwrite:
        raise ValueError(f"{out} exists already. Choose another --out, or add --overwrite.")


def write_examples(
    examples: np.ndarray,
    out: Path | None,
    default: Path,
    shape: tuple[int, ...],
    draw: Callable[[np.ndarray], Figure],
    overwrite: bool = False,
) -> Path:
    """Writes examples to a file that appears whole.

    Args:
        examples: `(..., *shape)`.
        out: The file, ending in .png or .npy, or `None` for a new one.
        default: The new file, without ending; a number is added where there is one already.
        shape: Of one example.
        draw: Makes the picture, of images.
        overwrite: Whether `out` is replaced.

    Returns:
        The file.

    Raises:
        ValueError: When a picture is wanted of what are no images, or the file exists.
    """
    import numpy as np

    is_image = len(shape) == 3 and shape[-1] in (1, 3)
    out = out or free_name(default, ".png" if is_image else ".npy")
    if out.suffix.lower() == ".png" and not is_image:
        raise ValueError(
            f"Examples of shape {shape} are not images, so there is no picture of them. Write "
            f"them with --out {out.stem}.npy."
        )
    with atomic_write(out, replace=overwrite) as new:
        if out.suffix.lower() == ".png":
            draw(_in_unit_range(examples)).savefig(new, dpi=120)
        else:
            np.save(new, examples)
    return out


def _in_unit_range(images: np.ndarray) -> np.ndarray:
    """Images as they are, or stretched to [0, 1] where they are in other units."""
    low, high = images.min(), images.max()
    return images if low >= 0 and high <= 1 else (images - low) / max(high - low, 1e-12)


def free_name(path: Path, ending: str = "") -> Path:
    """`path` with an ending, or with the first number, from 2, that makes it new."""
    numbers = itertools.chain([""], (f"-{i}" for i in itertools.count(2)))
    names = (path.with_name(f"{path.name}{number}{ending}") for number in numbers)
    return next(name for name in names if not name.exists())
