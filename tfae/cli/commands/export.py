"""`tfae export RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfae.cli.console import console, shown, table_of
from tfae.cli.data_options import held_out_split, load_split, open_data
from tfae.cli.errors import Command
from tfae.cli.outputs import check_out
from tfae.cli.shared_options import OVERWRITE, PATH, RUN, Whole

if TYPE_CHECKING:
    import keras
    import numpy as np

    from tfae import data

_MOST_EXAMPLES = 1000  # for calibration, and for measuring


@click.command(cls=Command)
@RUN
@click.option(
    "--format",
    "format_",
    type=click.Choice(["saved-model", "tflite", "onnx"]),
    default="saved-model",
    show_default=True,
    help="Kind of export: saved-model for TensorFlow Serving, tflite for devices and browsers, "
    "onnx for other programs.",
)
@click.option(
    "--out",
    type=PATH,
    help="Folder for the versions of a saved-model, or a .tflite or .onnx file.  [default: "
    "RUN/export/NAME, with the ending of the format]",
)
@click.option(
    "--version",
    type=Whole(1),
    help="Version number of a saved-model.  [default: one more than the highest in the folder]",
)
@click.option("--uint8", is_flag=True, help="Make a saved-model take 8-bit images and scale them.")
@click.option(
    "--quantize",
    type=click.Choice(["float16", "dynamic", "int8"]),
    help="Make a .tflite file smaller. int8 is calibrated on the run's training data.",
)
@click.option(
    "--float-io",
    is_flag=True,
    help="Make an int8 .tflite file take and return float32, as browsers need.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="NAME=BOUND",
    help="Accept a .tflite file that differs more from its model; the error message of a rejected "
    "file names the bounds.",
)
@OVERWRITE
def export(
    run: Path,
    format_: str,
    out: Path | None,
    version: int | None,
    uint8: bool,
    quantize: str | None,
    float_io: bool,
    allow: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Write a trained model for servers, devices or other programs."""
    of_format: dict[tuple[str, ...], dict[str, Any]] = {
        ("saved-model",): {"--version": version, "--uint8": uint8},
        ("tflite",): {"--quantize": quantize, "--float-io": float_io, "--allow": allow},
        ("tflite", "onnx"): {"--overwrite": overwrite},
    }
    for others, options in of_format.items():
        for option, value in options.items():
            if value and format_ not in others:
                wanted = " or ".join(others)
                raise ValueError(f"{option} is for --format {wanted}, not for {format_}.")
    ending = f".{format_}"
    if format_ != "saved-model":
        out = out or run / "export" / f"{run.resolve().name}{ending}"
        check_out(out, overwrite, (ending,))
    elif out is not None and out.exists() and not out.is_dir():
        raise ValueError(f"--out of a saved-model is a folder; {out} is a file.")

    from tfae import export as exports
    from tfae.cli.finished_run import read_run

    with console.status("Reading the model"):
        model, config = read_run(run)
    if format_ == "saved-model":
        _saved_model(model, config, out or run / "export" / run.resolve().name, version, uint8)
    elif format_ == "tflite":
        bounds = _bounds(allow)
        with console.status("Reading data for calibrating and measuring"):
            examples = _examples(model, config)
        with console.status("Converting and measuring"):
            report = exports.tflite(
                model, out, quantize, float_io=float_io, allow=bounds, **examples
            )
        console.print(report, markup=False)
    else:
        with console.status("Converting"):
            exports.onnx(model, out)
        console.print(f"[bold]{shown(out)}[/], {out.stat().st_size / 1000:,.0f} kB")


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
    from tfae import export as exports

    of_data = config["data"]
    by_model = getattr(model, "scaling", None) is not None  # it takes pixels unscaled
    if uint8 and not by_model and of_data["scale"] not in ("auto", 255.0):
        raise ValueError(
            "--uint8 divides by 255, as --scale auto does, but the run was trained with --scale "
            f"{of_data['scale']}."
        )
    if version is None:
        names = [path.name for path in out.glob("*")]
        numbers = [int(name) for name in names if name.isascii() and name.isdigit()]
        version = 1 + max(numbers, default=0)
    with console.status("Writing and checking"):
        folder = exports.saved_model(model, out, version, uint8)
    rows = {
        name: (", ".join(spec.name for spec in signature.inputs),)
        for name, signature in exports.signatures(model, uint8).items()
    }
    console.print(table_of(f"{out.name}, version {version}", rows, ("signature", "inputs")))
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    console.print(f"[bold]{shown(out / folder.name)}[/], {size / 1000:,.0f} kB")
    console.print(f"How to serve it: {shown(out / 'serving' / 'README.md')}")


def _examples(model: keras.Model, config: dict[str, Any]) -> dict[str, Any]:
    """Returns what a .tflite file is calibrated on and measured on, and the class names."""
    of_data = config["data"]
    source = open_data(of_data)
    split = held_out_split(source, of_data)
    description = source.describe(split, of_data["validation_split"])
    return {
        "calibration": _first(model, source, of_data, "train"),
        "validation": _first(model, source, of_data, split),
        "labels": description.class_names or (),
    }


def _first(
    model: keras.Model, source: data.Source, of_data: dict[str, Any], split: str
) -> np.ndarray:
    dataset = load_split(model, source, of_data, split, _MOST_EXAMPLES, shuffle=False)
    return next(dataset.as_numpy_iterator())
