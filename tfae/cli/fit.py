"""`tfae fit RUN`."""

from __future__ import annotations

from pathlib import Path

import click

from tfae import evaluation
from tfae.cli.console import console
from tfae.cli.options import load_split, open_data, unseen_split
from tfae.cli.runs import read_run, replace_model
from tfae.priors import FITTED

_EXAMPLES = 20_000  # at most, that a density is fitted to


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--prior",
    type=click.Choice([*sorted(FITTED), "none"]),
    help="A density of the codes of the training data, which `generate` draws from; none drops it.",
)
@click.option(
    "--false-positive-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="The anomaly score that this part of normal examples exceeds: the threshold of anomalies, "
    "found on validation data, or else on test data.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the density.")
def fit(run: Path, prior: str | None, false_positive_rate: float | None, seed: int) -> None:
    """Fit a density of codes or an anomaly threshold to a trained model.

    They are kept in the run, and go with the model where it is exported to.
    """
    if prior is None and false_positive_rate is None:
        raise ValueError("Say what to fit: --prior KIND, --false-positive-rate RATE, or both.")
    model, config = read_run(run)
    source, of_data = open_data(config["data"]), config["data"]
    reading = {"labels": of_data["labels"], "shuffle": False}
    done = []
    if false_positive_rate is not None:
        split = unseen_split(source, of_data)
        with console.status("scoring"):
            dataset = load_split(source, of_data, split, 256, **reading)
            model.fit_threshold(dataset, false_positive_rate)
        done.append(
            f"Anomalies score above [bold]{model.threshold:.6g}[/], as {false_positive_rate:g} of "
            f"normal {split} data does"
        )
    if prior == "none":
        model.forget_prior()
        done.append("No density of codes any more")
    elif prior is not None:
        with console.status("fitting a density of the codes"):
            dataset = load_split(source, of_data, "train", 256, **reading)
            sample = evaluation.random_sample(dataset, _EXAMPLES, seed)
            model.fit_prior(sample, prior, seed=seed)
        done.append(f"A density of codes, {prior}, fitted to training data")
    replace_model(run, model)
    for what in done:
        console.print(f"{what}: kept in {run}")
