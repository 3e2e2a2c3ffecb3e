"""`tfae generate RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfae.cli.console import console, shown
from tfae.cli.data_kinds import TABLES, ending_of
from tfae.cli.errors import Command
from tfae.cli.outputs import examples_of_run, free_name, write_examples
from tfae.cli.shared_options import count

if TYPE_CHECKING:
    import keras


@click.command(cls=Command)
@count("-n", "--number", "--rows", "number", default=64, help="How many examples to draw.")
@click.option(
    "--label", help="Class of all examples, by its name or its number.  [default: any class]"
)
@click.option(
    "--sample",
    is_flag=True,
    help="Draw data from the likelihood, such as zeros and ones, instead of its means. The rows of "
    "a table of several kinds of columns are always drawn.",
)
@examples_of_run(seed_of="Seed of the draws.", tables=True)
def generate(
    run: Path,
    number: int,
    label: str | None,
    sample: bool,
    seed: int,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Draw new examples from a trained model."""
    from tfae.cli.finished_run import read_run, why_not_generating

    model, config = read_run(run)

    from tfae import pictures
    from tfae.cli.apply.writer import write_rows

    if getattr(model, "sampling_prior", None) is None:
        raise ValueError(why_not_generating(run, model))
    of_class = None if label is None else _class_number(run, model, config, label)
    examples = model.generate(number, seed=seed, label=of_class, sample=sample or None)
    default = run / "generated" / "samples"
    names = config["data"].get("columns")
    which = "" if label is None else f" of class {shown(label)}"
    is_table = getattr(model, "schema", None) is not None
    if is_table or (out is not None and ending_of(out) in TABLES):
        out = write_rows(examples, model, names, out or free_name(default, ".csv"), overwrite)
        console.print(f"{number} rows{which}, seed {seed}: [bold]{shown(out)}[/]")
        return
    shape = examples.shape[1:]
    out = write_examples(examples, out, default, shape, pictures.image_grid, overwrite)
    console.print(f"{number} examples{which} of shape {shape}, seed {seed}: [bold]{shown(out)}[/]")


def _class_number(run: Path, model: keras.Model, config: dict[str, Any], label: str) -> int:
    """Returns the number of a class, or raises `ValueError` that lists the classes."""
    if model.num_classes is None:
        raise ValueError(f"{type(model).__name__} has no classes to choose from; omit --label.")
    names = config.get("classes") or []
    if label in names:
        number = names.index(label)
    elif label.isascii() and label.isdigit() and int(label) < model.num_classes:
        number = int(label)
    else:
        named = f" ({', '.join(map(str, names))})" if names else ""
        raise ValueError(
            f"--label must be one of the {model.num_classes} classes of the model, 0 to "
            f"{model.num_classes - 1}{named}; received {label}."
        )
    if model.fitted_prior is not None and not model.conditional:
        raise ValueError(
            f"The density that was fitted to the codes of {run} does not depend on the class. Omit "
            f"--label, or remove the density with `tfae fit {run} --prior none`."
        )
    return number
