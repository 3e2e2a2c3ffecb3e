"""Trains a model and makes the folder of its run, for `tfae train` and `tfae demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras

from tfae import data
from tfae.cli.circumstances import circumstances
from tfae.cli.console import console, shown
from tfae.cli.data_options import DATA, held_out_split, open_data
from tfae.cli.drawing import draw_pictures
from tfae.cli.epochs import train_epochs
from tfae.cli.errors import in_terms_of_options, one_line
from tfae.cli.history import History, write_history
from tfae.cli.interrupts import sigterm_as_ctrl_c
from tfae.cli.json_files import write_json
from tfae.cli.measured_run import measure
from tfae.cli.model_names import model_class
from tfae.cli.new_model import new_model, scaling_of_model
from tfae.cli.partial_run import PartialRun


class MadeRun(NamedTuple):
    """What a command reports about a run that it has made.

    Attributes:
        model: The trained model.
        measured: Its measurements on held-out data, from `measure`; empty if that failed.
        split: The split that it was measured on.
        problems: What failed after training, a sentence each; also stored in config.json.
    """

    model: keras.Model
    measured: dict[str, float]
    split: str
    problems: list[str]


def make_run(
    config: dict[str, Any],
    out: Path,
    interrupted: Literal["refuse", "resume", "discard"] = "refuse",
) -> MadeRun:
    """Trains a model and makes the folder of its run.

    Args:
        config: "model", "hyperparameters", "data" and "training"; stored with the run.
        out: Folder of the run, which must not exist.
        interrupted: What to do if a run to the same folder was interrupted.

    Raises:
        ValueError: If the data, the model or an option cannot be used as asked.
        KeyboardInterrupt: On Ctrl-C and SIGTERM; the run can be resumed then.
    """
    run = PartialRun(out)
    source = open_data(config["data"])
    if config["data"]["validation_split"] is None:
        config["data"]["validation_split"] = 0.0 if "validation" in source.splits else 0.1
    description = source.describe("train", config["data"]["validation_split"])
    if config["data"]["labels"] and not description.has_labels:
        who = "--labels" if not model_class(config["model"]).conditional else "This model"
        raise ValueError(
            f"{who} needs labels, but {source.name!r} has none. They come from class subfolders of "
            "images, an array 'y' in an .npz file, or a column 'label' (or --label-column) of a "
            ".csv file."
        )
    scaling = scaling_of_model(config, source)
    config["data"] |= _how_it_was_read(config["data"], source)
    with run.claimed({**config, **circumstances()}, interrupted), sigterm_as_ctrl_c():
        state = run.checkpoints.last()
        model, history = state or (new_model(config, description, scaling, source.schema), [])
        if len(history) > config["training"]["epochs"]:
            raise ValueError(
                f"The interrupted run has finished {len(history)} epochs, so --epochs must be at "
                f"least {len(history)}; received {config['training']['epochs']}."
            )
        _announce(config, source, model, history, interrupted)
        train_epochs(model, source, config, run, history)
        return _finish(model, source, config, run, history)


def _how_it_was_read(of_data: dict[str, Any], source: data.Source) -> dict[str, Any]:
    """Returns what has to be known to read other data as this data was read."""
    split = "train" if "train" in source.splits else source.splits[0]
    columns = source.describe(split).column_names
    if source.schema is not None:
        return {"schema": source.schema.get_config()}
    read = {"dtype": str(source.examples(split).dtype), "columns": columns and list(columns)}
    if of_data["scale"] == "auto":  # the model has any other
        read["scaling"] = source.scaling(of_data["scale"], of_data["validation_split"]).get_config()
    return read


def _announce(
    config: dict[str, Any],
    source: data.Source,
    model: keras.Model,
    history: History,
    interrupted: str,
) -> None:
    of_data = config["data"]
    description = source.describe("train", of_data["validation_split"])
    examples = f"{description.num_examples:,} training"
    if of_data["validation_split"]:
        held_out = source.describe("validation", of_data["validation_split"]).num_examples
        examples += f" and {held_out:,} validation"
    weights = f", {model.count_params():,} weights" if model.built else ""
    console.print(
        f"{type(model).__name__}{weights}, on {shown(source.name)}: {examples} examples of shape "
        f"{description.shape}"
    )
    if source.schema is not None and not history:
        described = source.schema.describe()
        console.print(in_terms_of_options(described, DATA), markup=False, soft_wrap=True)
    if history:
        console.print(f"Resuming after epoch {len(history)}.")
    elif interrupted == "resume":
        console.print("Nothing to resume: starting with the first epoch.")


def _finish(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    run: PartialRun,
    history: History,
) -> MadeRun:
    """Completes the run's folder, even if measuring or drawing fails."""
    folder = run.begin_finishing()
    model.save(folder / "model.keras")  # before measuring, which draws noise
    write_history(folder / "history.csv", history)
    split, problems = held_out_split(source, config["data"]), []
    try:
        measured = measure(model, source, config, split)
    except Exception as error:
        measured = {}
        problems.append(f"Measuring on {split} data failed: {one_line(error)}")
    write_json(folder / "evaluation.json", {split: measured} if measured else {})
    seed = config["training"]["seed"]
    try:
        failed = draw_pictures(model, source, config, history, folder / "pictures", seed)
        problems += [f"Drawing {name}.png failed: {one_line(e)}" for name, e in failed.items()]
    except Exception as error:
        problems.append(f"Drawing failed: {one_line(error)}")
    noted = {"problems": problems} if problems else {}
    classes = source.describe("train").class_names
    write_json(
        folder / "config.json",
        {**config, "classes": classes and list(classes), **circumstances(), **noted},
    )
    if source.schema is not None:
        source.schema.to_json(folder / "schema.json")
    run.finish()
    for problem in problems:
        console.print(f"[bold]Incomplete.[/] {shown(problem)}")
    return MadeRun(model, measured, split, problems)
