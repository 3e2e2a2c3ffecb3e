"""`tfae train MODEL`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfae.cli import models
from tfae.cli.console import console, measurements
from tfae.cli.options import DATA, data_config
from tfae.cli.training import train_run
from tfae.networks import ARCHITECTURES

_TRAINING = (
    click.Option(
        ["--out"],
        required=True,
        type=click.Path(path_type=Path),
        metavar="RUN",
        help="Folder to make, with the model, its history and pictures.",
    ),
    click.Option(["--epochs"], type=click.IntRange(1), default=20, show_default=True),
    click.Option(["--batch-size"], type=click.IntRange(1), default=128, show_default=True),
    click.Option(
        ["--seed"],
        type=int,
        default=0,
        show_default=True,
        help="All that is random follows from it.",
    ),
    click.Option(["--resume"], is_flag=True, help="Go on with an interrupted run, exactly."),
)
_OF_OPTIMIZERS = (
    click.Option(
        ["--learning-rate"],
        type=click.FloatRange(0, min_open=True),
        help="Of the optimizer of encoder and decoder, Adam.  [default: what `compile` of the "
        "model takes by itself, mostly 1e-3]",
    ),
)
_OF_ARCHITECTURES = (
    click.Option(["--latent-dim"], type=click.IntRange(1), required=True, help="Size of the code."),
    click.Option(
        ["--architecture"],
        type=click.Choice(list(ARCHITECTURES)),
        default=next(iter(ARCHITECTURES)),
        show_default=True,
        help="Of encoder and decoder.",
    ),
)
_OF_STACKS = (
    click.Option(
        ["--pretrain-epochs"],
        type=click.IntRange(0),
        default=10,
        show_default=True,
        help="Of each layer, before the epochs of the whole model; 0 leaves them out.",
    ),
)


class _Train(click.Group):
    """A command for each model, with the model's own options."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(models.commands())

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        cls = models.resolve(name)
        return None if cls is None else _command_for(cls)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and models.resolve(args[0]) is None:
            meant = models.near(args[0])
            hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
            raise click.UsageError(
                f"There is no model {args[0]!r}; there are {', '.join(models.commands())}.{hint}"
            )
        _, command, rest = super().resolve_command(ctx, args)
        return command.name, command, rest


@click.command(
    "train",
    cls=_Train,
    subcommand_metavar="MODEL --data NAME --out RUN [OPTIONS]",
    epilog="Each model has options of its own: `tfae train MODEL --help`.",
)
def train() -> None:
    """Train a model on data, into the folder of a run.

    The folder appears when everything is done. An interrupted command, however it ended, goes on
    with --resume from its last epoch, and comes to the same result.
    """


def _command_for(cls: type) -> click.Command:
    own = models.hyperparameters(cls)
    has_architectures = models.has_architectures(cls)

    def callback(out: Path, resume: bool, **options: Any) -> None:
        training = {
            key: options[key]
            for key in (
                "epochs",
                "pretrain_epochs",
                "batch_size",
                "learning_rate",
                "seed",
                "latent_dim",
            )
            if key in options
        }
        architecture = options.get("architecture")
        training["architecture"] = architecture
        given = {key: options[key] for key in own if options[key] is not None}
        config = {
            "model": models.command_name(cls),
            "hyperparameters": {k: own[k].parse(v, architecture) for k, v in given.items()},
            "data": data_config(options),
            "training": training,
        }
        config["data"]["labels"] |= cls.conditional
        _train(config, out, resume)

    options = [
        click.Option(
            [hyperparameter.option],
            required=hyperparameter.required,
            metavar="VALUE",
            help=f"{hyperparameter.help}  [default: {hyperparameter.default_text}]",
        )
        for hyperparameter in own.values()
    ]
    shared = (*DATA, *_TRAINING, *(_OF_ARCHITECTURES if has_architectures else ()))
    if models.has_optimizer(cls):
        shared = (*shared, *_OF_OPTIMIZERS)
    if hasattr(cls, "pretrain"):
        shared = (*shared, *_OF_STACKS)
    return click.Command(
        models.command_name(cls),
        params=[*sorted(shared, key=lambda option: not option.required), *options],
        callback=callback,
        help=models.first_sentence(cls),
        context_settings={"show_default": False},
    )


def _train(config: dict[str, Any], out: Path, resume: bool) -> None:
    try:
        measured = train_run(config, out, resume)
    except KeyboardInterrupt:
        console.print("\nInterrupted. The same command with --resume goes on where it was.")
        raise click.exceptions.Exit(130) from None
    console.print(measurements("Held-out data", measured))
    console.print(
        f"[bold]{out}[/] holds the model, its history and pictures. Next:\n"
        f"  tfae evaluate {out}\n"
        f"  tfae generate {out}\n"
        f"  python -c \"import keras, tfae; model = keras.saving.load_model('{out}/model.keras')\"",
        soft_wrap=True,
    )
