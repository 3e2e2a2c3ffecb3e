"""The options that choose the data and say how to read it."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfae.cli.data_kinds import kind_of
from tfae.cli.errors import in_terms_of_options

if TYPE_CHECKING:
    import tensorflow as tf

    from tfae import data

READING = ("data_dir", "image_size", "channels", "label_column", "header")
"""Options that `tfae.data.find` takes; `Source.load` takes the others."""

KINDS = ("numeric", "count", "binary", "categorical", "ordinal", "time")  # as in tfae.tables

BINARIZE = ("threshold", "static", "dynamic")  # a test compares it with that of tfae.data


class ImageSize(click.ParamType):
    """HEIGHTxWIDTH, or one number for both."""

    name = "HxW"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, str):
            return value
        parts = value.lower().split("x")
        if len(parts) > 2 or not all(_is_digits(part) and int(part) for part in parts):
            self.fail(f"{value!r} is not HEIGHTxWIDTH in pixels, such as 64x64.", param, ctx)
        return [int(parts[0]), int(parts[-1])]


class Scale(click.ParamType):
    """A name, or a positive number."""

    name = "SCALE"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if value in ("auto", "none", "minmax", "standard"):
            return value
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            self.fail(
                f"{value!r} is not auto, none, minmax, standard, or a positive number.",
                param,
                ctx,
            )
        return number


class Column(click.ParamType):
    """The name or number of a column."""

    name = "COLUMN"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        is_number = isinstance(value, str) and _is_digits(value.removeprefix("-"))
        return int(value) if is_number else value


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()  # for Python, "²" is a digit, too


DATA = (
    click.Option(
        ["--data"],
        required=True,
        metavar="NAME|PATH",
        help="digits, a name from TensorFlow Datasets, a folder of images, a table (.csv or "
        ".parquet), or a .npy or .npz file. See `tfae list`.",
    ),
    click.Option(
        ["--data-dir"],
        metavar="DIR",
        help="Folder of prepared TensorFlow Datasets.  [default: $TFDS_DATA_DIR, or "
        "~/tensorflow_datasets]",
    ),
    click.Option(
        ["--validation-split"],
        type=click.FloatRange(0, 1, max_open=True),
        help="Fraction of the training examples to hold out for validation.  [default: 0.1, or "
        "none if the data has its own validation split]",
    ),
    click.Option(
        ["--binarize"],
        type=click.Choice(BINARIZE),
        help="Turn values into 0 or 1. threshold: cut at 0.5. static: draw once, with the value "
        "as the probability of 1. dynamic: draw anew in every epoch.",
    ),
    click.Option(
        ["--scale"],
        type=Scale(),
        default="auto",
        show_default=True,
        help="How to scale values. auto: 8-bit images to [0, 1], nothing else. none: not at all. "
        "A number: divide by it. minmax: each feature to [0, 1]. standard: each feature to mean 0 "
        "and deviation 1.",
    ),
    click.Option(["--image-size"], type=ImageSize(), help="Resize images to this many pixels."),
    click.Option(
        ["--channels"], type=click.Choice(["1", "3"]), help="Read images in grey (1) or colour (3)."
    ),
    click.Option(
        ["--label-column"],
        type=Column(),
        help="Column of a .csv file that holds the label, by name or number; none if no column "
        "does.",
    ),
    click.Option(
        ["--header/--no-header"],
        default=None,
        help="Whether the first line of a .csv file holds names.  [default: detected]",
    ),
    click.Option(
        ["--column", "columns"],
        multiple=True,
        metavar="NAME=KIND",
        help="What a column of a table holds, if it is not found out rightly: numeric, count, "
        "binary, categorical, ordinal or time. May be given several times.",
    ),
    click.Option(
        ["--ignore"],
        multiple=True,
        metavar="NAME",
        help="A column of a table to leave out. May be given several times.",
    ),
    click.Option(["--labels"], is_flag=True, help="Use the labels in training, too."),
)


def data_config(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options of `DATA` as a run stores them, valid in any working directory."""
    config = {option.name: options[option.name] for option in DATA}
    config["kinds"] = _kinds(config.pop("columns"), config.pop("ignore"))
    for key in ("data", "data_dir"):
        if config[key] and config[key] != "digits" and Path(config[key]).expanduser().exists():
            config[key] = os.path.abspath(Path(config[key]).expanduser())
    config["channels"] = int(config["channels"]) if config["channels"] else None
    config["scale"] = None if config["scale"] == "none" else config["scale"]
    return config


