"""Options, help and messages, without any training."""

import ast
import re
from pathlib import Path

import click
import numpy as np
import pytest
import tensorflow as tf

from tfae import data, endings, latent, priors, tables
from tfae.cli import main
from tfae.cli.commands import fit, interpolate
from tfae.cli.data_kinds import TABLES, kind_of
from tfae.cli.data_options import (
    BINARIZE,
    DATA,
    KINDS,
    ColumnOption,
    ImageSize,
    Scale,
    data_config,
    open_data,
)
from tfae.cli.errors import in_terms_of_options, one_line
from tfae.cli.new_model import new_model
from tfae.cli.shared_options import SEED

COMMANDS = sorted(set(main.commands) - {"train"})


def test_choices_are_those_of_the_package():
    """The commands repeat them, because they must not import TensorFlow for their help texts."""
    assert BINARIZE == data.BINARIZE
    assert tuple(tables.columns.KINDS) == KINDS
    assert interpolate.KINDS == latent.KINDS
    assert set(fit.FITTED) == set(priors.FITTED)


def test_help_and_version(tfae):
    shown = tfae("--help").output
    for command in COMMANDS:
        assert command in shown
        assert "Usage" in tfae(f"{command} --help").output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_what_it_does(command):
    for param in main.commands[command].params:
        if isinstance(param, click.Option):
            assert len(param.help.split()) >= 3, param.opts
            assert param.help[0].isupper() or param.help.startswith("digits"), param.opts


def test_summaries_of_commands_are_not_cut_off(tfae):
    commands = tfae("--help").output.split("Commands:")[1]
    assert "..." not in commands


def test_list_names_models_architectures_objects_and_data(tfae, tmp_path, monkeypatch):
    (tmp_path / "mnist" / "3.0.1").mkdir(parents=True)
    (tmp_path / "mnist" / "3.0.1" / "dataset_info.json").touch()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    shown = tfae("list").output
    for word in ("autoencoder", "variational", "mlp", "conv", "Gaussian", "digits", "mnist"):
        assert word in shown


def test_brackets_in_names_are_printed_as_they_are(tfae, own_run):
    renamed = own_run.rename(own_run.with_name("[red]a[bold]"))
    shown = tfae(f"generate '{renamed}' -n 1 --out '[b].npy'").output
    assert "[b].npy" in shown
    assert "[red]nothing[bold]" in tfae("generate [red]nothing[bold]", exit_code=2).output


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ImageSize(), "64x32", [64, 32]),
        (ImageSize(), "64", [64, 64]),
        (Scale(), "255", 255.0),
        (Scale(), "minmax", "minmax"),
        (ColumnOption(), "-1", -1),
        (ColumnOption(), "²", "²"),
        (ColumnOption(), "age", "age"),
        (SEED, "7", 7),
    ],
)
def test_options_accept_these_texts(kind, text, value):
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [(ImageSize(), t) for t in ("axb", "0", "8x0", "1x2x3", "²", "")]
    + [(Scale(), t) for t in ("-1", "0", "nan", "inf", "most")]
    + [(SEED, t) for t in ("-1", "1.5", "2147483648", "many")],
)
def test_options_refuse_these_texts(kind, text):
    with pytest.raises(click.BadParameter, match="is not"):
        kind.convert(text, None, None)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("`scale` must be 'minmax'; received 3", "--scale must be 'minmax'; received 3"),
        ("pass scale= a number", "pass --scale a number"),
        ("Pass validation_split=0.1 to hold", "Pass --validation-split 0.1 to hold"),
        ("labels=True, but 'x' has none", "--labels, but 'x' has none"),
        ("(or label_column)", "(or --label-column)"),
        ("image_size is for images", "--image-size is for images"),
        ("the data in /tmp/data_dir/x", "the data in /tmp/data_dir/x"),
        ("a scale of its own", "a scale of its own"),
    ],
)
def test_messages_name_options_instead_of_arguments(message, told):
    assert in_terms_of_options(message, list(DATA)) == told


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("one.png", "pass their folder"),
        ("x.xlsx", "Save the sheet"),
        ("a.json", "or a folder"),
    ],
)
def test_a_file_of_an_unknown_kind_is_named(tmp_path, name, said):
    (tmp_path / name).write_text("{}")
    for opened in (kind_of, lambda path: open_data({"data": path})):
        with pytest.raises(ValueError, match=f"{name} is not a supported kind.*{said}"):
            opened(str(tmp_path / name))


def test_tables_that_are_written_can_be_read():
    assert set(TABLES) < set(endings.TABLES)


def test_a_folder_of_tables_of_any_ending_is_a_table(tmp_path):
    for ending in (".pq", ".csv.bz2", ".tsv.gz"):
        (tmp_path / f"x{ending}").touch()
        assert kind_of(str(tmp_path)) == kind_of(str(tmp_path / f"x{ending}")) == "table"


