"""The losses of each epoch, written as a table and as TensorBoard logs."""

from __future__ import annotations

import csv
from pathlib import Path

History = list[dict[str, float]]
"""For each epoch, its number from 1 on, its duration in seconds, and its losses."""


def write_history(path: Path, history: History) -> None:
    """Writes a history as CSV, one line per epoch."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(history[0]) if history else ["epoch"])
        writer.writeheader()
        writer.writerows(history)


class TensorBoardLog:
    """Logs the losses of each epoch, with training and validation as two curves in one chart."""

    def __init__(self, folder: Path):
        import tensorflow as tf

        self._writers = {
            part: tf.summary.create_file_writer(str(folder / part))
            for part in ("train", "validation")
        }

    def write(self, epoch: dict[str, float]) -> None:
        """Adds one epoch of a history."""
        import tensorflow as tf

        for part, writer in self._writers.items():
            with writer.as_default(step=int(epoch["epoch"])):
                for name, value in epoch.items():
                    is_validation = name.startswith("val_")
                    if name not in ("epoch", "seconds") and is_validation == (part != "train"):
                        tf.summary.scalar(name.removeprefix("val_"), value)
            writer.flush()

    def close(self) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()
