"""The denoising autoencoder."""

import keras

from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.losses.likelihoods import Likelihood

__all__ = ["DenoisingAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class DenoisingAutoencoder(EncoderDecoder):
    """Learns to undo noise: corrupts its input in training and reconstructs the clean one.

    What `fit` reads is corrupted anew in every step. Validation, `evaluate` and everything else
    outside training see the data as it is, so `val_loss` is the error of reconstructing clean
    data, and does not depend on chance.

    `fit(noisy, clean)` trains on pairs of your own. The corruption applies on top of `noisy`
    there, too; with `corruption=None` the pairs are used as they are.

    Example:
        ```python
        model = tfae.DenoisingAutoencoder.from_shape((28, 28, 1), 64, corruption="masking")
        model.compile()
        model.fit(images, epochs=10)
        cleaned = model.reconstruct(noisy_images)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to codes `(batch, latent_dim)`.
        decoder: Keras model from codes to raw outputs of the data's shape, ending in a linear
            layer.
        corruption: `"masking"`, `"gaussian"`, `"salt_and_pepper"`, a layer such as
            `tfae.layers.MaskingCorruption(0.5)` or any other Keras layer that keeps the shape of
            its input, or `None` for no corruption. A layer without a seed takes the model's.
        likelihood: `"bernoulli"`, `"gaussian"`, `"squared_error"`, or a `tfae.losses.Likelihood`.
            It is asked of the clean data; corrupted data may leave its range.
        seed: Integer from which the noise and the order of the data follow; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If `corruption` is unknown or changes the shape of the data.

    Reference:
        Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders",
        2008; Vincent et al., "Stacked Denoising Autoencoders", 2010.
    """

    takes_noise = True

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        corruption: str | keras.layers.Layer | None = "masking",
        likelihood: str | Likelihood = "bernoulli",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(
            encoder, decoder, likelihood=likelihood, corruption=corruption, seed=seed, **kwargs
        )
        self._build_if_possible()
