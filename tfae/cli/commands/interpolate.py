"""`tfae interpolate RUN`."""

from __future__ import annotations

from pathlib import Path

import click

from tfae.cli.console import console, shown
from tfae.cli.errors import Command
from tfae.cli.outputs import examples_of_run, write_examples
from tfae.cli.shared_options import count

KINDS = ("linear", "spherical")  # a test compares it with that of tfae.latent


@click.command(cls=Command)
@count("-n", "--number", default=8, help="How many pairs of examples to interpolate between.")
@count(
    "--steps",
    default=10,
    least=2,
    help="How many codes to decode for each pair, including both ends.",
)
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="Path between two codes: a straight line, or an arc around the origin.",
)
@examples_of_run(seed_of="Seed for choosing the examples.")
def interpolate(
    run: Path, number: int, steps: int, kind: str, seed: int, out: Path | None, overwrite: bool
) -> None:
    """Decode codes on paths between pairs of held-out examples.

    A conditional model decodes each code with the class of the nearer example, and the code half
    way with the class of the first.
    """
    import numpy as np

    from tfae import latent, pictures
    from tfae.cli.held_out_codes import decode_rows, held_out_codes

    model, codes, label = held_out_codes(run, 2 * number, seed)
    if len(codes) < 2:
        raise ValueError("A path needs two examples, but there is only one held-out example.")
    number = len(codes) // 2
    ends = np.random.default_rng(seed).permutation(len(codes))
    first, last = ends[: 2 * number].reshape(-1, 2).T
    paths = latent.interpolate(codes[first], codes[last], steps, kind)
    nearer = np.where(np.arange(steps) < steps / 2, first[:, None], last[:, None])
    examples = decode_rows(model, paths, None if label is None else label[nearer])
    shape = examples.shape[2:]
    default = run / "generated" / "interpolations"
    out = write_examples(examples, out, default, shape, pictures.image_rows, overwrite)
    console.print(
        f"{number} {kind} paths of {steps} examples of shape {shape}: [bold]{shown(out)}[/]"
    )
