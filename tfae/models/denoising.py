"""The denoising autoencoder."""

import keras

from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.losses.likelihoods import Likelihood

__all__ = ["DenoisingAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class DenoisingAutoencoder(EncoderDecoder):
    """Learns to remove noise: corrupts its input in training and reconstructs the clean data.

    Every train step draws new noise. Validation, `evaluate` and everything else outside training
    use the data without noise, so `val_loss` is the deterministic error of reconstructing clean
    data.

    `fit(noisy, clean)` trains on your own pairs. The corruption is then applied to `noisy`, too;
    with `corruption=None` the pairs are used as they are.

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
        likelihood: Name of one, such as `"bernoulli"`, `"gaussian"` or `"poisson"`, or a
            `tfae.losses.Likelihood`. Only the clean data must lie in its range; corrupted
            data need not.
        seed: Integer that determines the noise and the order of the data; `None` draws one.
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
