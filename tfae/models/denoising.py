"""The denoising autoencoder."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.batches.batch import Batch
from tfae.layers import corruption as corruptions
from tfae.layers.seeds import seed_unseeded
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

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        corruption: str | keras.layers.Layer | None = "masking",
        likelihood: str | Likelihood = "bernoulli",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood=likelihood, seed=seed, **kwargs)
        self.corruption = corruptions.get(corruption)
        if self.corruption is not None:
            seed_unseeded(self.corruption, self.seed)
        self._build_if_possible()

    def _check_networks(self, input_shape: Sequence[int | None]) -> None:
        super()._check_networks(input_shape)
        if self.corruption is None:
            return
        data = keras.KerasTensor((None, *tuple(input_shape)[1:]))
        corrupted = self.corruption(data)
        if tuple(corrupted.shape) != tuple(data.shape):
            raise ValueError(
                f"`corruption` must keep the shape of the data, {tuple(data.shape)}; "
                f"{self.corruption.name!r} gives {tuple(corrupted.shape)}."
            )

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        if training and self.corruption is not None:
            # Only the input: the target is the clean data, also where both were one tensor.
            batch = batch._replace(x=self.corruption(batch.x, training=True))
        return super().loss_terms(batch, training)

    def get_config(self) -> dict:
        corruption = keras.saving.serialize_keras_object(self.corruption)
        return {**super().get_config(), "corruption": corruption}
