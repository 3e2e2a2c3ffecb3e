"""The standard autoencoder."""

import keras

from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.losses.likelihoods import Likelihood

__all__ = ["Autoencoder"]


@keras.saving.register_keras_serializable("tfae")
class Autoencoder(EncoderDecoder):
    """Learns a code by reconstructing its input: minimises the reconstruction error.

    With linear networks and squared error it learns the subspace of PCA (Baldi and Hornik, 1989).

    Example:
        ```python
        model = tfae.Autoencoder.from_shape((28, 28, 1), latent_dim=32)
        model.compile()
        model.fit(images, epochs=10)
        codes = model.encode(images)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to codes `(batch, latent_dim)`.
        decoder: Keras model from codes to raw outputs of the data's shape, ending in a linear
            layer.
        likelihood: Name of one, such as `"bernoulli"`, `"gaussian"` or `"poisson"`, or a
            `tfae.losses.Likelihood`.
        seed: Integer that determines the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Reference:
        Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", 2006.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        likelihood: str | Likelihood = "bernoulli",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood=likelihood, seed=seed, **kwargs)
        self._build_if_possible()
