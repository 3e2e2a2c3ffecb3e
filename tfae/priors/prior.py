"""The base class of priors."""

import math

import keras
import tensorflow as tf

from tfae.ops.reference import standard_uniform


class Prior(keras.layers.Layer):
    """A distribution over codes `(latent_dim,)`.

    It is a Keras layer so that its parameters are trained, saved and counted like other weights. A
    model builds it for its codes, but never calls it.

    Attributes:
        latent_dim: Size of the code; known once it is built.
        num_classes: Number of classes if labels choose a part of the prior; `None` if it ignores
            labels.
        is_density: Whether it has `log_density`.
        is_bounded: Whether its density is zero for some codes, which it never draws.
        is_learned: Whether it is trained with the model, by the gradient of its density.
    """

    latent_dim: int
    num_classes: int | None = None
    is_density = True
    is_bounded = False
    is_learned = False

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def bind(
        self,
        encoder: keras.layers.Layer,
        input_shape: tuple[int | None, ...],
        support: tuple[float, float] | None,
        seed: int,
    ) -> None:
        """Called by the model before `build`, for priors that depend on the model; most do not.

        Args:
            encoder: The model's encoder.
            input_shape: Shape of one example.
            support: Closed interval that the data lies in, or `None`.
            seed: The model's seed, for initial weights.
        """

    def build(self, code_shape: tuple[int | None, ...]) -> None:
        """Builds it for codes of shape `(batch, latent_dim)`."""
        self.latent_dim = code_shape[-1]
        self.built = True

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Draws codes.

        Args:
            n: Number of codes.
            seed: int64 `(2,)`, which determines the result. The first m of n codes are the same as
                m codes drawn alone.
            label: int64 `(n,)`, the class of each code if the prior has classes; -1 for any class.

        Returns:
            float32 tensor `(n, latent_dim)`.
        """
        raise NotImplementedError

    def log_density(self, code: tf.Tensor) -> tf.Tensor:
        """log p(code) in nats, `[...]`, for codes `[..., latent_dim]`."""
        raise NotImplementedError

    def expected_log_density(self, mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
        """E[log p(z)] for z ~ N(mean, exp(log_variance)), estimated without noise.

        It is the mean over 2 d sigma points, `mean +- sqrt(d) * deviation` along each dimension,
        which have the mean and covariance of that Gaussian. So it is exact if log p is quadratic,
        that is, for every Gaussian p.

        Args:
            mean, log_variance: `(batch, latent_dim)`.

        Returns:
            Tensor `(batch,)`, nats.

        Reference:
            Julier and Uhlmann, "Unscented Filtering and Nonlinear Estimation", 2004.
        """
        dimension = mean.shape[-1]
        steps = tf.eye(dimension, dtype=mean.dtype)[:, None, :] * sigma_steps(log_variance)
        points = tf.concat([mean + steps, mean - steps], axis=0)
        return tf.reduce_mean(self.log_density(points), axis=0)


def sigma_steps(log_variance: tf.Tensor) -> tf.Tensor:
    """How far the sigma points of a Gaussian lie from its mean, along each dimension."""
    return math.sqrt(log_variance.shape[-1]) * tf.exp(0.5 * log_variance)


def label_or_any(
    n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None, num_classes: int
) -> tf.Tensor:
    """Returns the class of each code: its label, or a random class where the label is missing.

    Args:
        n: Number of codes.
        seed: int64 `(2,)`, which determines the random classes.
        label: int64 `(n,)`, -1 for any class; `None` for any class everywhere.
        num_classes: Classes are 0 to `num_classes - 1`.

    Returns:
        int64 tensor `(n,)`.
    """
    # Another random stream than the one that places a code within its class.
    uniform = standard_uniform([n], tf.random.fold_in(seed, 1, "philox"))
    drawn = tf.cast(tf.floor(uniform * num_classes), tf.int64)
    if label is None:
        return drawn
    label = tf.cast(label, tf.int64)
    return tf.where(label < 0, drawn, label)
