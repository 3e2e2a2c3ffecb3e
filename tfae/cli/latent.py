"""`tfae interpolate RUN` and `tfae traverse RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import keras
import numpy as np

from tfae import evaluation, latent, pictures
from tfae.cli.console import console
from tfae.cli.options import held_out_split, load_split, open_data
from tfae.cli.outputs import OUT, check_out, write_examples
from tfae.cli.runs import read_run

_LOOKED_AT = 2000  # examples whose codes say how far a dimension reaches


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-n", "--number", type=click.IntRange(1), default=8, show_default=True, help="Ways.")
@click.option("--steps", type=click.IntRange(2), default=10, show_default=True, help="A way.")
@click.option("--kind", type=click.Choice(latent.KINDS), default=latent.KINDS[0], show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the choice of the ends.")
@OUT
def interpolate(run: Path, number: int, steps: int, kind: str, seed: int, out: Path | None) -> None:
    """Decode the codes between pairs of held-out examples.

    A conditional model decodes each step with the class of the nearer end; the one in the middle,
    with that of the first.
    """
    check_out(out)
    model, codes, label = _codes(run, 2 * number, seed)
    if len(codes) < 2:
        raise ValueError("A way has two ends, and there is only one held-out example.")
    number = len(codes) // 2
    ends = np.random.default_rng(seed).permutation(len(codes))
    first, last = ends[: 2 * number].reshape(-1, 2).T
    ways = latent.interpolate(codes[first], codes[last], steps, kind)
    nearer = np.where(np.arange(steps) < steps / 2, first[:, None], last[:, None])
    examples = _decoded(model, ways, None if label is None else label[nearer])
    shape = examples.shape[2:]
    out = write_examples(examples, out, "interpolations", shape, pictures.image_rows)
    console.print(f"{number} {kind} ways of {steps} examples of shape {shape}: [bold]{out}[/]")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-n",
    "--number",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="Dimensions at most, those that vary most.",
)
@click.option("--steps", type=click.IntRange(2), default=10, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the choice of example.")
@OUT
def traverse(run: Path, number: int, steps: int, seed: int, out: Path | None) -> None:
    """Decode a held-out example with one latent dimension after another changed.

    A row each, from the first to the ninety-ninth percentile of what held-out examples have there.
    A conditional model decodes all of them with the class of the example.
    """
    check_out(out)
    model, codes, label = _codes(run, _LOOKED_AT, seed)
    chosen = np.random.default_rng(seed).integers(len(codes))
    dimensions = np.sort(np.argsort(-codes.std(axis=0))[:number])
    low, high = np.percentile(codes, (1, 99), axis=0)
    rows = [
        latent.traverse(codes[chosen], d, np.linspace(low[d], high[d], steps)) for d in dimensions
    ]
    examples = _decoded(model, np.stack(rows), None if label is None else label[chosen])
    shape = examples.shape[2:]

    def draw(images: np.ndarray) -> Any:
        return pictures.image_rows(images, [str(d) for d in dimensions])

    out = write_examples(examples, out, "traversals", shape, draw)
    shown = ", ".join(map(str, dimensions))
    console.print(f"Dimensions {shown}, {steps} examples of shape {shape} each: [bold]{out}[/]")


def _codes(run: Path, number: int, seed: int) -> tuple[keras.Model, np.ndarray, np.ndarray | None]:
    """The model of a run, codes `(number, latent_dim)` of held-out examples, and their labels.

    The labels are `None` where the model does not look at them.
    """
    model, config = read_run(run)
    if not hasattr(model, "decode"):
        raise ValueError(f"{type(model).__name__} has no codes to decode.")
    source, of_data = open_data(config["data"]), config["data"]
    split = held_out_split(source, of_data)
    dataset = load_split(source, of_data, split, 256, labels=of_data["labels"], shuffle=False)
    sample = evaluation.random_sample(dataset, number, seed)
    codes = model.encode(sample)
    if codes.ndim != 2:
        raise ValueError(f"Codes of shape {codes.shape[1:]} are no points to go between.")
    return model, codes, sample["label"] if model.conditional else None


def _decoded(model: keras.Model, codes: np.ndarray, label: np.ndarray | None) -> np.ndarray:
    """Examples `(rows, steps, ...)` of codes `(rows, steps, latent_dim)` and their labels."""
    if label is not None:
        label = np.broadcast_to(label, codes.shape[:2]).reshape(-1)
    examples = model.decode(codes.reshape(-1, codes.shape[-1]), label=label)
    return examples.reshape(*codes.shape[:2], *examples.shape[1:])
