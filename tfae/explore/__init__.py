"""The page of `tfae explore`: encoder and decoder in the browser, on the map of codes."""

from tfae.explore.preparation import prepare
from tfae.explore.server import PageServer
from tfae.explore.signals import exit_on_signals
from tfae.explore.web_runtime import install

__all__ = ["PageServer", "exit_on_signals", "install", "prepare"]
