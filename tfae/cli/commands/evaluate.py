"""`tfae evaluate RUN`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tfae.cli.console import console, measurements
from tfae.cli.data_options import held_out_split, open_data
from tfae.cli.errors import Command
from tfae.cli.shared_options import RUN, count, seed


@click.command(cls=Command)
@RUN
@click.option("--split", help="Split to evaluate on.  [default: test, else validation, else train]")
@click.option("--data", help="Evaluate on other data than the run's own.")
@click.option("--data-dir", help="Another folder of prepared TensorFlow Datasets.")
@count(
    "--importance-samples",
    default=0,
    least=0,
    help="Estimate log p(x) of a variational model with this many samples per example.",
)
@click.option(
    "--features",
    metavar="FILE|data",
    help="Compare generated with held-out data by precision, recall and Fréchet distance. FILE: "
    "in the output space of this .keras model. data: in the space of the data itself.",
)
@seed("Seed of random draws.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def evaluate(
    run: Path,
    split: str | None,
    data: str | None,
    data_dir: str | None,
    importance_samples: int,
    features: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Measure a trained model on held-out data.

    The numbers are also written to RUN/evaluation.json, unless --data is given.
    """
    from tfae.cli.finished_run import changing, read_run, why_not_generating
    from tfae.cli.json_files import read_json, write_json
    from tfae.cli.measured_run import measure
    from tfae.cli.model_file import load_model

    model, config = read_run(run)
    file = run / "evaluation.json"
    if not data and file.exists():
        read_json(file)  # before measuring, which takes a while
    of_data = config["data"]
    if data or data_dir:
        of_data.update(data=data or of_data["data"], data_dir=data_dir)
    if data:
        of_data["validation_split"] = 0.0  # none of it was used in training
    if features is not None and getattr(model, "sampling_prior", None) is None:
        raise ValueError(f"--features compares generated data. {why_not_generating(run, model)}")
    source = open_data(of_data)
    split = split or held_out_split(source, of_data)
    space = features if features in (None, "data") else load_model(Path(features))
    measured = measure(model, source, config, split, importance_samples, space, seed)
    if not data:
        with changing(run):
            before = read_json(file) if file.exists() else {}
            write_json(file, {**before, split: {**before.get(split, {}), **measured}})
    if as_json:
        click.echo(json.dumps({split: measured}, indent=2))
        return
    title = f"{type(model).__name__} on {source.name}, {split}"
    console.print(measurements(title, measured))
