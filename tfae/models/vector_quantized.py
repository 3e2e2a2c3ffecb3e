"""The vector-quantised variational autoencoder."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfae import priors
from tfae.arguments import non_negative
from tfae.attributes import checked_by
from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.batches.batch import Batch
from tfae.batches.feeding import Inputs
from tfae.layers.vector_quantizer import VectorQuantizer
from tfae.losses.likelihoods import Likelihood
from tfae.networks import conv

__all__ = ["VectorQuantizedVariationalAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class VectorQuantizedVariationalAutoencoder(EncoderDecoder):
    """An autoencoder with discrete codes (VQ-VAE): the vectors of a code come from a codebook.

    The last axis of the encoder's output is split into vectors of size `embedding_dim`, and each is
    replaced by its nearest embedding. So a convolutional encoder gives a grid of indices;
    `from_shape` builds one with `architecture="conv"`, where `latent_dim` is the size of a vector.
    With `"mlp"` the code has `latent_dim / embedding_dim` vectors.

    The loss is `reconstruction_loss + commitment * commitment_loss`, where the commitment loss is
    the squared distance of the encoder's output from the embeddings. Gradients pass from the
    decoder to the encoder straight through the quantisation. The codebook follows the encoder's
    output as a moving average, and embeddings that are hardly used restart at vectors of the batch.
    The logs show `perplexity`, the effective number of embeddings in a batch: the exponential of
    the entropy of their frequencies.

    `encode` gives the quantised vectors, `indices` their indices in the codebook. `fit_prior`
    counts the indices at each position, and `generate` draws from these frequencies. A model of how
    indices occur together, which you can train on `indices`, gives better pictures;
    `decode_indices` decodes its samples.

    Example:
        ```python
        model = tfae.VectorQuantizedVariationalAutoencoder.from_shape(
            (28, 28, 1), latent_dim=16, architecture="conv", num_embeddings=128
        )
        model.compile()
        model.fit(images, epochs=10)
        grid = model.indices(images)  # (n, 7, 7)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to codes `(batch, latent_dim)` or
            `(batch, height, width, latent_dim)`.
        decoder: Keras model from such codes to raw outputs of the data's shape, ending in a linear
            layer.
        num_embeddings: Size of the codebook.
        embedding_dim: Size of a vector, a divisor of the code's last axis; `None` for all of it.
        commitment: Weight of the commitment loss, zero or more.
        decay: Decay of the codebook's moving averages, in [0, 1).
        restart_below: Embeddings used less than this fraction of an even share, in [0, 1), restart
            at vectors of the batch; with zero, none does after the first step.
        likelihood: Name of one, such as `"bernoulli"`, `"gaussian"` or `"poisson"`, or a
            `tfae.losses.Likelihood`.
        seed: Integer that determines the restarts and the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the networks do not fit together, or a number is out of range.

    Reference:
        Van den Oord, Vinyals and Kavukcuoglu, "Neural Discrete Representation Learning", 2017.
    """

    loss_names = ("reconstruction_loss", "commitment_loss")
    monitor_names = ("perplexity",)
    prior_kinds = ("categorical",)
    attribute_checks: ClassVar[dict[str, Callable]] = {
        "commitment": checked_by(non_negative, "commitment")
    }

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        num_embeddings: int = 512,
        embedding_dim: int | None = None,
        commitment: float = 0.25,
        decay: float = 0.99,
        restart_below: float = 0.1,
        likelihood: str | Likelihood = "bernoulli",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood=likelihood, seed=seed, **kwargs)
        self.commitment = commitment
        self.quantizer = VectorQuantizer(
            num_embeddings, embedding_dim, decay, restart_below, seed=self.seed, name="quantizer"
        )
        self._build_if_possible()

    @classmethod
    def _networks(
        cls, build: functools.partial, input_shape: Sequence[int], latent_dim: int
    ) -> tuple[keras.Model, keras.Model]:
        if "hidden_units" not in build.keywords and build.func is conv:
            build = functools.partial(build, hidden_units=None)  # fully convolutional: a grid
        return build(input_shape, latent_dim)

    def _check_networks(self, input_shape: Sequence[int | None]) -> None:
        super()._check_networks(input_shape)
        self.quantizer.build((None, *self.code_shape))

    def encode_batch(self, batch: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        quantized, indices = self.quantizer(self._encoder_output(batch, training))
        return {"code": quantized, "indices": indices}

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        encoded = tf.cast(self._encoder_output(batch, training), tf.float32)
        quantized, indices = self.quantizer(encoded)
        quantized = tf.stop_gradient(quantized)
        if training:
            self.quantizer.update(tf.stop_gradient(encoded), indices, batch.sample_weight)
        straight_through = encoded + tf.stop_gradient(quantized - encoded)
        output = self._decoder_output(batch._replace(x=straight_through), training)
        axes = list(range(1, encoded.shape.rank))
        commitment = tf.reduce_sum(tf.math.squared_difference(encoded, quantized), axis=axes)
        return {
            "reconstruction_loss": self.reconstruction_loss(batch, output),
            "commitment_loss": commitment,
            "perplexity": tf.fill(tf.shape(commitment), self.quantizer.perplexity(indices)),
        }

    def term_weights(self) -> dict[str, tf.Tensor | float]:
        return {"commitment_loss": self.commitment}

    # ------------------------------------------------------------------ arrays in, arrays out

    def _density_of(
        self, x: Any, kind: str, seed: int, batch_size: int, **options: Any
    ) -> priors.Prior:
        del seed  # counts are deterministic
        codebook = np.asarray(self.quantizer.codebook)
        indices = self.indices(x, batch_size)
        return priors.fit(indices, kind, codebook=codebook, code_shape=self.code_shape, **options)

    def indices(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Encodes data as indices into the codebook.

        Args:
            x: Array `(n, ...)` or batched dataset.
            batch_size: Examples at a time, for arrays.

        Returns:
            int32 `(n, height, width)` for a convolutional encoder, `(n, latent_dim /
            embedding_dim)` for a flat code, or `(n,)` if that is a single vector.
        """

        def indices(batch: Batch) -> tf.Tensor:
            return self.encode_batch(batch)["indices"]

        return self._map_batches("indices", indices, self._checked(x), batch_size)

    def decode_indices(self, indices: Any, batch_size: int = 256) -> np.ndarray:
        """Decodes indices into the codebook, in the form that `indices` returns.

        Args:
            indices: Integers from 0 to `num_embeddings - 1`.
            batch_size: Examples at a time, for arrays.

        Returns:
            Data `(n, ...)`: the mean of p(x | z).

        Raises:
            ValueError: If they are not integers in this range.
        """
        indices = np.asarray(indices)
        if indices.dtype.kind not in "iu" or (
            indices.size and not 0 <= indices.min() <= indices.max() < self.quantizer.num_embeddings
        ):
            raise ValueError(
                "`indices` must be integers from 0 to "
                f"{self.quantizer.num_embeddings - 1}; received {indices.dtype}"
                + (f" from {indices.min()} to {indices.max()}." if indices.size else ".")
            )

        def decode(batch: Batch) -> tf.Tensor:
            codes = self.quantizer.lookup(batch.x, self.code_shape)
            return self.decode_batch(batch._replace(x=codes))

        inputs = Inputs(Batch(indices.astype("int32")))
        return self._map_batches("decode_indices", decode, inputs, batch_size)

    def get_config(self) -> dict:
        quantizer = self.quantizer.get_config()
        names = ("num_embeddings", "embedding_dim", "decay", "restart_below")
        return {
            **super().get_config(),
            **{name: quantizer[name] for name in names},
            "commitment": self.commitment,
        }
