"""Turns the errors that bad input raises into one line and exit code 2."""

from __future__ import annotations

import re
import sys
import traceback
from typing import Any

import click

_BAD_INPUT = (ValueError, OSError, NotImplementedError, ImportError, MemoryError)


class Refused(click.ClickException):
    """An error that the user can act on, shown in one line."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"Error: {click.format_filename(self.format_message())}", err=True, file=file)


class OptionError(ValueError):
    """An error whose message names the options already."""


class Command(click.Command):
    """A command whose error messages name its options instead of Python's arguments."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not isinstance(error, (*_BAD_INPUT, *_errors_of_tensorflow())):
                raise
            if ctx.find_root().params.get("debug"):
                traceback.print_exc()
            text = one_line(error)
            if not isinstance(error, OptionError):
                text = in_terms_of_options(text, self.params)
            raise Refused(text) from error


def one_line(error: BaseException) -> str:
    """Returns an error's message in one line, without what TensorFlow puts around it."""
    text = str(getattr(error, "message", None) or error)
    # The message of a failed assertion in an input pipeline is surrounded by details of the graph.
    asserted = re.search(r"assertion failed: \\?\[(.*)\]", text)
    raised = re.findall(r"^.*?\b(?:[A-Z]\w+)?(?:Error|Exception): (.*)", text, re.MULTILINE)
    if asserted:
        text = asserted[1].replace("\\'", "'")
    elif raised and (isinstance(error, _errors_of_tensorflow()) or "in user code:" in text):
        text = raised[-1]
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{click.format_filename(error.filename)}: {error.strerror}."
    if isinstance(error, _errors_of_tensorflow()):
        text = re.sub(r"\{\{function_node .*?\}\}|\[\[\{\{node .*?\]\]|\[Op:.*", "", text)
        if "OOM" in text or "resource exhausted" in text.lower():
            text = f"This takes more memory than there is: {text.strip()}. Choose smaller numbers."
    return " ".join(text.split()) or type(error).__name__


def in_terms_of_options(text: str, params: list[click.Parameter]) -> str:
    """Replaces the names of Python's arguments by those of the command's options."""
    text = _advice_on_tables(text, params)
    for param in params:
        option = next((o for o in param.opts if o.startswith("--")), None)
        if option is None or not param.name:
            continue
        name = re.escape(param.name.rstrip("_"))
        text = re.sub(rf"`{name}`", option, text)
        text = re.sub(rf"(?<![\w.-])`?{name}=True`?(?!\w)", option, text)
        text = re.sub(rf"(?<![\w.-]){name}=(?=[\w'\"\[(-])", f"{option} ", text)
        text = re.sub(rf"(?<![\w.-]){name}=(?!\w)", option, text)
        if "_" in param.name:
            text = re.sub(rf"(?<![\w./-]){name}(?![\w./=-])", option, text)
        text = text.replace(f"received {option} ", "received ")
        for other in param.secondary_opts:
            text = text.replace(f"{option} False", other)
        if option == "--scale":
            text = text.replace("Scale the data (", "Scale the data with --scale (")
        if option == "--image-size":
            text = re.sub(r"--image-size [\[(](\d+), (\d+)[\])]", r"--image-size \1x\2", text)
            text = text.replace("--image-size (height, width)", "--image-size HEIGHTxWIDTH")
    text = re.sub(r"(?<![\w.-])likelihood='(\w+)'", r"--likelihood \1", text)
    text = re.sub(r"--likelihood '(\w+)'", r"--likelihood \1", text)
    text = text.replace("shape (None, ", "shape (n, ").replace("received (None, ", "received (n, ")
    return text.replace("`x` ", "the data " if not text.startswith("`x`") else "The data ")


_OF_COLUMNS = {"kinds": "--column", "formats": "--date-format", "transforms": "--transform"}
_ADVICE = re.compile(
    r"(?P<verb>[Pp]ass )?(?P<argument>kinds|formats|transforms)="
    r"\{(?P<quote>['\"]?)(?P<name>.*?)(?P=quote): '(?P<value>[^']*)'\}"
    r"(?: to TableSchema\.infer)?"
)


def _advice_on_tables(text: str, params: list[click.Parameter]) -> str:
    """Replaces advice to pass something about columns in Python, as `TableSchema` gives it."""
    options = {option for param in params for option in param.opts}
    text = text.replace("`kinds` names", "--column or --ignore names")
    text = text.replace("`kinds`", "--column")
    text = re.sub(r"max_categories=\w+ or (?=kinds=)", "", text)
    text = text.replace(", or pass other_columns='ignore'", "")

    def as_option(match: re.Match) -> str:
        option = _OF_COLUMNS[match["argument"]]
        value = f"{match['name']}={match['value']}"
        if match["value"] == "ignore":
            option, value = "--ignore", match["name"]
        with_train = "train with " if match["argument"] == "kinds" or option not in options else ""
        with_train = "" if option == "--ignore" else with_train
        verb = with_train or (match["verb"] or "")
        if (match["verb"] or "").startswith("P"):
            verb = verb.capitalize()
        return f"{verb}{option} '{value}'"

    text = _ADVICE.sub(as_option, text)
    if "--encoding" in options:
        return text.replace("pass its encoding", "pass its --encoding")
    text = re.sub(r", or pass its encoding(, such as '\w+')?", "", text)
    return re.sub(r"\b([Pp])ass (decimal|header|encoding)=", r"train with --\2 ", text)


def _errors_of_tensorflow() -> tuple[type[Exception], ...]:
    tensorflow = sys.modules.get("tensorflow")  # if it was not imported, it raised nothing
    return () if tensorflow is None else (tensorflow.errors.OpError,)
