"""What the commands on data print when they are done."""

from __future__ import annotations

from pathlib import Path

from tfae.cli.apply.apply import Applied
from tfae.cli.apply.oddest import Oddest
from tfae.cli.console import console, shown, table_of


def report(applied: Applied, done: str, out: Path | None) -> None:
    """Says how many examples there were, and where the result is."""
    for note in applied.reader.notes():
        console.print(f"Note: {shown(note)}", soft_wrap=True)
    where = "" if out is None else f": [bold]{shown(out)}[/]"
    console.print(
        f"{applied.examples:,} {applied.reader.counted} of {shown(applied.reader.name)} {done} in "
        f"{applied.seconds:.1f} s{where}",
        soft_wrap=True,
    )


def report_scores(applied: Applied, oddest: Oddest, run: Path) -> None:
    """Prints the oddest examples, and how many are anomalies."""
    odd = oddest.rows()
    reader, threshold = applied.reader, applied.model.threshold
    has_columns = any(row.worst_column is not None for row in odd)
    columns = (reader.place, "anomaly score", *(["worst column"] if has_columns else []))
    columns += () if threshold is None else ("is anomaly",)
    rows = {}
    for row in odd:
        cells = [f"{row.score:.6g}"]
        cells += [str(row.worst_column)] if has_columns else []
        cells += [] if threshold is None else ["yes" if row.is_anomaly else "no"]
        rows[str(row.place)] = tuple(cells)
    console.print(table_of(f"The oddest {reader.counted} of {reader.name}", rows, columns))
    if threshold is None:
        console.print(
            f"No threshold yet: `tfae fit {shown(run)} --false-positive-rate 0.01` fits one, and "
            "then `tfae score` says which are anomalies.",
            soft_wrap=True,
        )
    else:
        rate = applied.model.false_positive_rate
        console.print(
            f"{oddest.anomalies:,} of {applied.examples:,} are anomalies: they score above "
            f"{threshold:.6g}, as {rate:g} of normal data does.",
            soft_wrap=True,
        )
