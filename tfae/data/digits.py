"""The embedded data: scikit-learn's handwritten digits."""

import numpy as np

from tfae.data.examples import InMemory


def read_digits() -> dict[str, InMemory]:
    """Reads 1,797 real handwritten digits, 8x8, from the UCI repository; scikit-learn has them.

    The split is fixed: in scikit-learn's order, every fifth image of each class is a test image.
    That makes 1,442 for training and 355 for testing. (The same people wrote digits in both.)

    Returns:
        The splits "train" and "test"; x float32 `(n, 8, 8, 1)` in [0, 1], labels 0 to 9.
    """
    from sklearn.datasets import load_digits  # slow to import

    data = load_digits()
    x = (data.images / 16.0).astype(np.float32)[..., None]
    label = data.target.astype(np.int64)
    test = np.zeros(len(x), bool)
    for digit in range(10):
        test[np.flatnonzero(label == digit)[4::5]] = True
    names = tuple(str(digit) for digit in range(10))
    return {
        "train": InMemory(x[~test], label[~test], names),
        "test": InMemory(x[test], label[test], names),
    }
