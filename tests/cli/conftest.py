"""Commands run in this process, and small runs."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tfae.cli import main

SMALL = "--data digits --latent-dim 2 --hidden-units 16 --batch-size 256"
"""Options of a run that takes a moment."""


@pytest.fixture
def tfae(monkeypatch, tmp_path):
    """Runs `tfae ...` in an empty folder and returns click's result."""
    monkeypatch.chdir(tmp_path)

    def run(command, exit_code=0):
        result = CliRunner().invoke(main, shlex.split(command), catch_exceptions=False)
        assert result.exit_code == exit_code, result.output
        return result

    return run


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """A finished run of a small variational model."""
    out = tmp_path_factory.mktemp("runs") / "vae"
    arguments = f"train variational {SMALL} --epochs 3 --seed 7 --beta 0.5 --out {out}"
    result = CliRunner().invoke(main, shlex.split(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return out
