"""`tfae impute RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfae.cli.apply.options import checked_out, of_applying
from tfae.cli.data_kinds import TABLES, kind_of
from tfae.cli.errors import Command
from tfae.cli.shared_options import Whole, seed

_ALLOWED = {"table": TABLES, "array": (".npy",)}


@click.command(cls=Command)
@of_applying(
    "File to write: a table for a table, .npy for an array.  [default: beside the data, such as "
    "new.imputed.csv]"
)
@click.option(
    "--samples",
    type=Whole(1),
    help="Codes that a variational model draws for each example.  [default: the model's, 100]",
)
@seed("Seed of the samples.")
def impute(
    run: Path,
    data: str,
    out: Path | None,
    overwrite: bool,
    samples: int | None,
    seed: int,
    **reading: Any,
) -> None:
    """Fill in the missing values of data.

    Empty cells of a table and NaN in an array are missing; all other values stay as they are. The
    run must have been trained with --missing mask, as runs on tables of several kinds of columns
    are.
    """
    kind = kind_of(data)
    if kind == "images":
        raise ValueError("Images have no missing values to fill in. Use a table or an array.")
    out = checked_out(out, data, overwrite, _ALLOWED[kind], "imputed")

    from tfae.cli.apply.apply import apply
    from tfae.cli.apply.summary import report
    from tfae.cli.apply.verbs import Impute

    applied = apply(
        Impute,
        run,
        data,
        out,
        overwrite=overwrite,
        **reading,
        samples=samples,
        seed=seed,
    )
    report(applied, "imputed", out)
