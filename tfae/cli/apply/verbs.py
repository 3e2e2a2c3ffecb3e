"""What each command computes for some examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfae.cli.apply.preparation import Preparation
from tfae.cli.apply.reader import Part, Reader

if TYPE_CHECKING:
    import keras


class Result(NamedTuple):
    """What a command computes for some examples.

    Attributes:
        array: What a .npy file gets: codes, scores or values, `(n, ...)`.
        columns: What a table gets in addition to its own columns, by name, each `(n,)`.
        values: What takes the place of the data, `(n, *shape)` in its units and type, or `None`.
        score_map: The score of each element, `(n, *shape)`, or `None`.
        only_missing: Whether the values replace only missing ones.
    """

    array: np.ndarray
    columns: dict[str, Any]
    values: np.ndarray | None = None
    score_map: np.ndarray | None = None
    only_missing: bool = False


class Verb:
    """Computes something for examples, part by part.

    Args:
        model: The run's model.
        preparation: How data is prepared for it.
        reader: The data.
        batch_size: How many examples the model takes at a time.
        **options: Further options of the command.

    Attributes:
        doing: What the command does, for the progress bar.
        any_range: Whether it accepts values outside the likelihood's range.
    """

    doing = ""
    any_range = False

    def __init__(
        self,
        model: keras.Model,
        preparation: Preparation,
        reader: Reader,
        batch_size: int,
        **options: Any,
    ):
        self.model, self.preparation, self.reader = model, preparation, reader
        self.batch_size, self.options = batch_size, options

    @classmethod
    def check(cls, model: keras.Model) -> None:
        """Raises `ValueError` if the model cannot do this."""

    def __call__(self, part: Part, x: Any) -> Result:
        """Computes it for a part; `x` is its data as the model takes it."""
        raise NotImplementedError


class Encode(Verb):
    """The codes: columns `code_0`, `code_1`, ..."""

    doing = "encoding"

    def __call__(self, part: Part, x: Any) -> Result:
        codes = self.model.encode(x, self.batch_size)
        flat = codes.reshape(len(codes), -1)
        return Result(codes, {f"code_{i}": column for i, column in enumerate(flat.T)})


class Score(Verb):
    """The anomaly scores: `anomaly_score`, `is_anomaly`, and `worst_column` if rows are flat.

    With `score_map=True` also the score of each element. Examples with a value outside the
    likelihood's range have an infinite score, as in exports.
    """

    doing = "scoring"
    any_range = True

    def __call__(self, part: Part, x: Any) -> Result:
        x, outside = _within_range(self.model, x)
        columns = scores(self.model, x, self.batch_size)
        if outside.any():
            is_outside = outside.reshape(len(outside), -1).any(axis=1)
            columns["anomaly_score"] = np.where(is_outside, np.inf, columns["anomaly_score"])
            if "is_anomaly" in columns:
                columns["is_anomaly"] = columns["is_anomaly"] | is_outside
        is_flat = len(self.reader.shape) == 1
        score_map = None
        by_model = getattr(self.model, "schema", None) is not None
        if (is_flat and not by_model) or self.options.get("score_map"):
            score_map = self.model.anomaly_map(x, self.batch_size)
            score_map = np.where(outside, np.inf, score_map)
        if is_flat:
            # A model of a table knows what is usual for each column.
            columns["worst_column"] = (
                self.model.worst_column(x, self.batch_size)
                if by_model
                else self.reader.worst_columns(score_map)
            )
        return Result(columns["anomaly_score"], columns, score_map=score_map)


class Reconstruct(Verb):
    """The data as the model reconstructs it, in the units and types of the data.

    With `scores=True` also the anomaly scores.
    """

    doing = "reconstructing"

    def __call__(self, part: Part, x: Any) -> Result:
        values = self.preparation.undo(self.model.reconstruct(x, self.batch_size))
        wanted = self.options.get("scores")
        columns = scores(self.model, x, self.batch_size) if wanted else {}
        return Result(values, columns, values)


class Impute(Verb):
    """The data with its missing values filled in; the others stay as they are."""

    doing = "imputing"

    @classmethod
    def check(cls, model: keras.Model) -> None:
        if getattr(model, "missing", None) != "mask":
            raise ValueError(
                "The run was trained without missing values, so it cannot fill any in. Train with "
                "--missing mask."
            )

    def __call__(self, part: Part, x: Any) -> Result:
        seed = self.options["seed"] + part.first
        values = self.model.impute(
            x, num_samples=self.options["samples"], seed=seed, batch_size=self.batch_size
        )
        values = self.preparation.undo(values)
        is_missing = part.x != part.x  # NaN, for every type of numbers
        return Result(np.where(is_missing, values, part.x), {}, values, only_missing=True)


def scores(model: keras.Model, x: Any, batch_size: int) -> dict[str, np.ndarray]:
    """Returns the anomaly scores, and whether they are above the threshold if one is fitted."""
    score = model.anomaly_score(x, batch_size)
    if model.threshold is None:
        return {"anomaly_score": score}
    return {"anomaly_score": score, "is_anomaly": ~(score <= model.threshold)}


def _within_range(model: keras.Model, x: Any) -> tuple[Any, np.ndarray]:
    """Moves values into the likelihood's range; also returns which were outside, `(n, *shape)`."""
    array = x["x"] if isinstance(x, dict) else x
    support = model.data_contract().support
    if support is None:
        return x, np.zeros(array.shape, bool)
    low, high = (np.asarray(end, np.float32) for end in support)
    outside = (array < low) | (array > high)
    if not outside.any():
        return x, outside
    array = np.where(outside, np.clip(array, low, high), array)
    return {**x, "x": array} if isinstance(x, dict) else array, outside
