"""`tfae encode RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfae.cli.apply.options import checked_out, of_applying
from tfae.cli.data_kinds import TABLES, kind_of
from tfae.cli.errors import Command

_ALLOWED = {
    "table": (*TABLES, ".npy"),
    "array": (".npy", *TABLES),
    "images": (*TABLES, ".npy"),
}


@click.command(cls=Command)
@of_applying(
    "File to write: a table (.csv, .tsv, .csv.gz or .parquet) of the data's columns and the codes, "
    "or .npy for the codes alone.  [default: beside the data, such as new.encoded.csv]"
)
def encode(
    run: Path,
    data: str,
    out: Path | None,
    overwrite: bool,
    **reading: Any,
) -> None:
    """Write the codes of data to a file.

    A table keeps its columns and gets code_0, code_1, ...; images are listed by their paths.
    """
    out = checked_out(out, data, overwrite, _ALLOWED[kind_of(data)], "encoded")

    from tfae.cli.apply.apply import apply
    from tfae.cli.apply.summary import report
    from tfae.cli.apply.verbs import Encode

    applied = apply(
        Encode,
        run,
        data,
        out,
        overwrite=overwrite,
        **reading,
    )
    report(applied, "encoded", out)
