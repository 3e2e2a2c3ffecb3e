"""`tfae demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfae.cli.console import console, shown, table_of
from tfae.cli.data_options import DATA
from tfae.cli.errors import Command
from tfae.cli.next_steps import next_steps
from tfae.cli.outputs import free_name
from tfae.cli.shared_options import PATH, count, seed

if TYPE_CHECKING:
    from rich.table import Table


@click.command(cls=Command)
@click.option(
    "--out",
    type=PATH,
    help="Folder to create.  [default: tfae-demo, or tfae-demo-2 and so on if it exists]",
)
@count("--epochs", default=150, help="Passes over the training data.")
@count("--latent-dim", default=2, help="Size of the code; 2 gives a map of all codes.")
@seed("Seed of everything random.")
def demo(out: Path | None, epochs: int, latent_dim: int, seed: int) -> None:
    """Train a variational autoencoder on embedded data, in a minute.

    The data are scikit-learn's handwritten digits: real, 8x8 pixels, no network needed.
    """
    from tfae.cli.make_run import make_run
    from tfae.cli.partial_run import PartialRun

    out = out or free_name(Path("tfae-demo"))
    of_data = {**dict.fromkeys(option.name for option in DATA), "data": "digits", "scale": "auto"}
    of_data.update(validation_split=0.0, labels=False)
    config = {
        "model": "variational",
        "hyperparameters": {"hidden_units": (256, 128), "likelihood": "Gaussian:scale=learned"},
        "data": of_data,
        "training": {
            "epochs": epochs,
            "batch_size": 64,
            "learning_rate": 1e-3,
            "seed": seed,
            "latent_dim": latent_dim,
            "architecture": "mlp",
        },
    }
    try:
        # A demo that was killed starts again: it takes only a minute, and has no --resume.
        made = make_run(config, out, interrupted="discard")
    except KeyboardInterrupt:
        PartialRun(out).discard()
        console.print("\nInterrupted; nothing was kept.")
        raise click.exceptions.Exit(130) from None
    if "elbo" in made.measured:
        console.print(_comparison(made.measured, latent_dim))
        console.print(
            "The ELBO is a bound on the log density of an image. A density, unlike a probability, "
            "can exceed 1: the learned pixel noise is small, so the ELBO may be positive.",
            soft_wrap=True,
        )
    pictures = sorted(path.name for path in (out / "pictures").glob("*.png"))
    console.print(
        f"[bold]{shown(out)}[/] holds model.keras, config.json, history.csv, evaluation.json, "
        f"tensorboard/ and pictures/: {', '.join(pictures)}.\n\n"
        f"{next_steps(out, made.model)}\n"
        "  tfae list  # other models and data\n"
        "  tfae train variational --data mnist --latent-dim 20 --epochs 30 --out mnist-vae",
        soft_wrap=True,
    )


def _comparison(measured: dict[str, float], latent_dim: int) -> Table:
    pca = f"{_pca_error(latent_dim):.3f}" if latent_dim <= 64 else "-"
    rows = {
        "ELBO, nats": (f"{measured['elbo']:.2f}", "-"),
        "reconstruction loss, nats": (f"{measured['reconstruction_loss']:.2f}", "-"),
        "KL, nats": (f"{measured['kl_loss']:.2f}", "-"),
        "squared error of the reconstruction": (f"{measured['squared_error']:.3f}", pca),
    }
    title = f"Means over 355 test digits, with codes of size {latent_dim}"
    return table_of(title, rows, ("", "VAE", "PCA"))


def _pca_error(latent_dim: int) -> float:
    """Returns PCA's squared error per image, with as many components, on the same digits."""
    import numpy as np
    from sklearn.decomposition import PCA

    from tfae import data

    found = data.find("digits")
    train, test = (
        next(found.load(split, 2000, shuffle=False).as_numpy_iterator()).reshape(-1, 64)
        for split in ("train", "test")
    )
    pca = PCA(latent_dim).fit(train)
    return float(np.square(pca.inverse_transform(pca.transform(test)) - test).sum(axis=1).mean())
