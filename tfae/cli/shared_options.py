"""Options that several commands share, and their types."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click


class _TextPath(click.Path):
    """A path that TensorFlow's file functions can use, too: they only support UTF-8."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if value == "":
            self.fail("The path is empty.", param, ctx)
        path = super().convert(value, param, ctx)
        try:
            str(path).encode()
        except UnicodeEncodeError:
            self.fail(f"The name {click.format_filename(path)!r} is not UTF-8.", param, ctx)
        return path


PATH = _TextPath(path_type=Path)
FILE = _TextPath(path_type=Path, dir_okay=False)

RUN = click.argument("run", type=PATH)

OVERWRITE = click.option(
    "--overwrite", is_flag=True, help="Replace the file of --out if it exists."
)


def count(*names: str, default: int, help: str, least: int = 1) -> Any:
    """Returns an option for a whole number that is not below `least`."""
    return click.option(*names, type=Whole(least), default=default, show_default=True, help=help)


def seed(what: str) -> Any:
    """Returns the option `--seed`, whose help text is `what`."""
    return click.option("--seed", type=SEED, default=0, show_default=True, help=what)


class Whole(click.IntRange):
    """A whole number in a range."""

    name = "integer"


class Number(click.FloatRange):
    """A finite number in a range."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class _Seed(click.ParamType):
    """An integer that every random generator accepts."""

    name = "N"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            number = int(value)
        except ValueError:
            number = -1
        if not 0 <= number < 2**31:
            self.fail(f"{value!r} is not a whole number from 0 to {2**31 - 1}.", param, ctx)
        return number


SEED = _Seed()
