"""`tfae reconstruct RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfae.cli.apply.options import checked_out, of_applying
from tfae.cli.data_kinds import TABLES, kind_of
from tfae.cli.errors import Command

_ALLOWED = {"table": TABLES, "array": (".npy",), "images": ("",)}


@click.command(cls=Command)
@of_applying(
    "File or folder to write: a table for a table, .npy for an array, a folder for images.  "
    "[default: beside the data, such as new.reconstructed.csv]"
)
def reconstruct(
    run: Path,
    data: str,
    out: Path | None,
    overwrite: bool,
    **reading: Any,
) -> None:
    """Write data as the model reconstructs it.

    The result has the units and types of the data. A denoising model gives the data without its
    noise. A folder of images gives a folder of images under the same paths, and scores.csv.
    """
    kind = kind_of(data)
    out = checked_out(out, data, overwrite, _ALLOWED[kind], "reconstructed")

    from tfae.cli.apply.apply import apply
    from tfae.cli.apply.summary import report
    from tfae.cli.apply.verbs import Reconstruct

    applied = apply(
        Reconstruct,
        run,
        data,
        out,
        overwrite=overwrite,
        **reading,
        scores=kind == "images",
    )
    report(applied, "reconstructed", out)
