"""How well a linear classifier reads classes off the codes."""

from typing import Any

import numpy as np

from tfae.evaluation import checks


def linear_probe(
    codes: Any, labels: Any, test_codes: Any, test_labels: Any, regularisation: float = 1.0
) -> float:
    """Accuracy of a logistic regression on codes, each dimension brought to variance one.

    Args:
        codes: To train it on, `(n, latent_dim)`.
        labels: Their classes, `(n,)`; rows with -1, unlabelled, are left out.
        test_codes, test_labels: To measure it on, likewise.
        regularisation: `C` of scikit-learn's `LogisticRegression`: smaller is stronger.

    Returns:
        The part of the test codes whose class it tells, in [0, 1].

    Raises:
        ValueError: If codes and labels do not fit together.

    Reference:
        Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    codes, test_codes = checks.pair(("codes", "test_codes"), (codes, test_codes), minimum=1)
    codes, labels = _labelled("labels", codes, labels)
    test_codes, test_labels = _labelled("test_labels", test_codes, test_labels)
    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(C=regularisation, max_iter=1000)
    )
    return float(classifier.fit(codes, labels).score(test_codes, test_labels))


def _labelled(name: str, codes: np.ndarray, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(labels)
    if labels.shape != (len(codes),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"`{name}` must be {len(codes)} integers, one for each code; received {labels.dtype} "
            f"of shape {labels.shape}."
        )
    known = labels != -1
    if not known.any():
        raise ValueError(f"`{name}` holds no labels but -1, which means unlabelled.")
    return codes[known], labels[known]
