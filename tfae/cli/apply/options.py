"""The options shared by the commands on data, and where their results go."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

import click

from tfae.cli.data_kinds import ending_of
from tfae.cli.shared_options import OVERWRITE, PATH, RUN, Whole


def of_applying(out_help: str) -> Any:
    """Returns a decorator that adds RUN and the shared options.

    Those that only say how data is read are for `tfae.cli.apply.apply`; commands pass them on.
    """
    options = (
        RUN,
        click.option(
            "--data",
            required=True,
            metavar="NAME|PATH",
            help="A table (.csv, .tsv, .csv.gz or .parquet), a .npy or .npz file, a folder of "
            "images, or a name that `tfae train` takes.",
        ),
        click.option("--out", type=PATH, help=out_help),
        OVERWRITE,
        click.option(
            "--batch-size",
            type=Whole(1),
            default=256,
            show_default=True,
            help="Examples that the model takes at a time.",
        ),
        click.option("--split", help="Split of data that has several, such as test."),
        click.option(
            "--delimiter",
            metavar="CHARACTER",
            help="What stands between the cells of a .csv file.  [default: detected]",
        ),
    )

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def checked_out(
    out: Path | None, data: str, overwrite: bool, allowed: tuple[str, ...], done: str
) -> Path:
    """Returns where the result goes, after checking it before anything is read.

    Args:
        out: The file or folder, or `None` for one beside the data, such as `new.encoded.csv`. The
            result of data that has a name is in the working folder.
        data: Name or path of what is read.
        overwrite: Whether a file may be replaced.
        allowed: Endings that the name may have; empty text for a folder. The first one is the
            default, unless the ending of the data is among them.
        done: What was done, such as "encoded".

    Raises:
        ValueError: If it has another ending, is the data itself, or exists and is not to be
            overwritten.
    """
    if not data:
        raise ValueError("--data is empty: give a name or a path.")
    source = Path(data).expanduser()
    if out is None:
        out = _default(source, allowed, done)
    ending = ending_of(out)
    if ending not in allowed or (not ending and _is_of_a_file(out)):
        endings = " or ".join(filter(None, allowed))
        kinds = [f"a file that ends in {endings}"] if endings else []
        kinds += ["a folder"] if "" in allowed else []
        raise ValueError(f"--out must be {' or '.join(kinds)} for this data; received {out}.")
    new, old = out.resolve(), source.resolve()
    if source.exists() and (new == old or (source.is_dir() and old in new.parents)):
        raise ValueError(f"--out {out} is the data itself, or inside it. Choose another --out.")
    if out.exists() and not overwrite:
        raise ValueError(f"{out} exists already. Choose another --out, or add --overwrite.")
    if out.exists() and out.is_dir() != (ending == ""):
        kind = "a folder" if out.is_dir() else "a file"
        raise ValueError(f"{out} is {kind}. Choose another --out.")
    return out


def _is_of_a_file(path: Path) -> bool:
    """Whether a name without an ending of ours looks like that of a file, such as notes.txt."""
    return not path.is_dir() and mimetypes.guess_type(path.name)[0] is not None


def _default(source: Path, allowed: tuple[str, ...], done: str) -> Path:
    if source.is_file():
        ending = ending_of(source)
        name = source.name.removesuffix(source.name[-len(ending) :]) if ending else source.stem
        return source.with_name(f"{name}.{done}{ending if ending in allowed else allowed[0]}")
    name = source.name if source.exists() else str(source).replace("/", "-").replace(":", "-")
    return (source.parent if source.exists() else Path()) / f"{name}.{done}{allowed[0]}"
