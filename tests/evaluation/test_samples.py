"""Random samples of datasets."""

import pytest
import tensorflow as tf

from tfae.evaluation import random_sample


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match="`size` must be an integer of at least 1"):
        random_sample(tf.data.Dataset.range(9).batch(3), size)
