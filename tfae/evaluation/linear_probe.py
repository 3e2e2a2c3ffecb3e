"""The linear probe: how well a linear classifier recognises classes from codes."""

from typing import Any

import numpy as np

from tfae.evaluation import checks


def linear_probe(
    codes: Any, labels: Any, test_codes: Any, test_labels: Any, regularisation: float = 1.0
) -> float:
    """Computes the accuracy of a logistic regression on standardised codes.

    Args:
        codes: Training codes `(n, latent_dim)`.
        labels: Their classes, `(n,)`; unlabelled rows, -1, are left out.
        test_codes, test_labels: Likewise, to measure the accuracy.
        regularisation: `C` of scikit-learn's `LogisticRegression`: smaller is stronger.

    Returns:
        Accuracy on the test codes, in [0, 1].

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
        raise ValueError(f"`{name}` holds only -1, which means unlabelled.")
    return codes[known], labels[known]
