"""The Wasserstein autoencoder with the MMD penalty."""

import keras

from tfae.models.encoder_decoder import EncoderDecoder

__all__ = ["WassersteinAutoencoder"]

# Multiples of the kernel's scale for codes of N(0, I), so that near and far codes feel it.
_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@keras.saving.register_keras_serializable("tfae")
class WassersteinAutoencoder(EncoderDecoder):
    """A generative model whose codes, all together, follow a prior: WAE-MMD.

    The encoder is deterministic. Training minimises `reconstruction_loss + penalty * mmd_loss`,
    where `mmd_loss` is the squared maximum mean discrepancy between the codes of a batch and as
    many draws from the prior, with inverse multiquadratic kernels. Unlike the KL of a variational
    model it does not pull the code of every single example towards the prior. It is estimated
    without bias, so it is around zero, also below it, where codes and prior agree; batches of 100
    and more estimate it well.

    Example:
        ```python
        model = tfae.WassersteinAutoencoder.from_shape((28, 28, 1), latent_dim=8)
        model.compile()
        model.fit(images, epochs=10, batch_size=100)
        new_images = model.generate(16, seed=1)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to codes `(batch, latent_dim)`.
        decoder: Keras model from codes to raw outputs of the data's shape, ending in a linear
            layer.
        likelihood: `"squared_error"` as in the paper, `"bernoulli"`, `"gaussian"`, or a
            `tfae.losses.Likelihood`.
        penalty: Weight of the discrepancy, zero or more.
        prior: A name in `tfae.priors.PRIORS`, or a `tfae.priors.Prior`; it need have no density.
        seed: Integer from which the draws and the order of the data follow; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the networks do not fit together, or `penalty` is out of range.

    Reference:
        Tolstikhin et al., "Wasserstein Auto-Encoders", 2018.
    """

    loss_names = ("reconstruction_loss", "mmd_loss")
