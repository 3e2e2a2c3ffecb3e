"""The validation split: the same examples in every run, whatever the training seed."""

import numpy as np
import tensorflow as tf

from tfae.arguments import between
from tfae.batches.order import pass_order
from tfae.data.examples import Examples


def hold_out(examples: Examples, fraction: float) -> tuple[Examples, Examples]:
    """Splits the examples in two, at random but always in the same way.

    Args:
        examples: All examples.
        fraction: Fraction to hold out, between 0 and 1.

    Returns:
        The examples left for training, and those held out.

    Raises:
        ValueError: If the fraction is not between 0 and 1, or one of the two would be empty.
    """
    held = round(examples.size * between("validation_split", fraction, 0, 1))
    if not 0 < held < examples.size:
        raise ValueError(
            f"validation_split={fraction!r} of {examples.size} examples leaves none on one side. "
            "Pass a fraction that leaves some on both."
        )
    order = pass_order(examples.size, 0, tf.constant(0)).numpy()
    return examples.take(np.sort(order[held:])), examples.take(np.sort(order[:held]))