def messages_of(folder):
    """The texts of all errors and notes in a package, with `x` in place of what is computed."""
    for file in Path(folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [getattr(part, "value", "x") for part in node.values]
                yield "".join(part if isinstance(part, str) else "x" for part in parts)


@pytest.mark.parametrize("command", ["train", "score"])
def test_no_message_on_tables_shows_arguments_of_python(command):
    params = list(DATA) if command == "train" else main.commands["score"].params
    texts = [text for text in messages_of(tables.__path__[0]) if " " in text]
    assert sum("={" in text for text in texts) > 5
    for text in texts:
        told = in_terms_of_options(text, params)
        assert not re.search(r"\w+=\{|max_categories=|other_columns=|pass its encoding", told), told
        assert not re.search(r"`(kinds|formats|transforms)`", told) or command == "score", told


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "formats={'d': '%d/%m/%Y'} (or '%m/%d/%Y') says whether",
            "--date-format 'd=%d/%m/%Y' (or '%m/%d/%Y') says whether",
        ),
        (
            "too far apart. Pass transforms={'a': 'log'}.",
            "too far apart. Pass --transform 'a=log'.",
        ),
        ("Ignore it: kinds={'a': 'ignore'}.", "Ignore it: --ignore 'a'."),
        ("max_categories=300 or kinds={'a': 'categorical'}", "train with --column 'a=categorical'"),
        ("`kinds` says 'count'", "--column says 'count'"),
        ("Pass decimal='.' or ','.", "Pass --decimal '.' or ','."),
        ("or pass its encoding, such as 'cp1252'.", "or pass its --encoding, such as 'cp1252'."),
    ],
)
def test_advice_on_tables_names_options(message, told):
    assert in_terms_of_options(message, list(DATA)) == told


def test_dates_transforms_encoding_and_decimal_sign_can_be_said(tmp_path):
    rows = [f"0{1 + i % 9}/0{1 + i % 7}/2024;{i},{i % 7}5;{'äö'[i % 2]}" for i in range(40)]
    (tmp_path / "t.csv").write_bytes("\n".join(["day;a;c", *rows]).encode("cp1252"))
    arguments = ["--data", str(tmp_path / "t.csv"), "--date-format", "day=%m/%d/%Y"]
    arguments += ["--transform", "a=quantile", "--encoding", "cp1252", "--decimal", ","]
    options = click.Command("train", params=list(DATA)).make_context("train", arguments).params
    config = data_config(options)
    schema = open_data(config).schema
    assert [column.kind for column in schema.columns] == ["time", "numeric", "binary"]
    day, number, text = schema.columns
    assert (day.format, number.transform) == ("%m/%d/%Y", "quantile")
    assert text.categories == ("ä", "ö")
    with pytest.raises(ValueError, match=r"--date-format.*for tables, not for digits"):
        open_data({**config, "data": "digits"})
    with pytest.raises(ValueError, match="--transform must be NAME=VALUE; received log"):
        data_config({**options, "transforms": ("log",)})


def test_errors_become_one_line():
    asserted = tf.errors.InvalidArgumentError(
        None, None, "x\nassertion failed: [`x` is NaN.] [[y]]"
    )
    assert one_line(asserted).startswith("`x` is NaN.")
    user_code = ValueError(
        'in user code:\n\n    File "a.py", line 3\n\n    ValueError: Too large.\n'
    )
    assert one_line(user_code) == "Too large."
    assert one_line(ValueError("two\n  lines")) == "two lines"
    assert one_line(MemoryError()) == "MemoryError"


def test_a_table_can_be_read_without_a_label_column_or_a_header(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,2\n")
    config = {"data": str(tmp_path / "t.csv"), "label_column": "none"}  # as an older run has it
    assert open_data(config).describe().shape == (2,)
    (tmp_path / "t.csv").write_text("0,1,2\n3,4,5\n")
    source = open_data({**config, "header": False})
    np.testing.assert_array_equal(next(iter(source.load("train", 2, shuffle=False)))[0], [0, 1, 2])


def test_notes_on_the_data_name_the_options_that_change_what_they_say(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("x,y\n1,2\n")
    open_data({"data": str(tmp_path / "t.csv")})
    (tmp_path / "t.csv").write_text("0,1,2\n3,4,5\n")
    open_data({"data": str(tmp_path / "t.csv")})
    notes = capsys.readouterr().err.splitlines()
    assert notes[0].startswith("Note: The column 'y'")
    assert "--label-column 'none'" in notes[0]
    assert "--header changes that" in notes[1]


def test_photos_that_are_too_large_for_a_network_are_refused():
    photos = data.Description(9, (3000, 4000, 3), False, None, None)
    config = {
        "model": "variational",
        "hyperparameters": {},
        "training": {"seed": 0, "latent_dim": 2, "architecture": "mlp"},
    }
    with pytest.raises(ValueError, match=r"36,000,000 numbers.*--image-size 128x128"):
        new_model(config, photos)
