"""The command line: `tfae train`, `evaluate`, `generate` and so on, one file a command."""

from tfae.cli.main import main

__all__ = ["main"]
