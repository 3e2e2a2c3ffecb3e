"""Reads data, applies a run's model to it, and writes what comes out, part by part."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tfae.cli.apply.fit_of_data import check_part
from tfae.cli.apply.open_reader import open_reader
from tfae.cli.apply.preparation import Preparation
from tfae.cli.apply.verbs import Verb
from tfae.cli.apply.writer import open_writer
from tfae.cli.console import console
from tfae.cli.finished_run import read_run
from tfae.cli.interrupts import sigterm_as_ctrl_c
from tfae.files import atomic_write

if TYPE_CHECKING:
    import keras

    from tfae.cli.apply.reader import Part, Reader
    from tfae.cli.apply.verbs import Result

_PART = 2**22  # approximate bytes of the numbers in a part


class Applied(NamedTuple):
    """What a command reports.

    Attributes:
        reader: The data.
        model: The run's model.
        examples: How many examples there were.
        seconds: How long it took.
    """

    reader: Reader
    model: keras.Model
    examples: int
    seconds: float


def apply(
    verb: type[Verb],
    run: Path,
    data: str,
    out: Path | None,
    *,
    overwrite: bool = False,
    batch_size: int = 256,
    split: str | None = None,
    delimiter: str | None = None,
    watch: Callable[[Reader, Part, Result], None] | None = None,
    **options: Any,
) -> Applied:
    """Applies a run's model to data.

    Args:
        verb: What to compute.
        run: Folder of the run.
        data: Name or path of the data.
        out: File or folder to write, or `None` to write nothing. It appears whole or not at all.
        overwrite: Whether it may replace a file.
        batch_size: How many examples the model takes at a time.
        split: Which split to use, if the data has several; `None` for the only one.
        delimiter: What stands between the cells of a .csv file; `None` to detect it.
        watch: Called with the result of each part.
        **options: Further arguments of the verb.

    Raises:
        ValueError: If the data cannot be used; the message says where and what to do.
    """
    model, config = read_run(run)
    verb.check(model)
    reader = open_reader(data, model, config, split, delimiter)
    preparation = Preparation(model, config, reader.dtype)
    compute = verb(model, preparation, reader, batch_size, **options)
    contract = model.data_contract()
    may_miss = getattr(model, "missing", None) == "mask"
    examples, start = 0, time.monotonic()
    with (
        _interruptible(),
        sigterm_as_ctrl_c(),
        _new(out, overwrite) as new,
        contextlib.closing(open_writer(new, reader)) as writer,
        _progress(verb.doing) as advance,
    ):
        for part in reader.parts(_rows_a_part(reader, batch_size)):
            x = preparation.apply(part.x, part.first)
            check_part(contract, part, x, reader, may_miss, verb.any_range)
            result = compute(part, _with_labels(model, part, x))
            writer.append(part, result)
            if watch is not None:
                watch(reader, part, result)
            examples += len(part.x)
            advance(examples, part.done)
        if not examples:
            raise ValueError(f"{reader.name} holds no {reader.counted}.")
        writer.finish()
    return Applied(reader, model, examples, time.monotonic() - start)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        console.print("\nInterrupted. Nothing was written.")
        raise click.exceptions.Exit(130) from None


@contextlib.contextmanager
def _new(out: Path | None, overwrite: bool) -> Iterator[Path | None]:
    if out is None:
        yield None
        return
    with atomic_write(out, replace=overwrite, merge=overwrite) as new:
        yield new


def _rows_a_part(reader: Reader, batch_size: int) -> int:
    rows = _PART // (4 * max(1, math.prod(reader.shape)))
    return batch_size * max(1, rows // batch_size)


def _with_labels(model: keras.Model, part: Part, x: np.ndarray) -> Any:
    if not model.conditional or part.label is None:
        return x
    return {"x": x, "label": part.label}


@contextlib.contextmanager
def _progress(doing: str) -> Iterator[Callable[[int, float | None], None]]:
    """Shows a bar on a terminal while the block runs; elsewhere nothing."""
    columns = (
        TextColumn(doing),
        BarColumn(),
        TextColumn("{task.fields[examples]:,}"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(doing, total=None, examples=0)

        def advance(examples: int, done: float | None) -> None:
            known = {} if done is None else {"total": 1.0, "completed": done}
            progress.update(task, examples=examples, **known)

        yield advance
