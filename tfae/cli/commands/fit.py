"""`tfae fit RUN`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfae.cli.console import console, shown
from tfae.cli.data_options import load_split, open_data, unseen_split
from tfae.cli.errors import Command
from tfae.cli.shared_options import RUN, Number, seed

if TYPE_CHECKING:
    import keras

FITTED = ("categorical", "gaussian", "gaussian_mixture")  # a test compares it with tfae.priors
_EXAMPLES = 20_000  # that a density is fitted to, at most


@click.command(cls=Command)
@RUN
@click.option(
    "--prior",
    type=click.Choice([*FITTED, "none"]),
    help="Fit a density of this kind to the codes of the training data, for `tfae generate` to "
    "draw from. none: remove it.",
)
@click.option(
    "--false-positive-rate",
    type=Number(0, 1, min_open=True, max_open=True),
    help="Set the anomaly threshold so that this fraction of normal examples scores above it. "
    "Validation data is used, or else test data.",
)
@seed("Seed of fitting the density.")
def fit(run: Path, prior: str | None, false_positive_rate: float | None, seed: int) -> None:
    """Fit a density of codes or an anomaly threshold.

    They are stored in the run, and exported with the model.
    """
    if prior is None and false_positive_rate is None:
        raise ValueError("Say what to fit: --prior KIND, --false-positive-rate RATE, or both.")

    from tfae.cli.finished_run import changing, read_run, replace_model

    with changing(run) if run.is_dir() else contextlib.nullcontext():
        model, config = read_run(run)
        done = []
        if false_positive_rate is not None:
            done.append(_fit_threshold(model, config, false_positive_rate))
        if prior not in (None, "none", *model.prior_kinds):
            raise ValueError(
                f"--prior must be {' or '.join(model.prior_kinds)} for the codes of "
                f"{type(model).__name__}; received {prior}."
            )
        if prior == "none":
            model.forget_prior()
            done.append("The density of codes was removed")
        elif prior is not None:
            done.append(_fit_prior(model, config, prior, seed))
        replace_model(run, model)
    for what in done:
        console.print(f"{what}; saved in {shown(run)}")


def _fit_threshold(model: keras.Model, config: dict[str, Any], rate: float) -> str:
    import numpy as np

    from tfae.cli.out_of_range import num_outside

    of_data = config["data"]
    source = open_data(of_data)
    split = unseen_split(source, of_data)
    with console.status("Scoring"):
        dataset = load_split(
            model, source, of_data, split, 256, labels=of_data["labels"], shuffle=False
        )
        left_out = 0 if of_data["binarize"] else num_outside(model, source, of_data, split)
        scores = np.append(model.anomaly_score(dataset), np.full(left_out, np.inf))
        model.fit_threshold_to_scores(scores, rate)
    return (
        f"Scores above [bold]{model.threshold:.6g}[/] are anomalies; {rate:g} of the normal "
        f"{split} examples score higher"
    )


def _fit_prior(model: keras.Model, config: dict[str, Any], kind: str, seed: int) -> str:
    from tfae import evaluation

    of_data = config["data"]
    source = open_data(of_data)
    with console.status("Fitting a density of the codes"):
        dataset = load_split(
            model, source, of_data, "train", 256, labels=of_data["labels"], shuffle=False
        )
        sample = evaluation.random_sample(dataset, _EXAMPLES, seed)
        model.fit_prior(sample, kind, seed=seed)
    return f"A {kind} density of codes, fitted to training data"
