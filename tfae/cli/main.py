"""The command `tfae` and how it reports errors."""

import importlib.metadata
import re
import traceback
from typing import Any

import click
import tensorflow as tf

from tfae.cli.console import console
from tfae.cli.demo import demo
from tfae.cli.evaluate import evaluate
from tfae.cli.explore import explore
from tfae.cli.export import export
from tfae.cli.fit import fit
from tfae.cli.generate import generate
from tfae.cli.latent import interpolate, traverse
from tfae.cli.list import list_
from tfae.cli.train import train

_BAD_INPUT = (ValueError, OSError, NotImplementedError, ImportError, tf.errors.OpError)


class _Main(click.Group):
    """Turns the errors that bad input raises into one line, and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except _BAD_INPUT as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            click.echo(f"Error: {_one_line(error)}", err=True)
            ctx.exit(2)


def _one_line(error: BaseException) -> str:
    """What a user can act on."""
    text = str(error.message if isinstance(error, tf.errors.OpError) else error)
    # What an input pipeline asserts stands amid the graph's own words.
    asserted = re.search(r"assertion failed: \[(.*)\]", text)
    raised = re.search(r"\b(?:ValueError|OSError): (.*)", text)
    if asserted:
        text = asserted[1].replace("\\'", "'")
    elif raised and isinstance(error, tf.errors.OpError):
        text = raised[1]
    return " ".join(text.split()) or type(error).__name__


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(importlib.metadata.version("tfae"), prog_name="tfae")
@click.option("--debug", is_flag=True, help="Show tracebacks and TensorFlow's own messages.")
def main(debug: bool) -> None:
    """Train autoencoders, look at what they learned, generate data, and put them to use."""
    del debug
    console.soft_wrap = not console.is_terminal


for _command in (
    list_,
    train,
    evaluate,
    fit,
    generate,
    interpolate,
    traverse,
    export,
    explore,
    demo,
):
    main.add_command(_command)
