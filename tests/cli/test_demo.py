"""`tfae demo`."""

import contextlib
import json
from pathlib import Path

import pytest

from tfae.cli import make_run
from tfae.cli.partial_run import PartialRun


@pytest.mark.slow
def test_it_trains_and_compares_with_pca(tfae):
    shown = " ".join(tfae("demo --epochs 1").output.split())
    for word in ("ELBO", "PCA", "3.331", "355 test digits", "can exceed 1", "tfae list"):
        assert word in shown
    assert "tfae explore tfae-demo" in shown
    assert Path("tfae-demo/model.keras").exists()
    assert "exists already" in tfae("demo --out tfae-demo", exit_code=2).output


def test_it_takes_the_next_free_name(tfae, untrained):
    Path("tfae-demo").mkdir()
    Path("tfae-demo-2").touch()
    shown = tfae("demo --epochs 1 --latent-dim 3").output
    assert "tfae-demo-3" in shown
    assert Path("tfae-demo-3/model.keras").exists()


def test_a_demo_that_was_killed_starts_again(tfae, untrained):
    run = PartialRun(Path("tfae-demo"))
    config = {"data": {}}
    with contextlib.suppress(KeyboardInterrupt), run.claimed(config, "refuse"):
        (run.checkpoints.folder / "00007").mkdir(parents=True)  # as after kill -9
        raise KeyboardInterrupt
    assert run.folder.exists()
    shown = tfae("demo --epochs 1").output
    assert "resum" not in shown
    assert Path("tfae-demo/model.keras").exists()
    assert not run.folder.exists()


def test_an_interrupted_demo_leaves_no_files(tfae, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(make_run, "train_epochs", interrupted)
    assert "nothing was kept" in tfae("demo", exit_code=130).output
    assert not list(Path().iterdir())


@pytest.mark.slow
def test_the_demo_is_better_than_pca(tfae):
    tfae("demo")
    measured = json.loads(Path("tfae-demo/evaluation.json").read_text())["test"]
    assert measured["squared_error"] < 0.6 * 3.331
    assert measured["elbo"] > 12
