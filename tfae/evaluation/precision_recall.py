"""Precision and recall of generated data: does it look real, and does it cover the real data?"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from tfae.arguments import whole_number
from tfae.evaluation import checks

_MAX_ELEMENTS = 2**22  # at a time, of the matrix of distances


class PrecisionRecall(NamedTuple):
    """Precision and recall, both in [0, 1].

    Attributes:
        precision: Fraction of the generated examples that lie in the manifold of the real ones.
        recall: Fraction of the real examples that lie in the manifold of the generated ones.
    """

    precision: float
    recall: float


def precision_recall(real: Any, generated: Any, neighbours: int = 3) -> PrecisionRecall:
    """Estimates precision and recall with nearest neighbours in a feature space.

    The manifold of a sample is the union of balls around its points, each reaching to the point's
    k-th nearest neighbour in the sample. Both numbers depend on the sizes of the samples: compare
    models with the same sizes, best n = m.

    Args:
        real, generated: Features `(n, d)` and `(m, d)`.
        neighbours: The k above, at least 1.

    Raises:
        ValueError: If the sizes of rows differ, or a sample has fewer than `neighbours + 1` rows.

    Reference:
        Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative
        Models", 2019.
    """
    neighbours = whole_number("neighbours", neighbours, 1)
    names = ("real", "generated")
    real, generated = checks.pair(names, (real, generated), minimum=neighbours + 1)
    return PrecisionRecall(
        _fraction_inside(generated, real, neighbours), _fraction_inside(real, generated, neighbours)
    )


def _fraction_inside(points: np.ndarray, sample: np.ndarray, neighbours: int) -> float:
    """The fraction of `points` in the manifold of `sample`."""
    # Number 0 of a point's nearest neighbours is the point itself.
    radii = np.concatenate(
        [
            np.partition(distances, neighbours)[:, neighbours]
            for distances in _distances(sample, sample)
        ]
    )
    inside = [(distances <= radii).any(axis=1) for distances in _distances(points, sample)]
    return float(np.concatenate(inside).mean())


def _distances(points: np.ndarray, sample: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the matrix of distances, some rows at a time."""
    size = max(1, _MAX_ELEMENTS // len(sample))
    for start in range(0, len(points), size):
        yield cdist(points[start : start + size], sample)
