"""`tfae generate RUN`."""

from __future__ import annotations

from pathlib import Path

import click
import keras

from tfae import pictures
from tfae.cli.console import console
from tfae.cli.outputs import OUT, check_out, write_examples
from tfae.cli.runs import read_run


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-n", "--number", type=click.IntRange(1), default=64, show_default=True)
@click.option("--label", type=click.IntRange(0), help="Class of all examples.  [default: any]")
@click.option("--seed", type=int, default=0, show_default=True)
@OUT
def generate(run: Path, number: int, label: int | None, seed: int, out: Path | None) -> None:
    """Draw new examples from a trained model."""
    check_out(out)
    model, _ = read_run(run)
    if model.sampling_prior is None:
        raise ValueError(
            f"{type(model).__name__} has no distribution over codes to draw from; fit one with "
            f"`tfae fit {run} --prior {model.prior_kinds[0]}`."
        )
    if label is not None:
        _check_label(run, model, label)
    examples = model.generate(number, seed=seed, label=label)
    shape = examples.shape[1:]
    out = write_examples(examples, out, "samples", shape, pictures.image_grid)
    of_class = "" if label is None else f" of class {label}"
    console.print(f"{number} examples{of_class} of shape {shape}, seed {seed}: [bold]{out}[/]")


def _check_label(run: Path, model: keras.Model, label: int) -> None:
    """Says which classes there are, before anything is computed."""
    if model.num_classes is None:
        raise ValueError(f"{type(model).__name__} has no classes to choose from; omit --label.")
    if label >= model.num_classes:
        raise ValueError(
            f"--label must be one of the {model.num_classes} classes of the model, 0 to "
            f"{model.num_classes - 1}; received {label}."
        )
    if model.fitted_prior is not None and not model.conditional:
        raise ValueError(
            f"The density that was fitted to the codes of {run} knows no classes; omit --label, or "
            f"drop the density: `tfae fit {run} --prior none`."
        )
