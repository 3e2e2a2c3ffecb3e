"""`tfae train MODEL`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfae.cli import model_names
from tfae.cli.console import console, measurements, shown
from tfae.cli.data_options import DATA, data_config
from tfae.cli.errors import Command
from tfae.cli.next_steps import next_steps
from tfae.cli.shared_options import PATH, SEED, Number, Whole

_TRAINING = (
    click.Option(
        ["--out"],
        required=True,
        type=PATH,
        metavar="RUN",
        help="Folder to create for the model, its history and pictures.",
    ),
    click.Option(
        ["--epochs"],
        type=Whole(1),
        default=20,
        show_default=True,
        help="Passes over the training data.",
    ),
    click.Option(
        ["--batch-size"],
        type=Whole(1),
        default=128,
        show_default=True,
        help="Examples in a training step.",
    ),
    click.Option(
        ["--seed"], type=SEED, default=0, show_default=True, help="Seed of everything random."
    ),
    click.Option(["--resume"], is_flag=True, help="Continue an interrupted run exactly."),
)
_OF_OPTIMIZERS = (
    click.Option(
        ["--learning-rate"],
        type=Number(0, min_open=True),
        help="Learning rate of the optimizer of encoder and decoder.  [default: that of the "
        "model's `compile`, usually 1e-3]",
    ),
)
_OF_STACKS = (
    click.Option(
        ["--pretrain-epochs"],
        type=Whole(0),
        default=10,
        show_default=True,
        help="Epochs of pre-training for each layer, before training the whole model; 0 for none.",
    ),
)


class _Train(click.Group):
    """A group with a command for each model, which has the model's own options."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(model_names.command_names())

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        command = model_names.resolve(name)
        return None if command is None else _command_for(command)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and model_names.resolve(args[0]) is None:
            meant = model_names.near(args[0])
            hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
            ctx.fail(
                f"There is no model {args[0]!r}; there are "
                f"{', '.join(model_names.command_names())}.{hint}"
            )
        _, command, rest = super().resolve_command(ctx, args)
        return command.name, command, rest


@click.command(
    "train",
    cls=_Train,
    subcommand_metavar="MODEL --data NAME --out RUN [OPTIONS]",
    epilog="Each model has its own options: `tfae train MODEL --help`.",
)
def train() -> None:
    """Train a model on data and save it in the folder RUN.

    The folder appears when everything is done. If the command is interrupted for any reason, run it
    again with --resume: it continues after the last finished epoch, and the result is the same.
    """


def _command_for(name: str) -> click.Command:
    from tfae.cli.model_options import has_architectures, has_optimizer, model_options
    from tfae.hyperparameters import summary

    cls = model_names.model_class(name)
    own = model_options(cls)

    def callback(out: Path, resume: bool, **options: Any) -> None:
        architecture = options.get("architecture")
        given = {key: options[key] for key in own if options[key] is not None}
        training = {key: options[key] for key in _KEPT if key in options}
        of_data = data_config(options)
        of_data["labels"] |= cls.conditional
        hyperparameters = {k: own[k].parse(v, architecture) for k, v in given.items()}
        of_data["missing"] = hyperparameters.get("missing") == "mask"
        if of_data["missing"] and of_data["binarize"]:
            raise ValueError(
                "--binarize makes zeros of missing values. Leave it out, or --missing mask."
            )
        config = {
            "model": name,
            "hyperparameters": hyperparameters,
            "data": of_data,
            "training": {**training, "architecture": architecture},
        }
        _train(config, out, resume)

    options = [
        click.Option(
            [option.option],
            required=option.required,
            metavar="VALUE",
            help=f"{option.help}  [default: {option.default_text}]",
        )
        for option in own.values()
    ]
    shared = (*DATA, *_TRAINING, *(_of_architectures() if has_architectures(cls) else ()))
    if has_optimizer(cls):
        shared = (*shared, *_OF_OPTIMIZERS)
    if hasattr(cls, "pretrain"):
        shared = (*shared, *_OF_STACKS)
    return Command(
        name,
        params=[*sorted(shared, key=lambda option: not option.required), *options],
        callback=callback,
        help=summary(cls),
        context_settings={"show_default": False},
    )


_KEPT = ("epochs", "pretrain_epochs", "batch_size", "learning_rate", "seed", "latent_dim")


def _of_architectures() -> tuple[click.Option, ...]:
    from tfae.networks import ARCHITECTURES

    names = list(ARCHITECTURES)
    return (
        click.Option(["--latent-dim"], type=Whole(1), required=True, help="Size of the code."),
        click.Option(
            ["--architecture"],
            type=click.Choice(names),
            default=names[0],
            show_default=True,
            help="Kind of encoder and decoder.",
        ),
    )


def _train(config: dict[str, Any], out: Path, resume: bool) -> None:
    from tfae.cli.make_run import make_run

    try:
        made = make_run(config, out, "resume" if resume else "refuse")
    except KeyboardInterrupt:
        console.print("\nInterrupted. Run the same command with --resume to continue.")
        raise click.exceptions.Exit(130) from None
    if made.measured:
        console.print(measurements(f"Measured on {made.split} data", made.measured))
    console.print(
        f"[bold]{shown(out)}[/] holds the model, its history and pictures. "
        f"{next_steps(out, made.model)}",
        soft_wrap=True,
    )
