"""`tfae generate RUN`."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from tfae import pictures
from tfae.cli.console import console
from tfae.cli.runs import read_run
from tfae.export.whole import whole


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-n", "--number", type=click.IntRange(1), default=64, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A .png for a picture of all, a .npy for the numbers.  [default: samples.png for images, "
    "else samples.npy]",
)
def generate(run: Path, number: int, seed: int, out: Path | None) -> None:
    """Draw new examples from a trained model."""
    model, _ = read_run(run)
    if out is not None and out.suffix.lower() not in (".png", ".npy"):
        raise ValueError(f"--out must end in .png or .npy, received {out}.")
    examples = model.generate(number, seed=seed)
    is_image = examples.ndim == 4 and examples.shape[-1] in (1, 3)
    out = out or Path("samples.png" if is_image else "samples.npy")
    if out.suffix.lower() == ".png" and not is_image:
        raise ValueError(
            f"{run} generates examples of shape {examples.shape[1:]}, which are no images; write "
            "them with --out samples.npy."
        )
    with whole(out, replace=True) as new:
        if out.suffix.lower() == ".png":
            pictures.image_grid(examples).savefig(new, dpi=120)
        else:
            np.save(new, examples)
    console.print(f"{number} examples of shape {examples.shape[1:]}, seed {seed}: [bold]{out}[/]")
