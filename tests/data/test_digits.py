"""The embedded digits."""

import numpy as np
from sklearn.datasets import load_digits

from tfae import data


def test_the_split_is_fixed_stratified_and_complete():
    found = data.find("digits")
    assert found.splits == ("train", "test")
    assert found.describe("train").num_examples == 1442
    assert found.describe("test").num_examples == 355
    parts = {s: found.load(s, 2000, labels=True, shuffle=False) for s in found.splits}
    parts = {s: next(iter(dataset)) for s, dataset in parts.items()}
    for label in range(10):
        counts = [int((parts[s]["label"] == label).numpy().sum()) for s in ("train", "test")]
        assert 0.18 < counts[1] / sum(counts) < 0.21
    together = np.concatenate([parts["train"]["x"], parts["test"]["x"]])[..., 0]
    original = load_digits().images / 16
    assert sorted(map(bytes, together)) == sorted(map(bytes, original.astype(np.float32)))
    # The first images of scikit-learn's set; a changed split would make old results incomparable.
    assert parts["train"]["label"][:10].numpy().tolist() == list(range(10))
    assert parts["test"]["label"][:10].numpy().tolist() == [5, 0, 9, 8, 7, 1, 2, 6, 3, 4]
