"""The command line: `tfae train`, `evaluate`, `generate` and so on."""

from tfae.cli.main import main

__all__ = ["main"]