def _kinds(columns: tuple[str, ...], ignored: tuple[str, ...]) -> dict[str, str]:
    """Returns the kinds of columns that options name, by column."""
    kinds = {}
    for text in columns or ():
        name, equals, kind = text.rpartition("=")
        if not equals or kind not in KINDS:
            raise ValueError(
                f"--column must be NAME=KIND, with a kind of {', '.join(KINDS)}; received {text}."
            )
        kinds[name] = kind
    return {**kinds, **dict.fromkeys(ignored or (), "ignore")}


def open_data(config: dict[str, Any]) -> data.Source:
    """Opens the data that `data_config` describes, and prints notes on what was guessed.

    A table is read as numbers if it holds nothing else. Otherwise, or if "kinds" of columns are
    given, a schema of its columns is found out, unless "schema" holds one.
    """
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", UserWarning)
        source = _opened(config)
    for note in notes:
        click.echo(f"Note: {in_terms_of_options(str(note.message), DATA)}", err=True)
    return source


def _opened(config: dict[str, Any]) -> data.Source:
    from tfae import data

    reading = {key: config.get(key) for key in READING}
    of_tables = {key: reading[key] for key in ("label_column", "header")}
    path = Path(config["data"]).expanduser()
    if config.get("schema"):
        schema = data.TableSchema.from_config(config["schema"])
        return data.find(path, schema=schema, **of_tables)
    is_table = path.exists() and kind_of(config["data"]) == "table"
    if config.get("kinds"):
        if not is_table:
            raise ValueError(f"--column and --ignore are for tables, not for {config['data']}.")
        return data.find(path, schema="infer", kinds=config["kinds"], **of_tables)
    try:
        return data.find(config["data"], **reading)
    except ValueError:
        if not is_table:
            raise
    return data.find(path, schema="infer", **of_tables)


def load_split(
    source: data.Source, config: dict[str, Any], split: str, batch_size: int, **kwargs: Any
) -> Any:
    """Returns the dataset of a split, as the options in `data_config` ask for it.

    If the model itself scales the data ("scaled_by"), the data stays in its own units; with --scale
    minmax it is clipped to the range of the training data.
    """
    by_model = config.get("scaled_by") == "model"
    dataset = source.load(
        split,
        batch_size,
        validation_split=config["validation_split"],
        binarize=config["binarize"],
        scale=None if by_model else config["scale"],
        **kwargs,
    )
    return _clipped(dataset, *config["clip"]) if by_model and config.get("clip") else dataset


def _clipped(dataset: tf.data.Dataset, low: Any, high: Any) -> tf.data.Dataset:
    import tensorflow as tf

    def clip(batch: Any) -> Any:
        x = batch["x"] if isinstance(batch, dict) else batch
        x = tf.clip_by_value(tf.cast(x, tf.float32), tf.constant(low), tf.constant(high))
        return {**batch, "x": x} if isinstance(batch, dict) else x

    clipped = dataset.map(clip)
    clipped.tfae_epoch = dataset.tfae_epoch  # the number of the pass, which determines the order
    return clipped


def unseen_split(source: data.Source, config: dict[str, Any]) -> str:
    """Returns the split to fit a threshold on: validation, so that test can judge it, else test.

    Raises:
        ValueError: If there is only training data.
    """
    if config["validation_split"] or "validation" in source.splits:
        return "validation"
    if "test" in source.splits:
        return "test"
    raise ValueError(
        "The run has only data that it was trained on. Train with --validation-split, or fit the "
        "threshold to other data in Python."
    )


def held_out_split(source: data.Source, config: dict[str, Any]) -> str:
    """Returns the best split for judging a model: test, else validation, else train."""
    if "test" in source.splits:
        return "test"
    if config["validation_split"] or "validation" in source.splits:
        return "validation"
    return "train"
