"""Shows the progress of training."""

from __future__ import annotations

import time

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class ShowProgress(keras.callbacks.ProgbarLogger):
    """A progress bar over all epochs on a terminal; elsewhere, a line every few seconds.

    It is a `ProgbarLogger` so that tfae's models know that it only watches, and still run several
    training steps as one program.
    """

    def __init__(self, console: Console, epochs: int, done: int):
        super().__init__()
        self._console, self._epochs, self._done = console, epochs, done
        self._line = ""
        self._printed = time.monotonic()
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[losses]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def on_train_begin(self, logs: dict | None = None) -> None:
        fields = {"epoch": self._done, "epochs": self._epochs, "losses": ""}
        self._task = self._progress.add_task(
            "training", total=self._epochs, completed=self._done, **fields
        )
        self._progress.start()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._done = epoch
        self._progress.update(self._task, epoch=epoch + 1)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        steps = self.params.get("steps")
        if steps:
            fraction = min(1.0, (batch + 1) / steps)
            self._progress.update(self._task, completed=self._done + fraction)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        names = ("loss", "val_loss")
        values = {name: logs[name] for name in names if name in logs} if logs else {}
        losses = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self._progress.update(self._task, completed=epoch + 1, losses=losses)
        self._line = f"epoch {epoch + 1}/{self._epochs}  {losses}"
        if not self._console.is_terminal and time.monotonic() - self._printed > 5:
            self._print()

    def on_train_end(self, logs: dict | None = None) -> None:
        self.close()
        if self._line:
            self._print()

    def close(self) -> None:
        """Stops drawing on the terminal."""
        self._progress.stop()

    def _print(self) -> None:
        if not self._console.is_terminal:
            self._console.print(self._line)
        self._line = ""
        self._printed = time.monotonic()

    # These replace what the parent does with its own bar.
    def on_test_begin(self, logs: dict | None = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None: ...
    def on_test_end(self, logs: dict | None = None) -> None: ...
    def set_params(self, params: dict) -> None:
        self.params = params
