"""The sparse autoencoder."""

from collections.abc import Sequence
from typing import Any, Self

import keras
import tensorflow as tf

from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.batches.batch import Batch
from tfae.layers import TopK
from tfae.losses.likelihoods import Likelihood
from tfae.losses.sparsity import KL, L1, Sparsity, zero_fraction
from tfae.networks.layer_outputs import hidden_model, last_layer
from tfae.networks.output_layer import activation_of, output_layer

__all__ = ["SparseAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class SparseAutoencoder(EncoderDecoder):
    """Represents each example by a few active units: most hidden activations are zero.

    The code may have more units than the data has dimensions. There are three kinds of sparsity:

    * `"l1"`: a penalty on every hidden layer's activations, in the encoder and the decoder. The
      code needs an activation that can be zero; `from_shape` uses a ReLU.
    * `"kl"`: pulls the mean activation of every unit of the code towards a target. The code must
      have a sigmoid activation, which `from_shape` uses.
    * `"top_k"`: keeps the k largest units of the code and sets the others to zero. The layer
      becomes the last one of `model.encoder`. `from_shape` applies it to a linear code, as in the
      paper; a ReLU in front of it excludes negative units.

    The logs show `sparsity_loss`, which is zero for top-k, and `zero_fraction`, the fraction of
    exact zeros among the penalised activations.

    Example:
        ```python
        model = tfae.SparseAutoencoder.from_shape((784,), 1000, hidden_units=(), sparsity="l1")
        model.compile()
        model.fit(images, epochs=10)
        codes = model.encode(images)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to codes `(batch, latent_dim)`; Functional or
            Sequential.
        decoder: Keras model from codes to raw outputs of the data's shape, ending in a linear
            layer.
        sparsity: `"l1"`, `"kl"`, `"top_k"`, or an object with other parameters:
            `tfae.losses.L1(coefficient)`, `tfae.losses.KL(target, coefficient)`,
            `tfae.layers.TopK(k, alpha)`.
        likelihood: Name of one, such as `"bernoulli"`, `"gaussian"` or `"poisson"`, or a
            `tfae.losses.Likelihood`.
        seed: Integer that determines the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If `sparsity` is unknown, or needs another kind of code.

    Reference:
        Ng, "Sparse Autoencoder", 2011; Makhzani and Frey, "k-Sparse Autoencoders", 2013.
    """

    loss_names = ("reconstruction_loss", "sparsity_loss")
    monitor_names = ("zero_fraction",)

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        sparsity: str | Sparsity | TopK = "l1",
        likelihood: str | Likelihood = "bernoulli",
        seed: int | None = None,
        **kwargs,
    ):
        sparsity = _get(sparsity)
        if isinstance(sparsity, TopK):
            encoder = _ending_in(encoder, sparsity)
        super().__init__(encoder, decoder, likelihood=likelihood, seed=seed, **kwargs)
        self.sparsity = sparsity
        self._build_if_possible()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "sparsity" and "sparsity" in self.__dict__:
            value = _get(value)
            if isinstance(value, TopK) or isinstance(self.sparsity, TopK):
                raise AttributeError(
                    "`sparsity` cannot be changed to top-k or from it, which is a layer of the "
                    "encoder: make a new model. `model.sparsity.k` can be set."
                )
        super().__setattr__(name, value)

    @classmethod
    def from_shape(
        cls,
        input_shape: Sequence[int],
        latent_dim: int,
        architecture: str = "mlp",
        **hyperparameters,
    ) -> Self:
        """Like every model's `from_shape`, with the code activation that the sparsity needs."""
        sparsity = _get(hyperparameters.get("sparsity", "l1"))
        default = "linear" if isinstance(sparsity, TopK) else sparsity.code_activation
        hyperparameters.setdefault("code_activation", default)
        return super().from_shape(input_shape, latent_dim, architecture, **hyperparameters)

    def _check_networks(self, input_shape: Sequence[int | None]) -> None:
        super()._check_networks(input_shape)
        layer = output_layer(self.encoder)
        if isinstance(self.sparsity, KL) and activation_of(layer) is not keras.activations.sigmoid:
            raise ValueError(
                "sparsity='kl' needs a code of sigmoid units, whose mean activation is a "
                f"probability; the last layer of `encoder` is {layer.name!r} with the activation "
                f"{getattr(activation_of(layer), '__name__', layer.name)}. End the encoder in a "
                "sigmoid, or use sparsity='l1' or 'top_k'."
            )
        networks = (self.encoder, self.decoder)
        if not isinstance(self.sparsity, TopK) and self.sparsity.every_layer:
            networks = tuple(map(hidden_model, networks))
        # In a function, since Keras would otherwise save these networks a second time.
        self._with_hidden = lambda: networks

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        encoder, decoder = self._with_hidden()
        code, *hidden = _as_list(encoder(self._encoder_input(batch, training), training=training))
        output, *decoder_hidden = _as_list(decoder(code, training=training))
        activations = [*hidden, code, *decoder_hidden]
        reconstruction = self.reconstruction_loss(batch, output)
        if isinstance(self.sparsity, TopK):
            penalty = tf.zeros_like(reconstruction)
        else:
            penalty = self.sparsity.penalty(activations, batch.sample_weight)
        return {
            "reconstruction_loss": reconstruction,
            "sparsity_loss": penalty,
            "zero_fraction": zero_fraction(activations),
        }

    def get_config(self) -> dict:
        sparsity = keras.saving.serialize_keras_object(self.sparsity)
        return {**super().get_config(), "sparsity": sparsity}


_SHORTCUTS = {"l1": L1, "kl": KL, "top_k": lambda: TopK(name="top_k")}


def _get(sparsity: Any) -> Sparsity | TopK:
    if isinstance(sparsity, Sparsity | TopK):
        return sparsity
    if isinstance(sparsity, str) and sparsity in _SHORTCUTS:
        return _SHORTCUTS[sparsity]()
    raise ValueError(
        f"`sparsity` must be one of {sorted(_SHORTCUTS)} or an object such as "
        f"tfae.losses.L1(0.1) or tfae.layers.TopK(25); received sparsity={sparsity!r}."
    )


def _ending_in(encoder: keras.Model, top_k: TopK) -> keras.Model:
    """Ends the encoder in `top_k`, unless it does already (when a model is loaded)."""
    if not getattr(encoder, "outputs", None):
        raise ValueError(
            "sparsity='top_k' adds a layer to the encoder and needs a Functional or a built "
            f"Sequential model; received {encoder!r}."
        )
    last = last_layer(encoder)
    if not isinstance(last, TopK):
        inputs = encoder.inputs if len(encoder.inputs) > 1 else encoder.inputs[0]
        return keras.Model(inputs, top_k(encoder.outputs[0]), name=encoder.name)
    if (last.k, last.alpha) != (top_k.k, top_k.alpha):
        raise ValueError(
            f"`encoder` ends in TopK(k={last.k}, alpha={last.alpha:g}), but `sparsity` is "
            f"TopK(k={top_k.k}, alpha={top_k.alpha:g}); make them equal, or leave the layer out."
        )
    return encoder


def _as_list(tensors: Any) -> list[tf.Tensor]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]
