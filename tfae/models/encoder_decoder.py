"""What every model of an encoder and a decoder network shares."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from tfae.losses import likelihoods
from tfae.models.autoencoding import Autoencoding
from tfae.models.features import feature_model
from tfae.networks import ARCHITECTURES
from tfae.training.batches import Batch
from tfae.training.contract import DataContract


class EncoderDecoder(Autoencoding):
    """An encoder, a decoder, and a likelihood that says what the decoder's output means.

    Args:
        encoder: Keras model from data `(batch, ...)` to codes `(batch, latent_dim)`.
        decoder: Keras model from codes to raw outputs of the data's shape. Its last layer is
            linear: the likelihood applies the link.
        likelihood: `"bernoulli"`, `"gaussian"`, `"squared_error"`, or a `tfae.losses.Likelihood`.
        seed: Integer from which all noise and the order of the data follow; `None` takes one
            from Keras' global seed.
        **kwargs: Passed to `keras.Model`, for example `name` and `dtype`.

    Raises:
        ValueError: If the shapes of encoder and decoder do not fit together.
    """

    loss_names = ("reconstruction_loss",)
    _variational = False  # Whether `from_shape` builds an encoder with two heads.

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        likelihood: str | likelihoods.Likelihood = "bernoulli",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        for name, network in (("encoder", encoder), ("decoder", decoder)):
            if not isinstance(network, keras.layers.Layer):
                raise ValueError(
                    f"`{name}` must be a Keras model; received {network!r} of type "
                    f"{type(network).__name__}."
                )
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihoods.get(likelihood)

    def _build_if_possible(self) -> None:
        """For the end of a constructor: checks the networks when the encoder declares its input.

        This is not `build`, after which Keras would let a subclass add no layers of its own.
        """
        shape = getattr(self.encoder, "input_shape", None) if self.encoder.built else None
        if shape is not None:  # Else, a subclassed model: built from the first data.
            self._check_networks(shape)
            self.built = True

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Builds both networks for inputs of `input_shape`, `(batch, ...)`, and checks them.

        Raises:
            ValueError: If the networks do not fit together.
        """
        self._check_networks(input_shape)
        self.built = True

    def _check_networks(self, input_shape: Sequence[int | None]) -> None:
        input_shape = (None, *tuple(input_shape)[1:])
        code = self._checked_code(self.encoder(keras.KerasTensor(input_shape)))
        expected = getattr(self.decoder, "input_shape", None) if self.decoder.built else None
        if expected is not None and tuple(expected) != tuple(code.shape):
            raise ValueError(
                f"`decoder` takes codes of shape {tuple(expected)}, but `encoder` gives "
                f"{tuple(code.shape)}; make the two sizes equal."
            )
        output = self.decoder(keras.KerasTensor(code.shape))
        shape = getattr(output, "shape", None)
        if shape is None or not _compatible(shape[1:], input_shape[1:]):
            given = shape if shape is not None else f"{type(output).__name__} of outputs"
            raise ValueError(
                f"`decoder` gives {given}, but the data has shape {input_shape}: the decoder must "
                "end in a linear layer with the shape of the data."
            )
        self.latent_dim = code.shape[-1]
        if self.prior is not None:
            self.prior.build(code.shape)
        self._contract = DataContract(input_shape[1:], tuple(shape[1:]), self.likelihood.support)

    def _checked_code(self, encoded: Any) -> keras.KerasTensor:
        """Checks what the encoder gives; returns the code that the decoder gets."""
        if not hasattr(encoded, "shape"):
            raise ValueError(
                f"`encoder` of {type(self).__name__} must give one tensor, the code; it gives "
                f"{len(encoded)}. Encoders with two heads are for variational models."
            )
        return encoded

    @classmethod
    def from_shape(
        cls,
        input_shape: Sequence[int],
        latent_dim: int,
        architecture: str = "mlp",
        **hyperparameters,
    ) -> Self:
        """Builds the model with networks of a standard architecture.

        Args:
            input_shape: Shape of one example, without the batch.
            latent_dim: Size of the code.
            architecture: `"mlp"` or `"conv"`; see `tfae.networks`.
            **hyperparameters: Those of the architecture (such as `hidden_units`) and of the
                constructor (such as `likelihood` and `seed`), by name.

        Raises:
            ValueError: If the architecture or a hyperparameter is unknown.
        """
        if architecture not in ARCHITECTURES:
            raise ValueError(
                f"`architecture` must be one of {sorted(ARCHITECTURES)}; received {architecture!r}."
            )
        builder = ARCHITECTURES[architecture]
        of_network = _keyword_names(builder) - {"variational"}
        of_model = set(cls.hyperparameter_names()) | {"name", "dtype"}
        unknown = set(hyperparameters) - of_network - of_model
        if unknown:
            raise ValueError(
                f"{cls.__name__} with architecture={architecture!r} has no hyperparameter "
                f"{', '.join(sorted(unknown))}; it has {', '.join(sorted(of_network | of_model))}."
            )
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(hyperparameters.get("dtype") or before)
        try:
            networks = cls._networks(
                *builder(
                    input_shape,
                    latent_dim,
                    variational=cls._variational,
                    **{k: v for k, v in hyperparameters.items() if k in of_network},
                )
            )
        finally:
            keras.config.set_dtype_policy(before)
        return cls(*networks, **{k: v for k, v in hyperparameters.items() if k in of_model})

    @classmethod
    def _networks(cls, encoder: keras.Model, decoder: keras.Model) -> tuple[Any, Any]:
        """What the constructor takes, of what an architecture builds."""
        return encoder, decoder

    @classmethod
    def hyperparameter_names(cls) -> list[str]:
        """Names of the constructor's arguments, without the networks.

        A subclass that takes `**kwargs` has its parent's arguments as well.
        """
        names: dict[str, None] = {}
        for owner in cls.__mro__:
            parameters = inspect.signature(owner.__init__).parameters
            names.update(dict.fromkeys(parameters))
            if owner is EncoderDecoder or "kwargs" not in parameters:
                break
        return [n for n in names if n not in _NETWORK_ARGUMENTS]

    # ------------------------------------------------------------------ in the graph

    def code(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.encoder(x, training=training)

    def decoded(self, code: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.likelihood.mean(self.decoder(code, training=training))

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        output = self.decoder(self.code(batch.x, training=training), training=training)
        return {"reconstruction_loss": self.likelihood.loss(batch.target, output)}

    def score(self, x: tf.Tensor) -> tf.Tensor:
        return self.likelihood.loss(x, self.decoder(self.code(x)))

    def score_formula(self) -> list[dict[str, Any]] | None:
        formula = self.likelihood.formula()
        return None if formula is None else [formula]

    # ------------------------------------------------------------------ arrays in, arrays out

    def features(
        self, x: Any, batch_size: int = 256, layers: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Activations of every encoder layer: each hidden layer is a representation.

        Args:
            x: Array `(n, ...)` or batched dataset.
            batch_size: Examples at a time, for arrays.
            layers: Names of the layers wanted; all of them by default.

        Returns:
            Layer name to post-activation output `(n, ...)`, in the order of computation. Layers
            of a nested model are named "block/dense".

        Raises:
            ValueError: If the encoder is neither Functional nor Sequential, so that Keras does
                not know its inner tensors, or has no layer of a name.
        """
        model = feature_model(self.encoder, layers)

        def features(x: tf.Tensor) -> dict[str, tf.Tensor]:
            return model(x, training=False)

        name = f"features {sorted(model.output)}"
        return self._map(name, features, self._checked(x), batch_size)

    # ------------------------------------------------------------------ serialisation

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "likelihood": keras.saving.serialize_keras_object(self.likelihood),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Self:
        return cls(
            **{
                key: keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
                if isinstance(value, dict)
                else value
                for key, value in config.items()
            }
        )


_NETWORK_ARGUMENTS = {
    "self",
    "encoder",
    "decoder",
    "encoders",
    "decoders",
    "discriminator",
    "kwargs",
}


def _keyword_names(function: Callable) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def _compatible(a: Sequence[int | None], b: Sequence[int | None]) -> bool:
    return tf.TensorShape(a).is_compatible_with(tf.TensorShape(b))
