"""Random samples from a dataset."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfae.arguments import whole_number


def random_sample(dataset: tf.data.Dataset, size: int, seed: int = 0) -> Any:
    """Draws examples without replacement, in one pass over a dataset of any size.

    Args:
        dataset: Batches of tensors, or of dictionaries or tuples of tensors.
        size: Number of examples, at least 1; fewer if the dataset has fewer.
        seed: Integer seed of the choice.

    Returns:
        One batch of NumPy arrays `(size, ...)`, in the order of the dataset.

    Raises:
        ValueError: If the dataset holds no examples, or `size` is below 1.
    """
    size = whole_number("size", size, 1)
    rng = np.random.default_rng(seed)
    kept, keys = [], np.zeros(0)  # the examples with the smallest random keys
    for batch in dataset.as_numpy_iterator():
        drawn = rng.random(len(tf.nest.flatten(batch)[0]))
        limit = np.sort(keys)[size - 1] if len(keys) >= size else 1.0
        chosen = drawn < limit
        if chosen.any():
            kept.append(tf.nest.map_structure(lambda a: a[chosen], batch))  # noqa: B023 - used now
            keys = np.concatenate([keys, drawn[chosen]])
    if not kept:
        raise ValueError("The dataset holds no examples.")
    smallest = np.sort(np.argsort(keys)[:size])
    return tf.nest.map_structure(lambda *parts: np.concatenate(parts)[smallest], *kept)
