"""`tfae list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfae.cli import model_names, objects
from tfae.cli.console import console, shown
from tfae.cli.errors import Command
from tfae.endings import ARRAYS, IMAGES, TABLES

if TYPE_CHECKING:
    from rich.table import Table


@click.command("list", cls=Command)
def list_() -> None:
    """List models, architectures, objects and data."""
    from tfae.data.tfds import data_folder
    from tfae.hyperparameters import summary
    from tfae.networks import ARCHITECTURES

    table = _table("Models", "for `tfae train MODEL`")
    for name in model_names.command_names():
        table.add_row(name, shown(summary(model_names.model_class(name))))
    console.print(table)

    table = _table("Architectures", "for `--architecture`")
    for name, builder in ARCHITECTURES.items():
        table.add_row(name, shown(summary(builder)))
    console.print(table)

    table = _table("Objects", "for options that take them: NAME or NAME:argument=value,...")
    for name, cls in sorted(objects.classes().items()):
        table.add_row(name, shown(summary(cls)))
    console.print(table)

    table = _table("Data", "for `--data`")
    table.add_row("digits", "1,797 handwritten digits, 8x8, that come with scikit-learn.")
    folder = data_folder()
    table.add_row(
        "a TensorFlow Datasets name",
        shown(f"Prepared in {folder}: {', '.join(_prepared(folder)) or 'none'}."),
    )
    table.add_row("a folder", f"Images ({', '.join(IMAGES)}); subfolders are classes.")
    table.add_row("a table", f"{', '.join(TABLES)}, or a folder of these.")
    table.add_row("an array", f"{' or '.join(ARRAYS)}.")
    console.print(table)


def _table(title: str, remark: str) -> Table:
    from rich.table import Table

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
