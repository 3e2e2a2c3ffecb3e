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


class Command(click.Command):
    """A command whose error messages name its options instead of Python's arguments."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (*_BAD_INPUT, *_errors_of_tensorflow()) as error:
            if ctx.find_root().params.get("debug"):
                traceback.print_exc()
            raise Refused(in_terms_of_options(one_line(error), self.params)) from error


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
    return " ".join(text.split()) or type(error).__name__


def in_terms_of_options(text: str, params: list[click.Parameter]) -> str:
    """Replaces the names of Python's arguments by those of the command's options."""
    text = _kinds_as_options(text)
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
        if option == "--scale":
            text = text.replace("Scale the data (", "Scale the data with --scale (")
    return text


def _kinds_as_options(text: str) -> str:
    """Replaces advice to pass kinds of columns in Python, as `TableSchema` gives it."""
    kind = r"kinds=\{'?(?P<name>.*?)'?: '(?P<kind>\w+)'\}(?: to TableSchema\.infer)?"
    return re.sub(rf"(?:pass )?{kind}", r"train with --column '\g<name>=\g<kind>'", text)


def _errors_of_tensorflow() -> tuple[type[Exception], ...]:
    tensorflow = sys.modules.get("tensorflow")  # if it was not imported, it raised nothing
    return () if tensorflow is None else (tensorflow.errors.OpError,)
