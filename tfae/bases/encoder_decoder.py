"""The base class of all models with an encoder and a decoder network."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import keras
import numpy as np
import tensorflow as tf

from tfae import hyperparameters
from tfae.attributes import set_fixed
from tfae.bases import table_interface
from tfae.bases.autoencoding import Autoencoding
from tfae.bases.draws import seed_of_batch
from tfae.batches.batch import Batch
from tfae.batches.contract import DataContract
from tfae.batches.elements import checked_missing, filled, is_observed
from tfae.layers import corruption as corruptions
from tfae.layers.scaling import Scaling, checked_scaling
from tfae.layers.seeds import random_seed, seed_unseeded
from tfae.losses import likelihoods
from tfae.networks import ARCHITECTURES
from tfae.networks.compatibility import (
    check_is_network,
    check_keeps_shape,
    declared_input_shape,
    decoded_shape,
    takes_mask,
)
from tfae.networks.layer_outputs import feature_model
from tfae.networks.open_output import check_output_is_open


class EncoderDecoder(Autoencoding):
    """A model of an encoder, a decoder, and a likelihood, which interprets the decoder's output.

    Args:
        encoder: Keras model from data `(batch, ...)` to codes `(batch, latent_dim)`.
        decoder: Keras model from codes to raw outputs of the data's shape. Its last layer is
            linear: the likelihood applies the link.
        likelihood: Name of one, such as `"bernoulli"`, `"gaussian"` or `"poisson"`, or a
            `tfae.losses.Likelihood`.
        corruption: Noise on the input in training, but not on the target: `"masking"`,
            `"gaussian"`, `"salt_and_pepper"`, a layer such as `tfae.layers.MaskingCorruption(0.5)`
            or any other Keras layer that keeps the shape of its input; `None` for none. A layer
            without a seed takes the model's.
        scaling: A `tfae.layers.Scaling(shift, factor)`, which scales data for the networks and
            converts the model's outputs back to the data's units; `None` for none.
        missing: `"mask"` if NaN in the data is a missing value, `None` if it is an error. Missing
            elements enter the encoder as zero and count nothing in loss and score. An encoder with
            a second input gets the mask there: 1 where the data is observed.
        schema: A `tfae.data.TableSchema`, with which the model takes and gives tables; `None` for
            none. `from_schema` builds a model for it.
        seed: Integer that determines all noise and the order of the data; `None` takes one from
            Keras' global seed.
        **kwargs: Passed to `keras.Model`, for example `name` and `dtype`.

    Raises:
        ValueError: If the shapes of encoder and decoder do not fit together.
    """

    loss_names = ("reconstruction_loss",)
    takes_noise = False  # Whether inputs may lie outside the likelihood's support.
    _variational = False  # Whether `from_shape` builds an encoder with two heads.
    # The constructor's arguments that `_networks` returns, in its order.
    network_names: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    # Defaults of `from_shape` for an architecture's hyperparameters, if they differ from its own.
    architecture_defaults: ClassVar[dict[str, dict]] = {}
    fixed_attributes = ("latent_dim", "missing")
    attribute_checks: ClassVar[dict[str, Callable]] = {
        "likelihood": likelihoods.get,
        "corruption": corruptions.get,
        "scaling": checked_scaling,
        "missing": checked_missing,
        "schema": table_interface.checked_schema,
    }

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        likelihood: str | likelihoods.Likelihood = "bernoulli",
        corruption: str | keras.layers.Layer | None = None,
        scaling: Scaling | None = None,
        missing: str | None = None,
        schema: Any = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        self.missing = missing
        self.schema = schema
        check_is_network("encoder", encoder)
        check_is_network("decoder", decoder)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.corruption = corruption
        if self.corruption is not None:
            seed_unseeded(self.corruption, self.seed)
        self.scaling = scaling

    def _build_if_possible(self) -> None:
        """Checks the networks if the encoder declares its input; constructors call it last.

        It does not call `build`, after which Keras would not let a subclass add layers.
        """
        shape = declared_input_shape(self.encoder, self.missing is not None)
        if shape is not None:  # A subclassed model is built by the first data instead.
            self._check_networks(shape)
            self.built = True

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Builds both networks for inputs of `input_shape`, `(batch, ...)`, and checks them.

        Raises:
            ValueError: If the networks do not fit together.
        """
        self._check_networks(input_shape)
        self.built = True

    def structure_changed(self) -> None:
        self._check_networks((None, *self.data_contract().input_shape))

    def _check_networks(self, input_shape: Sequence[int | None]) -> None:
        input_shape = (None, *tuple(input_shape)[1:])
        table_interface.check_schema(self.schema, input_shape[1:])
        data = keras.KerasTensor(input_shape)
        inputs = [data, keras.KerasTensor(input_shape)] if takes_mask(self.encoder) else data
        code = self._checked_code(self.encoder(inputs))
        decoder_input = self._decoder_input_shape(tuple(code.shape))
        target_shape = decoded_shape(self.decoder, decoder_input, input_shape)
        check_output_is_open(self.decoder, decoder_input, self.likelihood)
        if self.corruption is not None:
            check_keeps_shape(self.corruption, input_shape)
        set_fixed(self, latent_dim=code.shape[-1])
        self._code_shape = tuple(code.shape[1:])
        support = self.likelihood.support
        if self.prior is not None:
            if len(code.shape) != 2:
                raise ValueError(
                    f"{type(self).__name__} needs codes of shape (batch, latent_dim), for its "
                    f"prior; `encoder` gives {tuple(code.shape)}. Flatten the code."
                )
            self.prior.bind(self.encoder, input_shape[1:], support, self.seed)
            self.prior.build(code.shape)
        self._contract = DataContract(
            input_shape[1:],
            target_shape[1:],
            support if self.scaling is None else self.scaling.support_of(support),
            self.num_classes if self.conditional else None,
            takes_noise=self.takes_noise or self.corruption is not None,
            dtype="float64" if self.variable_dtype == "float64" else "float32",
            integers=self.likelihood.integers if self.scaling is None else False,
            missing=self.missing is not None,
        )

    def _decoder_input_shape(self, code_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return code_shape

    @property
    def code_shape(self) -> tuple[int, ...]:
        return self._code_shape

    def _checked_code(self, encoded: Any) -> keras.KerasTensor:
        """Checks the encoder's output and returns the code that the decoder takes."""
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
        **options,
    ) -> Self:
        """Builds the model with networks of a standard architecture.

        Args:
            input_shape: Shape of one example, without the batch.
            latent_dim: Size of the code.
            architecture: `"mlp"` or `"conv"`; see `tfae.networks`.
            **options: Hyperparameters of the architecture (such as `hidden_units`) and of the
                constructor (such as `likelihood`), by name. `seed` also determines the initial
                weights, and `dtype` is the policy of all layers. Global state stays unchanged.

        Raises:
            ValueError: If the architecture or a hyperparameter is unknown.
        """
        given = hyperparameters.sort(cls, architecture, options)
        seed = given.of_constructor.get("seed")
        seed = random_seed() if seed is None else seed
        build: functools.partial[Any] = functools.partial(
            ARCHITECTURES[architecture],
            variational=cls._variational,
            missing=given.of_constructor.get("missing") is not None,
            dtype=given.of_constructor.get("dtype"),
            seed=seed,
            **given.of_architecture,
        )
        networks = cls._networks(build, input_shape, latent_dim, **given.of_networks)
        return cls(*networks, **{**given.of_constructor, "seed": seed})

    @classmethod
    def from_schema(
        cls, schema: Any, latent_dim: int, architecture: str = "mlp", **options: Any
    ) -> Self:
        """Builds the model for tables: every method then takes tables, and gives tables.

        Each column has a likelihood of its own, and enters the encoder as the numbers that the
        schema makes of it: a category as one-hot, of which the first layer's weights are an
        embedding, a count as its logarithm. Missing values and unknown categories are allowed.
        Arrays of `schema.encode` are taken as well.

        Args:
            schema: A `tfae.data.TableSchema`. It is saved with the model.
            latent_dim: Size of the code.
            architecture: `"mlp"`, or another one for rows of numbers; see `tfae.networks`.
            **options: As in `from_shape`. `likelihood` is that of the schema by default, and
                `missing` is `"mask"`.

        Raises:
            ValueError: If a hyperparameter is unknown.

        Example:
            ```python
            schema = tfae.data.TableSchema.infer(table)
            model = tfae.VariationalAutoencoder.from_schema(schema, latent_dim=8)
            model.compile()
            model.fit(table, epochs=50)
            model.fit_prior(table)
            new_rows = model.generate(1000, seed=1)
            ```
        """
        table_interface.checked_schema(schema)
        options = {"likelihood": schema.likelihood(), "missing": "mask", **options}
        return cls.from_shape((schema.width,), latent_dim, architecture, schema=schema, **options)

    @classmethod
    def _networks(
        cls, build: Callable, input_shape: Sequence[int], latent_dim: int
    ) -> tuple[Any, ...]:
        """Builds the networks that the constructor takes, for `from_shape`.

        Args:
            build: Builds encoder and decoder of the architecture, given `input_shape` and
                `latent_dim`.
            input_shape: Shape of one example.
            latent_dim: Size of the code.

        Keyword arguments that a subclass adds are hyperparameters of its `from_shape`.
        """
        return build(input_shape, latent_dim)

    # ------------------------------------------------------------------ in graphs

    # Only the following methods call the networks, so scaling, corruption, labels and what is
    # missing belong here.

    def _encoder_input(self, batch: Batch, training: bool = False) -> Any:
        """The encoder's input for a batch of data: scaled, and in training corrupted.

        What is missing is zero after both. An encoder with two inputs gets `[x, mask]`.
        """
        x = batch.x if self.scaling is None else self.scaling(batch.x)
        mask = None
        if self.missing is not None:
            x, mask = filled(x, batch.mask)
        x = self.likelihood.network_input(x)
        if training and self.corruption is not None:
            x = self.corruption(x, training=True)
            x = x if mask is None else filled(x, mask)[0]
        x = self._with_label(x, batch)
        return [x, tf.cast(mask, x.dtype)] if takes_mask(self.encoder) else x

    def _with_label(self, x: tf.Tensor, batch: Batch) -> tf.Tensor:
        """Adds to the encoder's input what a conditional model knows of the label."""
        return x

    def _encoder_output(self, batch: Batch, training: bool = False) -> Any:
        """The encoder's output for a batch of data."""
        return self.encoder(self._encoder_input(batch, training), training=training)

    def _decoder_input(self, batch: Batch) -> tf.Tensor:
        """The decoder's input for a batch of codes."""
        return batch.x

    def _decoder_output(self, batch: Batch, training: bool = False) -> tf.Tensor:
        """The decoder's output for a batch of codes, before the likelihood's link."""
        return self.decoder(self._decoder_input(batch), training=training)

    def reconstruction_loss(self, batch: Batch, output: tf.Tensor) -> tf.Tensor:
        """Returns the likelihood's loss of each example, of what is observed.

        Args:
            batch: Of data; without a target, `x` is the target.
            output: The decoder's output, `(batch, ...)` or `(samples, batch, ...)`.

        Returns:
            Tensor `(batch,)` or `(samples, batch)`.
        """
        return self.likelihood.loss(*self._of_loss(batch, output))

    def _of_loss(self, batch: Batch, output: tf.Tensor) -> tuple:
        """The arguments of the likelihood's loss."""
        target = batch.target if batch.has_own_target else batch.x
        observed = None
        if self.missing is not None:
            observed = is_observed(target, None if batch.has_own_target else batch.mask)
        if self.scaling is not None:
            target = self.scaling(target)
        return target, output, observed, batch.weight

    def encode_batch(self, batch: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        return {"code": self._encoder_output(batch, training)}

    def decode_batch(self, batch: Batch, training: bool = False) -> tf.Tensor:
        return self._mean_of_output(self._decoder_output(batch, training))

    def _mean_of_output(self, output: tf.Tensor) -> tf.Tensor:
        """The mean of p(x | z) in the data's units, of the decoder's output at z."""
        mean = self.likelihood.mean(output)
        return mean if self.scaling is None else self.scaling.inverse(mean)

    def sample_decoded_batch(self, batch: Batch, seed: tf.Tensor) -> tf.Tensor:
        x = self.likelihood.sample(self._decoder_output(batch), seed)
        return x if self.scaling is None else self.scaling.inverse(x)

    def sample_batch(self, batch: Batch, seed: tf.Tensor) -> tf.Tensor:
        """Draws data from p(x | code) at the codes of a batch of data, `(batch, ...)`.

        A variational model draws the codes, too.

        Args:
            batch: Of data.
            seed: int64 `(2,)`.
        """
        encoded = self.encode_batch(batch)
        code = encoded["code"]
        of_code, of_data = tf.unstack(tf.random.split(seed, 2, alg="philox"))
        if "log_variance" in encoded:
            deviation = tf.exp(0.5 * likelihoods.at_least_float32(encoded["log_variance"]))
            noise = tf.random.stateless_normal(
                tf.shape(code), of_code, dtype=deviation.dtype, alg="philox"
            )
            code = tf.cast(tf.cast(code, deviation.dtype) + deviation * noise, code.dtype)
        return self.sample_decoded_batch(batch._replace(x=code), of_data)

    def anomaly_score_batch(self, batch: Batch) -> tf.Tensor:
        code = self.encode_batch(batch)["code"]
        return self.reconstruction_loss(batch, self._decoder_output(batch._replace(x=code)))

    def anomaly_map_batch(self, batch: Batch) -> tf.Tensor:
        code = self.encode_batch(batch)["code"]
        output = self._decoder_output(batch._replace(x=code))
        return self.likelihood.element_losses(*self._of_loss(batch, output))

    def column_scores_batch(self, batch: Batch) -> tf.Tensor:
        """Returns the reconstruction loss of each column `(batch, columns)` at a batch's codes."""
        return self.likelihood.column_losses(self.anomaly_map_batch(batch))

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        code = self.encode_batch(batch, training)["code"]
        output = self._decoder_output(batch._replace(x=code), training)
        return {"reconstruction_loss": self.reconstruction_loss(batch, output)}

    def score_formula(self) -> list[dict[str, Any]] | None:
        formula = self.likelihood.formula()
        if formula is not None and self.scaling is not None:
            config = self.scaling.get_config()
            formula = {**formula, "scaling": {key: config[key] for key in ("shift", "factor")}}
        return None if formula is None else [formula]

    # ------------------------------------------------------------------ arrays in, arrays out

    def features(
        self, x: Any, batch_size: int = 256, layers: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Returns the activations of every encoder layer: each is a representation of the data.

        Args:
            x: Array `(n, ...)` or batched dataset.
            batch_size: Examples at a time, for arrays.
            layers: Names of the layers wanted; all of them by default.

        Returns:
            A dictionary from layer names to post-activation outputs `(n, ...)`, in the order of
            computation. Layers of a nested model are named like "block/dense".

        Raises:
            ValueError: If the encoder is neither Functional nor Sequential, so that Keras does
                not know its inner tensors, or a layer's name is unknown.
        """
        model = feature_model(self.encoder, layers)

        def features(batch: Batch) -> dict[str, tf.Tensor]:
            return model(self._encoder_input(batch), training=False)

        name = f"features {sorted(model.output)}"
        return self._map_batches(name, features, self._checked(x), batch_size)

    def sample(self, x: Any, seed: int | None = None, batch_size: int = 256) -> np.ndarray:
        """Draws data like each example: from p(x' | code), not its mean as `reconstruct` gives.

        A variational model first draws the code from q(z | x), so that what is drawn differs as
        much as the model leaves open.

        Args:
            x: Array `(n, ...)` or batched dataset.
            seed: Integer; the same seed gives the same data, and the first m of n rows are those
                of the first m of `x`. `None` draws one.
            batch_size: Examples at a time, for arrays; the draws depend on it.

        Returns:
            Data `(n, ...)`, in the units of `x`.

        Raises:
            ValueError: If the likelihood is a plain error, which is no distribution.
        """
        extra = seed_of_batch(random_seed() if seed is None else seed)
        checked = self._checked(x)
        data = self._map_batches("sample", self.sample_batch, checked, batch_size, extra)
        return table_interface.table_like(self.schema, data, x)

    def column_scores(self, x: Any, batch_size: int = 256) -> Any:
        """Computes how badly the model explains each column of each row.

        Args:
            x: Table, array `(n, width)` or batched dataset.
            batch_size: Rows at a time, for tables and arrays.

        Returns:
            The reconstruction loss of each column `(n, columns)`, in the order of
            `model.likelihood.names`: for a table, a table of the same type and column names. The
            losses of a row add up to the reconstruction part of `anomaly_score`.

        Raises:
            ValueError: If the likelihood is not a `tfae.losses.Columns`.
        """
        scores = self._column_scores(x, batch_size)
        return table_interface.columns_like(self.schema, self.likelihood.names, scores, x)

    def worst_column(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Names the column of each row that the model explains worst.

        Columns differ in how well they can be told from the others. So `fit_threshold` keeps the
        mean loss of each column of normal data, and this is the column whose loss exceeds it most;
        before `fit_threshold`, it is the one with the largest loss.

        Args:
            x: Table, array `(n, width)` or batched dataset.
            batch_size: Rows at a time, for tables and arrays.

        Returns:
            Names of columns `(n,)`.

        Raises:
            ValueError: If the likelihood is not a `tfae.losses.Columns`.
        """
        scores = self._column_scores(x, batch_size) - self.usual_column_scores
        return np.array(self.likelihood.names)[np.argmax(scores, axis=1)]

    @property
    def usual_column_scores(self) -> np.ndarray:
        """The mean loss of each column of normal data `(columns,)`; 0 before `fit_threshold`."""
        usual = self._fitted.column_scores
        return np.zeros(len(self.likelihood.names)) if usual is None else usual

    def _column_scores(self, x: Any, batch_size: int) -> np.ndarray:
        if not isinstance(self.likelihood, likelihoods.Columns):
            raise ValueError(
                "Scores of columns need one likelihood a column, a tfae.losses.Columns, as "
                f"from_schema gives; this model has {self.likelihood.name!r}."
            )
        x = self._checked(x, as_target=True)
        return self._map_batches("column_scores", self.column_scores_batch, x, batch_size)

    def fit_threshold(
        self, x: Any, false_positive_rate: float = 0.01, batch_size: int = 256
    ) -> float:
        x = table_interface.encoded(self.schema, x)  # once for both
        threshold = super().fit_threshold(x, false_positive_rate, batch_size)
        if isinstance(self.likelihood, likelihoods.Columns):
            self._fitted.column_scores = self._column_scores(x, batch_size).mean(axis=0)
        return threshold

    # ------------------------------------------------------------------ tables

    def predict(self, x: Any, *args: Any, **options: Any) -> Any:
        return table_interface.table_like(self.schema, super().predict(x, *args, **options), x)

    def _built_for(self, x: Any) -> Any:
        return super()._built_for(table_interface.encoded(self.schema, x))

    def _training_batches(self, x: Any, y: Any, sample_weight: Any, **options: Any) -> tuple:
        y = table_interface.encoded(self.schema, y)
        return super()._training_batches(x, y, sample_weight, **options)

    def _single_batch(self, x: Any, y: Any, sample_weight: Any) -> tuple:
        return super()._single_batch(x, table_interface.encoded(self.schema, y), sample_weight)

    # ------------------------------------------------------------------ serialisation

    def get_config(self) -> dict:
        of_encoder = {id(variable) for variable in self.encoder.variables}
        shared = [v.path for v in self.decoder.variables if id(v) in of_encoder]
        if shared:
            raise NotImplementedError(
                f"`encoder` and `decoder` share {', '.join(shared)}. Keras does not save which "
                "layers two networks share, so a copy or a .keras file would be another model. Use "
                "save_weights(), and load the weights into a model built by the same code."
            )
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "likelihood": keras.saving.serialize_keras_object(self.likelihood),
            "corruption": keras.saving.serialize_keras_object(self.corruption),
            "scaling": keras.saving.serialize_keras_object(self.scaling),
            "missing": self.missing,
            "schema": keras.saving.serialize_keras_object(self.schema),
            "seed": self.seed,
        }
