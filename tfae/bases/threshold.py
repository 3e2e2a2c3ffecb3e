"""Conformal thresholds for anomaly scores."""

import math

import numpy as np


def conformal_threshold(scores: np.ndarray, false_positive_rate: float) -> float:
    """Returns a score that a new one exceeds with a probability of at most `false_positive_rate`.

    Args:
        scores: Scores of normal examples, `(n,)`.
        false_positive_rate: In (0, 1).

    Raises:
        ValueError: If there are too few scores, one is NaN, or the threshold would be infinite.

    Reference:
        Laxhammar and Falkman, "Conformal Prediction for Distribution-Independent Anomaly Detection
        in Streaming Vessel Data", 2010.
    """
    n = len(scores)
    if np.isnan(scores).any():
        raise ValueError(
            f"{int(np.isnan(scores).sum())} of {n} anomaly scores are NaN, so there can be no "
            "threshold: the model's weights or the data hold NaN."
        )
    # The margin absorbs rounding: a product such as 9.000000000000002 must not become 10.
    rank = math.ceil((n + 1) * (1 - false_positive_rate) - 1e-9)
    if rank > n:
        needed = math.ceil(1 / false_positive_rate - 1 - 1e-9)
        raise ValueError(
            f"A false-positive rate of {false_positive_rate:g} needs at least {needed} normal "
            f"examples; received {n}."
        )
    threshold = float(np.partition(scores, rank - 1)[rank - 1])
    if math.isinf(threshold):
        raise ValueError(
            f"{int(np.isinf(scores).sum())} of {n} normal examples have an infinite score, since "
            "they are out of the model's range: more than a false-positive rate of "
            f"{false_positive_rate:g} allows."
        )
    return threshold
