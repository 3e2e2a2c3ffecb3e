"""`tfae generate RUN`."""

from __future__ import annotations

from pathlib import Path

import click
import keras

from tfae import evaluation, pictures
from tfae.cli.console import console
from tfae.cli.options import load_split, open_data
from tfae.cli.outputs import OUT, check_out, write_examples
from tfae.cli.runs import read_run
from tfae.priors import FITTED

_FITTED = 20_000  # examples at most that a prior is fitted to


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-n", "--number", type=click.IntRange(1), default=64, show_default=True)
@click.option(
    "--fit-prior",
    type=click.Choice(sorted(FITTED)),
    help="Draw from a density fitted to the codes of the training data: for models without a prior "
    "of their own.",
)
@click.option("--label", type=click.IntRange(0), help="Class of all examples.  [default: any]")
@click.option("--seed", type=int, default=0, show_default=True)
@OUT
def generate(
    run: Path,
    number: int,
    fit_prior: str | None,
    label: int | None,
    seed: int,
    out: Path | None,
) -> None:
    """Draw new examples from a trained model."""
    check_out(out)
    model, config = read_run(run)
    if label is not None:
        _check_label(model, label, fit_prior)
    if fit_prior:
        source, of_data = open_data(config["data"]), config["data"]
        dataset = load_split(source, of_data, "train", 256, labels=of_data["labels"], shuffle=False)
        model.fit_prior(evaluation.random_sample(dataset, _FITTED, seed), fit_prior, seed=seed)
    elif model.sampling_prior is None:
        raise ValueError(
            f"{type(model).__name__} has no distribution over codes to draw from; fit one with "
            f"--fit-prior {model.prior_kinds[0]}."
        )
    examples = model.generate(number, seed=seed, label=label)
    shape = examples.shape[1:]
    out = write_examples(examples, out, "samples", shape, pictures.image_grid)
    of_class = "" if label is None else f" of class {label}"
    console.print(f"{number} examples{of_class} of shape {shape}, seed {seed}: [bold]{out}[/]")


def _check_label(model: keras.Model, label: int, fit_prior: str | None) -> None:
    """Says which classes there are, before anything is computed."""
    if model.num_classes is None:
        raise ValueError(f"{type(model).__name__} has no classes to choose from; omit --label.")
    if label >= model.num_classes:
        raise ValueError(
            f"--label must be one of the {model.num_classes} classes of the model, 0 to "
            f"{model.num_classes - 1}; received {label}."
        )
    if fit_prior and not model.conditional:
        raise ValueError(
            f"The density of --fit-prior {fit_prior} knows no classes; omit it or --label."
        )
