"""What a prior is."""

import keras
import tensorflow as tf


class Prior(keras.layers.Layer):
    """A distribution over codes `(latent_dim,)`.

    It is a Keras layer so that its parameters are trained, saved and counted like other weights; a
    model builds it for its code and never calls it.

    Attributes:
        latent_dim: Size of the code; known once it is built.
        num_classes: How many classes have parts of their own, which labels choose; `None` when
            labels mean nothing to it.
        is_density: Whether it has `log_density`.
    """

    latent_dim: int
    num_classes: int | None = None
    is_density = True

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def build(self, code_shape: tuple[int | None, ...]) -> None:
        """Builds it for codes of shape `(batch, latent_dim)`."""
        self.latent_dim = code_shape[-1]
        self.built = True

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Draws codes.

        Args:
            n: How many.
            seed: int64 `(2,)`, of which the result is a function. The first m of n codes are those
                that m alone would be.
            label: int64 `(n,)`, the class of each code, where `num_classes` says how many there
                are; -1 for any class.

        Returns:
            float32 tensor `(n, latent_dim)`.
        """
        raise NotImplementedError

    def log_density(self, code: tf.Tensor) -> tf.Tensor:
        """log p(code) in nats, `[...]`, of codes `[..., latent_dim]`."""
        raise NotImplementedError
