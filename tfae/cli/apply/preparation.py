"""Prepares new data as a run prepared its training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfae.cli.data_options import open_data
from tfae.data import binarize
from tfae.data.scaling import Scaling

if TYPE_CHECKING:
    import keras


class Preparation:
    """Prepares stored numbers for a run's model, and converts its output back.

    Args:
        model: The run's model.
        config: The run's configuration.
        dtype: Type of the numbers that are stored in the new data.

    Raises:
        ValueError: If the run does not know how its data was scaled.
    """

    def __init__(self, model: keras.Model, config: dict[str, Any], dtype: np.dtype):
        of_data = config["data"]
        by_model = getattr(model, "scaling", None)
        self._is_by_model = by_model is not None
        if by_model is None:
            self._scaling = _scaling(of_data, dtype)
        else:
            self._scaling = Scaling(by_model.shift, by_model.factor)
        self._binarize, self._seed = of_data["binarize"], config["training"]["seed"]
        self._dtype = dtype

    def apply(self, x: np.ndarray, first: int) -> np.ndarray:
        """Prepares stored examples `(n, *shape)`, before which there are `first` others."""
        if self._is_by_model and not self._binarize:
            return np.asarray(x, np.float32)
        x = self._scaling.scale(x)
        if self._binarize == "threshold":
            x = binarize.threshold(x).numpy()
        elif self._binarize:
            x = binarize.bernoulli(x, self._seed, 0, np.int64(first)).numpy()
        return self._scaling.unscale(x) if self._is_by_model else x

    def undo(self, x: np.ndarray) -> np.ndarray:
        """Converts what the model gives, `(n, *shape)`, to the units and type of the data."""
        if not self._is_by_model:
            x = self._scaling.unscale(x)
        if self._dtype.kind in "iu":
            ends = np.iinfo(self._dtype)
            x = np.clip(np.rint(x.astype(np.float64)), ends.min, ends.max)
        elif self._dtype.kind == "b":
            x = x >= 0.5
        return x.astype(self._dtype)


def _scaling(of_data: dict[str, Any], dtype: np.dtype) -> Scaling:
    """Returns the scaling that comes before a model that has none of its own."""
    scale = of_data["scale"]
    if scale is None:
        return Scaling()
    if scale == "auto" and (dtype.kind in "fb" or (dtype.kind == "u" and dtype.itemsize <= 2)):
        return Scaling(factor=np.float32(1 / np.iinfo(dtype).max if dtype.kind == "u" else 1))
    if "scaling" in of_data:
        return Scaling.from_config(of_data["scaling"])
    source = open_data(of_data)  # the run is older than this command
    return source.scaling(scale, of_data["validation_split"])
