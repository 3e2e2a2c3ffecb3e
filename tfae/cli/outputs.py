"""Writes the examples that a command makes of a run, as a picture or as numbers."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfae.cli.data_kinds import TABLES
from tfae.cli.shared_options import FILE, OVERWRITE, RUN, seed
from tfae.files import atomic_write

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


def examples_of_run(seed_of: str, tables: bool = False) -> Callable:
    """Gives a command that makes examples its parameters `run`, `seed`, `out` and `overwrite`.

    `out` is checked before the command does anything.

    Args:
        seed_of: Help text of `--seed`.
        tables: Whether examples may be written as the rows of a table.
    """
    endings = (".png", ".npy", *(TABLES if tables else ()))

    def decorate(command: Callable) -> Callable:
        @functools.wraps(command)
        def checked(*, out: Path | None, overwrite: bool, **options: Any) -> None:
            check_out(out, overwrite, endings)
            command(out=out, overwrite=overwrite, **options)

        for parameter in (
            OVERWRITE,
            _out(tables),
            seed(seed_of),
            RUN,
        ):  # click lists the last one first
            checked = parameter(checked)
        return checked

    return decorate


def _out(tables: bool) -> Any:
    rows = ", .csv or .parquet for rows of columns" if tables else ""
    of_tables = ", .csv for tables" if tables else ""
    return click.option(
        "--out",
        type=FILE,
        help=f"File to write: .png for a picture, .npy for the numbers{rows}.  [default: a new "
        f"file in RUN/generated, .png for images{of_tables} and .npy for other data]",
    )


def check_out(out: Path | None, overwrite: bool, endings: tuple[str, ...]) -> None:
    """Checks `--out` before anything is computed.

    Raises:
        ValueError: If it has another ending, or exists and is not to be overwritten.
    """
    if out is None:
        return
    if not out.name.lower().endswith(endings):
        *others, last = endings
        known = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"--out must end in {known}; received {out}.")
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
    """Writes examples to a file, which appears whole or not at all.

    Args:
        examples: `(..., *shape)`.
        out: The file, ending in .png or .npy, or `None` for a new one.
        default: Path of the new file, without its ending; if it exists, a number is added.
        shape: Shape of one example.
        draw: Draws images as a picture.
        overwrite: Whether `out` is replaced if it exists.

    Returns:
        The file.

    Raises:
        ValueError: If a picture is wanted but the examples are not images, or the file exists.
    """
    import numpy as np

    is_image = len(shape) == 3 and shape[-1] in (1, 3)
    out = out or free_name(default, ".png" if is_image else ".npy")
    if out.suffix.lower() == ".png" and not is_image:
        raise ValueError(
            f"Examples of shape {shape} are not images, so they cannot be drawn. Write them with "
            f"--out {out.stem}.npy."
        )
    with atomic_write(out, replace=overwrite) as new:
        if out.suffix.lower() == ".png":
            draw(_in_unit_range(examples)).savefig(new, dpi=120)
        else:
            np.save(new, examples)
    return out


def _in_unit_range(images: np.ndarray) -> np.ndarray:
    """Returns images as they are, or stretched to [0, 1] if they exceed that range."""
    low, high = images.min(), images.max()
    return images if low >= 0 and high <= 1 else (images - low) / max(high - low, 1e-12)


def free_name(path: Path, ending: str = "") -> Path:
    """Returns `path` with an ending; if that exists, with the first free number, from 2 on."""
    numbers = itertools.chain([""], (f"-{i}" for i in itertools.count(2)))
    names = (path.with_name(f"{path.name}{number}{ending}") for number in numbers)
    return next(name for name in names if not name.exists())
