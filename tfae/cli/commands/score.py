"""`tfae score RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfae.cli.apply.options import checked_out, of_applying
from tfae.cli.data_kinds import TABLES, ending_of, kind_of
from tfae.cli.errors import Command

_ALLOWED = {
    "table": (*TABLES, ".npy"),
    "array": (".npy", *TABLES),
    "images": ("", *TABLES, ".npy"),
}


@click.command(cls=Command)
@of_applying(
    "File to write: a table (.csv, .tsv, .csv.gz or .parquet) of the data's columns and the "
    "scores, or .npy for the scores alone. For images also a folder, which gets scores.csv and "
    "pictures of the scores by pixel.  [default: none, the oddest examples are printed]"
)
def score(
    run: Path,
    data: str,
    out: Path | None,
    overwrite: bool,
    **reading: Any,
) -> None:
    """Score how anomalous data is, and print the oddest examples.

    A table keeps its columns and gets anomaly_score, is_anomaly, and worst_column, the one that
    contributes most to the score. There is no is_anomaly before a threshold has been fitted with
    `tfae fit RUN --false-positive-rate RATE`.
    """
    if out is not None:
        out = checked_out(out, data, overwrite, _ALLOWED[kind_of(data)], "scored")

    from tfae.cli.apply.apply import apply
    from tfae.cli.apply.oddest import Oddest
    from tfae.cli.apply.summary import report, report_scores
    from tfae.cli.apply.verbs import Score

    oddest = Oddest()
    applied = apply(
        Score,
        run,
        data,
        out,
        overwrite=overwrite,
        **reading,
        watch=oddest.watch,
        score_map=out is not None and not ending_of(out),
    )
    report_scores(applied, oddest, run)
    report(applied, "scored", out)
