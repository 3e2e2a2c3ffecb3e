"""Checks a model before it is written: all of its numbers must be finite."""

import math

import keras
import numpy as np

from tfae.bases.autoencoding import Autoencoding
from tfae.classifier import Classifier


def check_numbers(model: Autoencoding | Classifier, weights: bool = True) -> None:
    """Checks that the weights and the threshold of a built model are finite.

    Args:
        model: A built model.
        weights: Whether to check the weights.

    Raises:
        ValueError: If a weight or the threshold is NaN or infinite.
    """
    # A model's own state may be infinite, such as how long an atom has not been used.
    own = {id(v) for v in model.non_trainable_variables}
    own -= {id(v) for layer in model.layers for v in layer.variables}
    damaged = [v.path for v in model.variables if weights and not _is_number(v, id(v) in own)]
    if damaged:
        more = f" and {len(damaged) - 3} more" if len(damaged) > 3 else ""
        raise ValueError(
            f"`model` was not exported: its weights {', '.join(damaged[:3])}{more} hold NaN or "
            "infinity, as after a training whose loss became NaN. Go back to an earlier checkpoint "
            "and train on with a lower learning rate; check_finite=False exports it all the same."
        )
    threshold = getattr(model, "threshold", None)
    if threshold is not None and not math.isfinite(threshold):
        raise ValueError(
            f"`model` was not exported: its threshold is {threshold}, so it cannot separate "
            "scores. Call fit_threshold again with data that has finite scores."
        )


def _is_number(variable: keras.Variable, infinite: bool) -> bool:
    values = keras.ops.convert_to_numpy(variable.value)
    if values.dtype.kind in "iub":
        return True
    return not np.isnan(values).any() if infinite else bool(np.isfinite(values).all())
