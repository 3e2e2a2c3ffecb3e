"""The command `tfae`.

Neither this file nor those of the commands import TensorFlow before they need it, so that help, the
version and mistyped commands are answered at once.
"""

from __future__ import annotations

import click

import tfae
from tfae.cli.commands.demo import demo
from tfae.cli.commands.encode import encode
from tfae.cli.commands.evaluate import evaluate
from tfae.cli.commands.explore import explore
from tfae.cli.commands.export import export
from tfae.cli.commands.fit import fit
from tfae.cli.commands.generate import generate
from tfae.cli.commands.impute import impute
from tfae.cli.commands.interpolate import interpolate
from tfae.cli.commands.list import list_
from tfae.cli.commands.reconstruct import reconstruct
from tfae.cli.commands.score import score
from tfae.cli.commands.train import train
from tfae.cli.commands.traverse import traverse
from tfae.cli.console import console


class _Main(click.Group):
    """Suggests a command when one is mistyped."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple:
        import difflib

        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            meant = difflib.get_close_matches(args[0], self.commands)
            hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
            ctx.fail(
                f"There is no command {args[0]!r}; there are {', '.join(self.commands)}.{hint}"
            )
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(tfae.__version__, prog_name="tfae")
@click.option("--debug", is_flag=True, help="Show tracebacks and TensorFlow's own messages.")
def main(debug: bool) -> None:
    """Train autoencoders, look at what they learned, generate data, and put them to use."""
    del debug
    console.soft_wrap = not console.is_terminal


for _command in (
    demo,
    list_,
    train,
    evaluate,
    explore,
    generate,
    interpolate,
    traverse,
    fit,
    score,
    encode,
    reconstruct,
    impute,
    export,
):
    main.add_command(_command)
