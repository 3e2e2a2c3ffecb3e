"""`tfae traverse RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfae.cli.console import console, shown
from tfae.cli.errors import Command
from tfae.cli.outputs import examples_of_run, write_examples
from tfae.cli.shared_options import count

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

_LOOKED_AT = 2000  # examples whose codes determine the range of each dimension


@click.command(cls=Command)
@count(
    "-n",
    "--number",
    default=16,
    help="How many latent dimensions to change, at most; those that vary most are chosen.",
)
@count("--steps", default=10, least=2, help="How many values to decode for each dimension.")
@examples_of_run(seed_of="Seed for choosing the example.")
def traverse(
    run: Path, number: int, steps: int, seed: int, out: Path | None, overwrite: bool
) -> None:
    """Decode an example with one latent dimension changed.

    The example is a held-out one. Each row changes one dimension, from the 1st to the 99th
    percentile of its values in held-out examples. A conditional model uses the class of the example
    throughout.
    """
    import numpy as np

    from tfae import latent, pictures
    from tfae.cli.held_out_codes import decode_rows, held_out_codes

    model, codes, label = held_out_codes(run, _LOOKED_AT, seed)
    chosen = np.random.default_rng(seed).integers(len(codes))
    dimensions = np.sort(np.argsort(-codes.std(axis=0))[:number])
    low, high = np.percentile(codes, (1, 99), axis=0)
    rows = [
        latent.traverse(codes[chosen], d, np.linspace(low[d], high[d], steps)) for d in dimensions
    ]
    examples = decode_rows(model, np.stack(rows), None if label is None else label[chosen])
    shape = examples.shape[2:]

    def draw(images: np.ndarray) -> Figure:
        return pictures.image_rows(images, [str(d) for d in dimensions])

    default = run / "generated" / "traversals"
    out = write_examples(examples, out, default, shape, draw, overwrite)
    names = ", ".join(map(str, dimensions))
    console.print(
        f"Dimensions {names}, {steps} examples of shape {shape} each: [bold]{shown(out)}[/]"
    )
