"""The page of `tfae explore`, which shows a map of codes and runs the model in the browser."""

from tfae.explore.page_files import prepare
from tfae.explore.server import PageServer
from tfae.explore.signals import exit_on_signals
from tfae.explore.web_runtime import install

__all__ = ["PageServer", "exit_on_signals", "install", "prepare"]
