"""The command line: `tfae list`, `train`, `evaluate`, `generate` and `demo`."""

from tfae.cli.main import main

__all__ = ["main"]
