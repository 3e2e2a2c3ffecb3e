"""What every model with an encoder and a decoder shares."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from tfae.losses import likelihoods
from tfae.models.features import feature_model
from tfae.networks import ARCHITECTURES
from tfae.training import Trainer
from tfae.training.batches import Batch, unpack
from tfae.training.contract import DataContract


class EncoderDecoder(Trainer):
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
        self._graphs: dict[str, Callable] = {}
        self._contract: DataContract | None = None

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
        self._contract = DataContract(input_shape[1:], tuple(shape[1:]), self.likelihood.support)

    def export(self, filepath: Any, *args, input_signature: Any = None, **kwargs) -> None:
        """Keras' export of `call`: the reconstruction, in any format that Keras has."""
        if input_signature is None:
            shape = (None, *self.data_contract().input_shape)
            input_signature = [keras.InputSpec(shape=shape, dtype="float32")]
        super().export(filepath, *args, input_signature=input_signature, **kwargs)

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
        """The deterministic code of `x`, `(batch, latent_dim)`, inside a graph."""
        return self.encoder(x, training=training)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The mean reconstruction of `x`, `(batch, ...)`, at its deterministic code."""
        output = self.decoder(self.code(unpack(x).x, training=training), training=training)
        return self.likelihood.mean(output)

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        output = self.decoder(self.code(batch.x, training=training), training=training)
        return {"reconstruction_loss": self.likelihood.loss(batch.target, output)}

    def score(self, x: tf.Tensor) -> tf.Tensor:
        """The anomaly score of `x`, `(batch,)`, inside a graph."""
        return self.likelihood.loss(x, self.decoder(self.code(x)))

    def data_contract(self) -> DataContract:
        if self._contract is None:
            raise ValueError(
                f"{type(self).__name__} is not built yet: call it on data once, or use an encoder "
                "with a keras.Input."
            )
        return self._contract

    # ------------------------------------------------------------------ arrays in, arrays out

    def encode(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Encodes data; a variational model gives the mean.

        Args:
            x: Array `(n, ...)` or batched `tf.data.Dataset`.
            batch_size: Examples at a time, for arrays.

        Returns:
            Codes `(n, latent_dim)`.
        """
        return self._map("encode", self.code, self._checked(x), batch_size)

    def decode(self, z: Any, batch_size: int = 256) -> np.ndarray:
        """Decodes codes into data space.

        Args:
            z: Codes `(n, latent_dim)`, as an array or a batched dataset.
            batch_size: Codes at a time, for arrays.

        Returns:
            Data `(n, ...)`: the mean of p(x | z), so probabilities for `"bernoulli"`.
        """

        def decode(z: tf.Tensor) -> tf.Tensor:
            return self.likelihood.mean(self.decoder(z))

        return self._map("decode", decode, z, batch_size)

    def reconstruct(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Encodes and decodes: `(n, ...)` in and out, without noise; as `predict`."""
        return self._map("reconstruct", self.call, self._checked(x), batch_size)

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

    def anomaly_score(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """How badly the model explains each example; higher is more anomalous.

        Args:
            x: Array `(n, ...)` or batched dataset.
            batch_size: Examples at a time, for arrays.

        Returns:
            Scores `(n,)`: the reconstruction loss at the deterministic code, plus the KL for a
            variational model.
        """
        x = self._checked(x, as_target=True)
        return self._map("anomaly_score", self.score, x, batch_size)

    def generate(self, n: int, seed: int | None = None) -> np.ndarray:
        """Draws `n` new examples; needs a model with a prior over codes.

        Raises:
            NotImplementedError: If the model defines no distribution of codes.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no distribution over codes to draw from. Decode codes of "
            "your own with decode(z), or use a VariationalAutoencoder."
        )

    def _checked(self, x: Any, as_target: bool = False) -> Any:
        """Checks data before it is mapped; as a target also its values."""
        if self.built:
            support = self._contract.support if as_target else None
            return self._contract.checked_inputs(x, values=as_target, support=support)
        return x

    def _map(
        self,
        name: str,
        function: Callable,
        x: Any,
        batch_size: int,
        extra: Callable[[int], tuple] = lambda batch_index: (),
    ) -> Any:
        """Runs a graph function over batches and joins the results in NumPy.

        Args:
            name: Under which the traced function is kept for the next call.
            function: Takes a batch and what `extra` gives; returns tensors `(batch, ...)`.
            x: Array or batched dataset.
            batch_size: Examples at a time, for arrays.
            extra: Gives further arguments for the batch of an index.
        """
        results = []
        for i, batch in enumerate(_batches(x, batch_size)):
            arguments = (batch, *extra(i))
            # One trace for all batch sizes.
            spec = tf.TensorSpec([None, *batch.shape[1:]], batch.dtype)
            key = f"{name} {spec}"
            if key not in self._graphs:
                self._graphs[key] = tf.function(function).get_concrete_function(
                    spec, *map(tf.TensorSpec.from_tensor, arguments[1:])
                )
            results.append(self._graphs[key](*arguments))
        if not results:
            raise ValueError("The dataset holds no batches.")
        return tf.nest.map_structure(
            lambda *parts: np.concatenate([np.asarray(p) for p in parts]), *results
        )

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


def _batches(x: Any, batch_size: int):
    if isinstance(x, tf.data.Dataset):
        for data in x:
            yield unpack(data).x
        return
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1; received {batch_size}.")
    if isinstance(x, dict):
        x = x["x"]
    x = x if tf.is_tensor(x) else np.asarray(x)
    # An empty array still gives one (empty) batch, so that the result has its shape.
    for start in range(0, max(len(x), 1), batch_size):
        yield tf.convert_to_tensor(x[start : start + batch_size])
