"""Pure functions of counts that stay exact in float32, where `lgamma` of a large count does not.

The logarithm of a count's probability is a small difference of large terms. Loader, "Fast and
accurate computation of binomial probabilities" (2000), rearranges it so that each term is small.
"""

import math

import tensorflow as tf

EXPONENTIAL_UP_TO = 11.0  # e^11 = 59,874: the largest slope that float16 can hold


def log_mean(output: tf.Tensor) -> tf.Tensor:
    """The logarithm of `mean`; it never takes the logarithm of a number that may be zero."""
    beyond = tf.nn.relu(output - EXPONENTIAL_UP_TO)
    return tf.minimum(output, EXPONENTIAL_UP_TO) + tf.math.log1p(beyond)


def mean(output: tf.Tensor) -> tf.Tensor:
    """The exponential up to an output of 11, a mean of 60,000; a straight line from there on.

    The line has the slope that the exponential has there. So no output overflows, and gradients are
    finite in float16, too.
    """
    beyond = tf.nn.relu(output - EXPONENTIAL_UP_TO)
    return tf.exp(tf.minimum(output, EXPONENTIAL_UP_TO)) * (1.0 + beyond)


def log_factorial_remainder(x: tf.Tensor) -> tf.Tensor:
    """`log(x!) - (x log x - x)` for `x >= 0`: about `log(2 pi x) / 2`; zero at zero."""
    # Stirling's series is exact in float32 from 8 on: smaller arguments are moved up by 8, and the
    # factors between are divided out.
    is_small = x < 8.0
    moved = tf.where(is_small, x + 8.0, x)
    square = tf.square(moved)
    series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / moved
    remainder = 0.5 * tf.math.log(2.0 * math.pi * moved) + series
    small = tf.where(is_small, x, 1.0)
    product = tf.ones_like(small)
    for i in range(1, 9):
        product *= small + i
    power = (small + 8.0) * tf.math.log(small + 8.0) - tf.math.xlogy(small, small) - 8.0
    return tf.where(is_small, remainder + power - tf.math.log(product), remainder)


def log_ratio(count: tf.Tensor, log_mean: tf.Tensor) -> tf.Tensor:
    """`log(mean / count)`; `log(mean)` where the count is zero."""
    return log_mean - tf.math.log(tf.where(count > 0, count, tf.ones_like(count)))
