"""`tfae list`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from tfae.cli import models, objects
from tfae.cli.console import console
from tfae.data.tfds import data_folder
from tfae.networks import ARCHITECTURES


@click.command("list")
def list_() -> None:
    """List models, architectures and data."""
    table = _table("Models", "for `tfae train MODEL`")
    for name, cls in models.commands().items():
        table.add_row(name, models.first_sentence(cls))
    console.print(table)

    table = _table("Architectures", "for `--architecture`")
    for name, builder in ARCHITECTURES.items():
        table.add_row(name, models.first_sentence(builder))
    console.print(table)

    table = _table("Objects", "for options that take them, as NAME or NAME:argument=value,...")
    for name, cls in sorted(objects.classes().items()):
        table.add_row(name, models.first_sentence(cls))
    console.print(table)

    table = _table("Data", "for `--data`")
    table.add_row("digits", "1,797 handwritten digits, 8x8, that come with scikit-learn.")
    folder = data_folder()
    table.add_row(
        "a TensorFlow Datasets name",
        f"Prepared in {folder}: {', '.join(_prepared(folder)) or 'none'}.",
    )
    table.add_row("a folder", "Images (.png, .jpg, .bmp, .gif), class subfolders being labels.")
    table.add_row("a file", ".npy, .npz or .csv.")
    console.print(table)


def _table(title: str, remark: str) -> Table:
    table = Table(
        title=f"{title} [dim]{remark}[/]",
        title_style="bold",
        title_justify="left",
        show_header=False,
        box=None,
        padding=(0, 2, 0, 2),
    )
    table.add_column(no_wrap=True)
    table.add_column()
    return table


def _prepared(folder: Path) -> list[str]:
    infos = folder.glob("*/**/dataset_info.json")
    return sorted({path.relative_to(folder).parts[0] for path in infos})
