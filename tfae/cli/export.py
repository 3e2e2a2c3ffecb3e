"""`tfae export RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import keras
import numpy as np

from tfae import data
from tfae import export as exports
from tfae.cli.console import console, table_of
from tfae.cli.options import held_out_split, load_split, open_data
from tfae.cli.runs import read_run

_MOST_EXAMPLES = 1000  # to calibrate on, and to measure on


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["saved-model", "tflite", "onnx"]),
    default="saved-model",
    show_default=True,
    help="saved-model for TensorFlow Serving, tflite for devices and browsers, onnx for others.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder of the versions of a saved-model, or the file.  [default: RUN/export/NAME, "
    "with the ending of the format]",
)
@click.option(
    "--version",
    type=click.IntRange(1),
    help="Of a saved-model.  [default: one above the highest in the folder]",
)
@click.option("--uint8", is_flag=True, help="A saved-model takes 8-bit images and scales them.")
@click.option(
    "--quantize",
    type=click.Choice(["float16", "dynamic", "int8"]),
    help="Makes a .tflite file smaller; int8 is calibrated on the run's training data.",
)
@click.option(
    "--float-io", is_flag=True, help="An int8 .tflite file takes and gives float32, for browsers."
)
@click.option(
    "--allow",
    multiple=True,
    metavar="NAME=BOUND",
    help="Write a .tflite file that is further from its model than the usual bound; the refusal "
    "names the bound.",
)
def export(
    run: Path,
    format_: str,
    out: Path | None,
    version: int | None,
    uint8: bool,
    quantize: str | None,
    float_io: bool,
    allow: tuple[str, ...],
) -> None:
    """Write a trained model for servers, devices or other programs."""
    of_format = {
        "saved-model": {"--version": version, "--uint8": uint8},
        "tflite": {"--quantize": quantize, "--float-io": float_io, "--allow": allow},
    }
    for other, options in of_format.items():
        for option, value in options.items():
            if value and format_ != other:
                raise ValueError(f"{option} is for --format {other}, not for {format_}.")
    with console.status("reading the model"):
        model, config = read_run(run)
    name = run.resolve().name
    if format_ == "saved-model":
        _saved_model(model, config, out or run / "export" / name, version, uint8)
    elif format_ == "tflite":
        path, bounds = out or run / "export" / f"{name}.tflite", _bounds(allow)
        with console.status("reading data to calibrate on and to measure on"):
            examples = _examples(config)
        with console.status("converting and measuring"):
            report = exports.tflite(
                model, path, quantize, float_io=float_io, allow=bounds, **examples
            )
        console.print(report)
    else:
        path = out or run / "export" / f"{name}.onnx"
        with console.status("converting"):
            exports.onnx(model, path)
        console.print(f"[bold]{path}[/], {path.stat().st_size / 1000:,.0f} kB")


def _bounds(allow: tuple[str, ...]) -> dict[str, float]:
    try:
        return {name: float(bound) for name, bound in (text.split("=") for text in allow)}
    except ValueError:
        raise ValueError(
            f"--allow must be NAME=BOUND, such as relative_error=0.2; received {' '.join(allow)}."
        ) from None


def _saved_model(
    model: keras.Model, config: dict[str, Any], out: Path, version: int | None, uint8: bool
) -> None:
    if uint8 and config["data"]["scale"] not in ("auto", 255.0):
        raise ValueError(
            "--uint8 divides by 255 as --scale auto does; the run was trained with --scale "
            f"{config['data']['scale']}."
        )
    if version is None:
        numbers = [int(path.name) for path in out.glob("*") if path.name.isdigit()]
        version = 1 + max(numbers, default=0)
    with console.status("writing and checking"):
        folder = exports.saved_model(model, out, version, uint8)
    rows = {
        name: (", ".join(spec.name for spec in signature.inputs),)
        for name, signature in exports.signatures(model, uint8).items()
    }
    console.print(table_of(f"{out.name}, version {version}", rows, ("signature", "inputs")))
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    console.print(f"[bold]{out / folder.name}[/], {size / 1000:,.0f} kB")
    console.print(f"How to serve it: {out / 'serving' / 'README.md'}")


def _examples(config: dict[str, Any]) -> dict[str, Any]:
    """What a .tflite file is calibrated on and measured on, and the names of the classes."""
    of_data = config["data"]
    source = open_data(of_data)
    split = held_out_split(source, of_data)
    description = source.describe(split, of_data["validation_split"])
    return {
        "calibration": _first(source, of_data, "train"),
        "validation": _first(source, of_data, split),
        "labels": description.class_names or (),
    }


def _first(source: data.Source, of_data: dict[str, Any], split: str) -> np.ndarray:
    dataset = load_split(source, of_data, split, _MOST_EXAMPLES, shuffle=False)
    return next(dataset.as_numpy_iterator())
