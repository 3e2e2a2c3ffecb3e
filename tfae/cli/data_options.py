"""The options that choose the data and say how to read it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfae.cli.data_kinds import kind_of
from tfae.cli.errors import in_terms_of_options
from tfae.cli.shared_options import Number

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from tfae import data

READING = ("data_dir", "image_size", "channels", "label_column", "header")
"""Options that `tfae.data.find` takes; `Source.load` takes the others."""

KINDS = ("numeric", "count", "binary", "categorical", "ordinal", "time")
BINARIZE = ("threshold", "static", "dynamic")
"""As in `tfae.tables` and `tfae.data`, which are slow to import; a test compares them."""


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
        if not 1e-30 < number < 1e30:  # its inverse is a float32
            self.fail(
                f"{value!r} is not auto, none, minmax, standard, or a positive number.",
                param,
                ctx,
            )
        return number


class ColumnOption(click.ParamType):
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
        type=Number(0, 1, max_open=True),
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
        type=ColumnOption(),
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
        help="What a column of a table holds, if it is not detected correctly: numeric, count, "
        "binary, categorical, ordinal or time. May be given several times.",
    ),
    click.Option(
        ["--date-format", "formats"],
        multiple=True,
        metavar="NAME=FORMAT",
        help="How a column writes dates or times, if it is not detected, such as "
        "'born=%d/%m/%Y'. May be given several times.",
    ),
    click.Option(
        ["--transform", "transforms"],
        multiple=True,
        metavar="NAME=TRANSFORM",
        help="log: the logarithm of a column of numbers of many magnitudes. quantile: its ranks. "
        "May be given several times.",
    ),
    click.Option(
        ["--encoding"],
        metavar="NAME",
        help="How the text of a .csv file is encoded, such as cp1252.  [default: utf-8]",
    ),
    click.Option(
        ["--decimal"],
        type=click.Choice([".", ","]),
        help="The decimal sign of a .csv file.  [default: detected]",
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
    for name, option in (("formats", "--date-format"), ("transforms", "--transform")):
        config[name] = _by_column(option, config[name])
    for name in ("formats", "transforms", "encoding", "decimal"):
        if not config[name]:  # so that interrupted runs of before can be resumed
            del config[name]
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


def _by_column(option: str, given: tuple[str, ...]) -> dict[str, str]:
    """Returns what options such as `--transform NAME=log` say, by column."""
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=") if "%" in text else text.rpartition("=")
        if not equals or not value:
            raise ValueError(f"{option} must be NAME=VALUE; received {text}.")
        found[name] = value
    return found


def how_written(of_data: dict[str, Any]) -> dict[str, Any]:
    """Returns how .csv files are written, as far as a run's options say."""
    return {
        "header": of_data.get("header"),
        "encoding": of_data.get("encoding") or "utf-8",
        "decimal": of_data.get("decimal"),
    }


def open_data(config: dict[str, Any]) -> data.Source:
    """Opens the data that `data_config` describes, and prints notes on what was guessed.

    A table is read as numbers if it holds nothing else. Otherwise, or if "kinds" of columns are
    given, a schema of its columns is inferred, unless "schema" holds one.
    """
    if not config["data"]:
        raise ValueError("--data is empty: give a name or a path.")
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", UserWarning)
        source = _opened(config)
    for note in dict.fromkeys(str(note.message) for note in notes):
        click.echo(f"Note: {in_terms_of_options(note, DATA)}", err=True)
    return source


def _opened(config: dict[str, Any]) -> data.Source:
    from tfae import data

    reading = {key: config.get(key) for key in READING}
    reading["missing"] = bool(config.get("missing"))
    of_tables = {"label_column": reading["label_column"], **how_written(config)}
    overrides = {key: config.get(key) for key in ("kinds", "formats", "transforms")}
    path = Path(config["data"]).expanduser()
    if config.get("schema"):
        schema = data.TableSchema.from_config(config["schema"])
        return data.find(path, schema=schema, **of_tables)
    is_table = path.exists() and kind_of(config["data"]) == "table"
    if not is_table and any((*overrides.values(), config.get("encoding"), config.get("decimal"))):
        raise ValueError(
            "--column, --ignore, --date-format, --transform, --encoding and --decimal are for "
            f"tables, not for {config['data']}."
        )
    if any(overrides.values()):
        return data.find(path, schema="infer", **overrides, **of_tables)
    try:
        return data.find(config["data"], **{**reading, **how_written(config)})
    except ValueError:
        if not is_table:
            raise
    return data.find(path, schema="infer", **of_tables)


def load_split(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    split: str,
    batch_size: int,
    *,
    all_rows: bool = False,
    **kwargs: Any,
) -> tf.data.Dataset:
    """Returns the dataset of a split, as the options in `data_config` and the model ask for it.

    A model that scales its data itself gets it in its own units, without the examples that are out
    of its range.

    Args:
        model: The run's model.
        source: The data; of the run, or other data of the same kind.
        config: The data's options.
        split: The split.
        batch_size: Examples in a batch.
        all_rows: Whether this is the training data, of which none is left out: values out of the
            range are refused.
        **kwargs: Other arguments of `Source.load`.
    """
    import tensorflow as tf

    from tfae import data
    from tfae.cli.out_of_range import leave_out, num_outside, range_of

    by_model = getattr(model, "scaling", None)
    scale = config["scale"]
    if by_model is not None and not config["binarize"]:
        scale = None
    elif by_model is not None and not all_rows:  # that of the run, also for other data
        scale = data.Scaling(by_model.shift, by_model.factor)
    dataset = loaded = source.load(
        split,
        batch_size,
        validation_split=config["validation_split"],
        binarize=config["binarize"],
        scale=scale,
        **kwargs,
    )
    limits = range_of(model)
    num_left_out = 0 if all_rows else num_outside(model, source, config, split)
    if by_model is not None and config["binarize"]:
        dataset = dataset.map(lambda batch: _with_x(batch, by_model.inverse))
    elif num_left_out and limits is not None:
        left = source.describe(split, config["validation_split"]).num_examples - num_left_out
        size = tf.data.experimental.assert_cardinality(-(-left // batch_size))
        dataset = leave_out(dataset, *limits, batch_size=batch_size).apply(size)
    dataset.tfae_epoch = loaded.tfae_epoch  # the number of the pass, which determines the order
    return dataset


def _with_x(batch: Any, change: Callable) -> Any:
    """Changes the data of a batch, with labels or without."""
    return {**batch, "x": change(batch["x"])} if isinstance(batch, dict) else change(batch)


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
