"""`tfae demo`."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import click
import numpy as np

from tfae import data
from tfae.cli.console import console, table_of
from tfae.cli.options import DATA
from tfae.cli.runs import PartialRun
from tfae.cli.training import train_run


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to make.  [default: tfae-demo, or the next name that is free]",
)
@click.option("--epochs", type=click.IntRange(1), default=150, show_default=True)
@click.option("--latent-dim", type=click.IntRange(1), default=2, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def demo(out: Path | None, epochs: int, latent_dim: int, seed: int) -> None:
    """Train a variational autoencoder on embedded data, in a minute.

    The data are scikit-learn's handwritten digits: real, 8x8 pixels, no network needed.
    """
    out = out or _free_name("tfae-demo")
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
        measured = train_run(config, out, resume=False)
    except KeyboardInterrupt:
        shutil.rmtree(PartialRun(out).folder, ignore_errors=True)
        console.print("\nInterrupted; nothing is kept.")
        raise click.exceptions.Exit(130) from None
    console.print(_comparison(measured, latent_dim))
    pictures = sorted(path.name for path in (out / "pictures").iterdir())
    console.print(
        f"[bold]{out}[/] holds model.keras, config.json, history.csv, evaluation.json, "
        f"tensorboard/ and pictures/: {', '.join(pictures)}.\n\nNext:\n"
        f"  tfae generate {out}  # more samples\n"
        f"  tfae evaluate {out} --importance-samples 100  # an estimate of log p(x)\n"
        "  tfae list  # other models and data\n"
        "  tfae train variational --data mnist --latent-dim 20 --epochs 30 --out mnist-vae\n"
        "or in Python:\n"
        "  import keras, tfae\n"
        f"  model = keras.saving.load_model('{out}/model.keras')\n"
        "  codes = model.encode(images)  # float32 (n, 8, 8, 1) in [0, 1]",
        soft_wrap=True,
    )


def _comparison(measured: dict[str, float], latent_dim: int) -> Any:
    pca = _pca_error(latent_dim)
    rows = {
        "ELBO, nats": (f"{measured['elbo']:.2f}", "-"),
        "reconstruction loss, nats": (f"{measured['reconstruction_loss']:.2f}", "-"),
        "KL, nats": (f"{measured['kl_loss']:.2f}", "-"),
        "squared error of the reconstruction": (f"{measured['squared_error']:.3f}", f"{pca:.3f}"),
    }
    title = f"355 test digits, code of {latent_dim} numbers; means per image"
    return table_of(title, rows, ("", "VAE", "PCA"))


def _pca_error(latent_dim: int) -> float:
    """Squared error an image of PCA with as many components, on the same digits."""
    from sklearn.decomposition import PCA

    found = data.find("digits")
    train, test = (
        next(found.load(split, 2000, shuffle=False).as_numpy_iterator()).reshape(-1, 64)
        for split in ("train", "test")
    )
    pca = PCA(latent_dim).fit(train)
    return float(np.square(pca.inverse_transform(pca.transform(test)) - test).sum(axis=1).mean())


def _free_name(name: str) -> Path:
    names = itertools.chain([name], (f"{name}-{i}" for i in itertools.count(2)))
    return next(path for path in map(Path, names) if not path.exists())
