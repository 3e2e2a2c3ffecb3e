"""The base class of all autoencoders: encode, decode and score, in graphs and on arrays."""

from collections.abc import Callable
from typing import Any, Literal, Self, overload

import keras
import numpy as np
import tensorflow as tf

from tfae import priors
from tfae.arguments import between, whole_number
from tfae.bases import imputation, table_interface
from tfae.bases.codes import checked_codes, checked_label, drawn
from tfae.bases.draws import seed_of_batch
from tfae.bases.fitted_state import FittedState
from tfae.batches.batch import Batch, unpack
from tfae.batches.contract import DataContract
from tfae.batches.feeding import Inputs, checked_inputs
from tfae.layers.seeds import random_seed
from tfae.training import Trainer
from tfae.training.batch_functions import BatchFunctions


class Autoencoding(Trainer):
    """A model that maps data to codes and codes to data.

    A subclass defines `encode_batch`, `decode_batch` and `anomaly_score_batch`, which take a
    `Batch` of tensors and work in graphs. The methods on arrays, which have the same names without
    `_batch`, are built on them, as are the exports.

    Args:
        seed: Integer that determines all noise and the order of the data; `None` takes one from
            Keras' global seed.
        **kwargs: Passed to `keras.Model`.

    Attributes:
        latent_dim: Size of the code; known once the model is built.
        prior: The distribution of codes that is part of the objective, or `None`.
        fitted_prior: The density that `fit_prior` fitted to codes, or `None`.
        sampling_prior: The distribution `generate` draws from: `fitted_prior`, or else `prior`.
        threshold: Examples with a higher anomaly score are anomalies; `None` before
            `fit_threshold`.
        false_positive_rate: The rate that the threshold was fitted for, or `None`.
        conditional: Whether the networks use labels.
        missing: `"mask"` if NaN in the data is a missing value, `None` if it is an error.
        schema: The `tfae.data.TableSchema` of the tables that the model takes, or `None`.
        prior_kinds: The kinds of density that `fit_prior` offers; the first is the default.
    """

    latent_dim: int
    prior: priors.Prior | None = None
    conditional: bool = False
    missing: str | None = None
    schema: Any = None
    prior_kinds: tuple[str, ...] = ("gaussian_mixture", "gaussian")
    weighs_codes: bool = False  # Whether `impute` draws codes and weighs them by their likelihood.

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self._functions = BatchFunctions(self._programs)
        self._contract: DataContract | None = None
        self._fitted = FittedState()

    def data_contract(self) -> DataContract:
        if self._contract is None:
            raise ValueError(
                f"{type(self).__name__} is not built yet: call it on data once, or use an encoder "
                "with a keras.Input."
            )
        return self._contract

    @property
    def num_classes(self) -> int | None:
        """Number of classes of the labels; `None` if the model does not use labels."""
        return None if self.prior is None else self.prior.num_classes

    @property
    def code_shape(self) -> tuple[int, ...]:
        """Shape of the code of one example."""
        return (self.latent_dim,)

    @property
    def fitted_prior(self) -> priors.Prior | None:
        return self._fitted.prior

    @property
    def sampling_prior(self) -> priors.Prior | None:
        return self.fitted_prior or self.prior

    @property
    def threshold(self) -> float | None:
        return self._fitted.threshold

    @property
    def false_positive_rate(self) -> float | None:
        return self._fitted.false_positive_rate

    # ------------------------------------------------------------------ in graphs

    def encode_batch(self, batch: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        """Encodes a batch of data.

        Args:
            batch: `x` is data `(batch, ...)`; a conditional model also uses `label`, int64
                `(batch,)`, -1 where the class is unknown.
            training: Whether layers such as dropout are active.

        Returns:
            "code", the deterministic code `(batch, latent_dim)`, and what a variant adds.
        """
        raise NotImplementedError

    def decode_batch(self, batch: Batch, training: bool = False) -> tf.Tensor:
        """Decodes a batch of codes into data space `(batch, ...)`: the mean of p(x | code).

        Args:
            batch: `x` is codes `(batch, latent_dim)`; `label` as for `encode_batch`.
            training: Whether layers such as dropout are active.
        """
        raise NotImplementedError

    def anomaly_score_batch(self, batch: Batch) -> tf.Tensor:
        """Returns the anomaly scores `(batch,)` of a batch of data."""
        raise NotImplementedError

    def anomaly_map_batch(self, batch: Batch) -> tf.Tensor:
        """Returns the part of each element in the anomaly scores of a batch, `(batch, ...)`."""
        raise NotImplementedError(f"{type(self).__name__} has no anomaly score by element.")

    def reconstruct_batch(self, batch: Batch, training: bool = False) -> tf.Tensor:
        """Returns the mean reconstruction `(batch, ...)` of a batch, at its deterministic code."""
        code = self.encode_batch(batch, training)["code"]
        return self.decode_batch(batch._replace(x=code), training)

    def sample_prior_batch(self, seeds: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """Draws codes from the prior, each determined by its own seed.

        Args:
            seeds: int64 `(batch,)`. Seed s gives the code that `generate(1, seed=s)` decodes.
            label: int64 `(batch,)`, for a prior with classes; others ignore it.

        Returns:
            Tensor `(batch, latent_dim)`.

        Raises:
            NotImplementedError: If the model has no prior.
        """
        prior = self._prior_to_sample()

        def sample(row: tuple) -> tf.Tensor:
            seed, *label = row
            return prior.sample(1, tf.stack([seed, 0]), *(part[None] for part in label))[0]

        rows = (seeds,) if label is None else (seeds, label)
        spec = tf.TensorSpec(self.code_shape, prior.compute_dtype)
        return tf.map_fn(sample, rows, fn_output_signature=spec)

    def sample_decoded_batch(self, batch: Batch, seed: tf.Tensor) -> tf.Tensor:
        """Draws data from p(x | code) for a batch of codes.

        Args:
            batch: `x` is codes `(batch, latent_dim)`; `label` as for `encode_batch`.
            seed: int64 `(2,)`.

        Returns:
            Data `(batch, ...)`.

        Raises:
            NotImplementedError: If the model has no likelihood.
        """
        raise NotImplementedError(f"{type(self).__name__} has no likelihood to draw data from.")

    def impute_batch(
        self,
        batch: Batch,
        num_samples: tf.Tensor,
        seed: tf.Tensor,
        num_imputations: int | None = None,
    ) -> tf.Tensor:
        """Fills what is missing in a batch of data; see `impute`.

        Args:
            batch: Of data, with NaN at what is missing.
            num_samples: Number of codes to draw for each example, where codes are drawn.
            seed: int64 `(2,)`.
            num_imputations: Number of draws from p(missing | observed), or `None` for its mean.

        Returns:
            Data `(batch, ...)`, or `(batch, num_imputations, ...)`.
        """
        code = self.encode_batch(batch)["code"]
        if num_imputations is None:
            return imputation.filled(batch, self.decode_batch(batch._replace(x=code)))
        codes = tf.repeat(code[:, None], num_imputations, axis=1)
        return imputation.filled_with_draws(self, batch, codes, seed)

    def score_formula(self) -> list[dict[str, Any]] | None:
        """Describes the anomaly score as a sum of terms of `tfae.device`; `None` if it is none.

        Devices compute the score from the outputs of `encode_batch` and `reconstruct_batch`.
        """
        return None

    def call(self, x: Any, training: bool = False) -> tf.Tensor:
        """Returns the mean reconstruction of `x`, `(batch, ...)`, at its deterministic code.

        Args:
            x: Tensor `(batch, ...)`, or a dictionary of data and labels, "x" and "label".
            training: Whether layers such as dropout are active.
        """
        return self.reconstruct_batch(unpack(x), training)

    def _inputs(self, batch: Batch) -> Any:
        if not self.conditional or batch.label is None:
            return batch.x
        return {"x": batch.x, "label": batch.label}

    # ------------------------------------------------------------------ arrays in, arrays out

    @overload
    def encode(
        self, x: Any, batch_size: int = 256, return_dict: Literal[False] = False
    ) -> np.ndarray: ...
    @overload
    def encode(
        self, x: Any, batch_size: int = 256, *, return_dict: Literal[True]
    ) -> dict[str, np.ndarray]: ...
    def encode(
        self, x: Any, batch_size: int = 256, return_dict: bool = False
    ) -> np.ndarray | dict[str, np.ndarray]:
        """Encodes data; a variational model gives the mean.

        Args:
            x: Array `(n, ...)` or batched `tf.data.Dataset`; for a conditional model
                `{"x": x, "label": label}` or a dataset of such dictionaries.
            batch_size: Examples at a time, for arrays.
            return_dict: Whether to return a dictionary with "code" and, depending on the model,
                the "log_variance" of q(z | x) or the "indices" of discrete codes, each `(n, ...)`.

        Returns:
            Codes `(n, latent_dim)`, or a dictionary.
        """

        def encode(batch: Batch) -> tf.Tensor | dict[str, tf.Tensor]:
            encoded = self.encode_batch(batch)
            return encoded if return_dict else encoded["code"]

        name = "encode to dict" if return_dict else "encode"
        return self._map_batches(name, encode, self._checked(x), batch_size)

    def draw_codes(self, x: Any, seed: int | None = None, batch_size: int = 256) -> np.ndarray:
        """Draws one code from q(z | x) for each example: a sample of the aggregate posterior.

        Args:
            x: Array `(n, ...)` or batched `tf.data.Dataset`.
            seed: Integer; `None` draws one.
            batch_size: Examples at a time, for arrays.

        Returns:
            Codes `(n, latent_dim)`; the same as `encode` if the model's codes are deterministic.
        """
        return drawn(self.encode(x, batch_size, return_dict=True), seed)

    def decode(self, z: Any, batch_size: int = 256, label: Any = None) -> np.ndarray:
        """Decodes codes into data space.

        Args:
            z: Codes `(n, latent_dim)`, as an array or a batched dataset.
            batch_size: Codes at a time, for arrays.
            label: For a conditional model and an array of codes: the class of the examples, an
                integer or `(n,)` of them; -1 or `None` if unknown.

        Returns:
            Data `(n, ...)`: the mean of p(x | z), so probabilities for `"bernoulli"`.

        Raises:
            ValueError: If `label` is not a class, or is given although the model is not
                conditional.
        """
        codes = checked_codes(self, z, label)
        return self._map_batches("decode", self.decode_batch, codes, batch_size)

    def reconstruct(self, x: Any, batch_size: int = 256) -> Any:
        """Encodes and decodes data `(n, ...)` without noise, as `predict` does.

        A model with a schema gives a table for a table, of the same type.
        """
        data = self._map_batches(
            "reconstruct", self.reconstruct_batch, self._checked(x), batch_size
        )
        return table_interface.table_like(self.schema, data, x)

    def impute(
        self,
        x: Any,
        num_samples: int | None = None,
        seed: int | None = None,
        num_imputations: int | None = None,
        batch_size: int = 256,
    ) -> Any:
        """Fills missing values; observed values stay as they are.

        A model with deterministic codes fills with the decoder's mean at the code. A variational
        model draws codes from q(z | observed) and takes the mean of their decoded means, each
        weighted by p(observed | z) p(z) / q(z | observed); with many draws it is the mean of
        p(missing | observed) under the model.

        Multiple imputation, with `num_imputations`, draws from p(missing | observed) instead:
        a variational model resamples codes by those weights; every model then draws data from its
        likelihood at the code.

        Args:
            x: Array `(n, ...)` with NaN at what is missing, a dictionary `{"x": x, "mask": mask}`,
                or a batched `tf.data.Dataset` of either.
            num_samples: Number of codes that a variational model draws for each example; 100 by
                default, more come closer to its mean. Models with deterministic codes draw none.
            seed: Integer; the same seed gives the same values, and the first m of n rows are those
                of the first m of `x`. `None` draws one.
            num_imputations: Number of draws for each example; `None` for the mean. The first m of
                them do not depend on how many there are.
            batch_size: Examples at a time, for arrays; the draws depend on it.

        Returns:
            Data `(n, ...)`, or `(num_imputations, n, ...)`. Arrays keep their observed values bit
            for bit, also those in float64. A model with a schema gives a table for a table, or a
            list of them, whose observed numbers are rounded as its encoding does.

        Raises:
            ValueError: If the model was not made with `missing="mask"`, a number is not positive,
                or draws are wanted of a likelihood that is a plain error.
            NotImplementedError: If draws are wanted of a model without a likelihood.

        Reference:
            Mattei and Frellsen, "MIWAE: Deep Generative Modelling and Imputation of Incomplete
            Data Sets", 2019.
        """
        return imputation.impute(self, x, num_samples, seed, num_imputations, batch_size)

    def generate(
        self, n: int, seed: int | None = None, label: Any = None, sample: bool | None = None
    ) -> Any:
        """Draws `n` new examples: decodes codes from the prior.

        Args:
            n: Number of examples, zero or more.
            seed: Integer; the same seed gives the same examples, and the first m of n are the same
                as `generate(m, seed)`. `None` draws a new seed each time.
            label: Class of the examples, an integer or `(n,)` of them, for models with classes;
                `None` for any.
            sample: Whether to draw data from p(x | z) instead of giving its mean: zeros and ones
                under `"bernoulli"`, whole counts under `"poisson"`. `None` draws the rows of a
                table, where the means are not possible rows, and else gives means.

        Returns:
            Data `(n, ...)`: means of p(x | z), or draws of it. A model with a schema gives a
            `pyarrow.Table`.

        Raises:
            NotImplementedError: If the model has no prior, or no likelihood to sample.
            ValueError: If `n` is not an integer, if `label` is not a class of the model, or if the
                likelihood is a plain error, which cannot be sampled.
        """
        prior = self._prior_to_sample()
        n = whole_number("n", n, 0)
        seed = random_seed() if seed is None else seed
        if label is None:
            label = self._labels_to_generate(n, seed)
        else:
            label = checked_label(self, label, n)
        codes = prior.sample(n, tf.constant([seed, 0], tf.int64), label)
        codes = checked_codes(self, codes, label if self.conditional else None)
        if not (self.schema is not None if sample is None else sample):
            x = self._map_batches("decode", self.decode_batch, codes, batch_size=256)
        else:
            extra = seed_of_batch(seed)
            draw = self.sample_decoded_batch
            x = self._map_batches("sample decoded", draw, codes, batch_size=256, extra=extra)
        return x if self.schema is None else self.schema.decode(x)

    def anomaly_score(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Computes how badly the model explains each example; higher is more anomalous.

        Args:
            x: Array `(n, ...)` or batched dataset.
            batch_size: Examples at a time, for arrays.

        Returns:
            Scores `(n,)`: the reconstruction loss at the deterministic code, plus the KL for a
            variational model.
        """
        x = self._checked(x, as_target=True)
        return self._map_batches("anomaly_score", self.anomaly_score_batch, x, batch_size)

    def anomaly_map(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Computes how badly the model explains each element: where an example is anomalous.

        Args:
            x: Array `(n, ...)` or batched dataset.
            batch_size: Examples at a time, for arrays.

        Returns:
            Losses `(n, ...)`. Those of an example add up to its reconstruction loss, which is the
            anomaly score, or a part of it where a KL or a penalty on the code belongs to the score.

        Raises:
            NotImplementedError: If the model's loss is none of single elements.
        """
        x = self._checked(x, as_target=True)
        return self._map_batches("anomaly_map", self.anomaly_map_batch, x, batch_size)

    def is_anomaly(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Tells whether each example is an anomaly: its score is above the threshold, or NaN.

        Args:
            x: Array `(n, ...)` or batched dataset.
            batch_size: Examples at a time, for arrays.

        Returns:
            Booleans `(n,)`.

        Raises:
            ValueError: If no threshold has been fitted.
        """
        self._fitted.check_threshold()
        return self._fitted.exceed_threshold(self.anomaly_score(x, batch_size))

    # ------------------------------------------------------------------ fitted after training

    def fit_prior(
        self,
        x: Any,
        kind: str | None = None,
        *,
        seed: int | None = None,
        batch_size: int = 256,
        **options: Any,
    ) -> priors.Prior:
        """Fits a density to the codes of data; from then on `generate` draws from it.

        With it, a model without a prior can generate. If the model was trained with a prior, that
        prior remains part of the objective and of `log_likelihood`. Only `generate` uses the fitted
        density, which often matches the codes better. It is fitted to codes from `draw_codes`.

        The density is saved in `.keras` files, weights files and exported SavedModels. It belongs
        to the present weights: fit it again after more training. `forget_prior` removes it.

        Args:
            x: Array `(n, ...)` or batched dataset; the training data is the usual choice.
            kind: `"gaussian_mixture"`, with full covariances, or `"gaussian"`; for discrete codes
                `"categorical"`, independent at each position. `None` for the model's default.
            seed: Integer that determines the result; `None` draws one.
            batch_size: Examples at a time, for arrays.
            **options: Options of the kind. `num_components=10` of the mixture may be several
                numbers, such as `(5, 10, 20)`; the one with the lowest Bayesian information
                criterion is taken. `smoothing=1.0` of the categorical kind is a pseudo-count,
                spread evenly over the embeddings.

        Returns:
            The density, which is also `self.fitted_prior`.

        Raises:
            ValueError: If there is no density of that kind for the model's codes, or there are too
                few codes.
            TypeError: If the kind has no such option.

        Reference:
            Ghosh et al., "From Variational to Deterministic Autoencoders", 2020: ex-post density
            estimation.
        """
        seed = random_seed() if seed is None else seed
        kind = self.prior_kinds[0] if kind is None else kind
        if kind not in self.prior_kinds:
            raise ValueError(
                f"`kind` must be one of {list(self.prior_kinds)} for the codes of "
                f"{type(self).__name__}; received {kind!r}."
            )
        self._fitted.prior = self._density_of(x, kind, seed, batch_size, **options)
        return self._fitted.prior

    def forget_prior(self) -> None:
        """Removes the fitted density: `generate` draws from the model's own prior again."""
        self._fitted.prior = None

    def _density_of(
        self, x: Any, kind: str, seed: int, batch_size: int, **options: Any
    ) -> priors.Prior:
        codes = self.draw_codes(x, seed, batch_size)
        return priors.fit(codes, kind, seed=seed, **options)

    def fit_threshold(
        self, x: Any, false_positive_rate: float = 0.01, batch_size: int = 256
    ) -> float:
        """Fits the anomaly score above which an example counts as an anomaly.

        The threshold is the score of rank ceil((n + 1) * (1 - false_positive_rate)) among the n
        scores in ascending order. So a new normal example counts as an anomaly with a probability
        of at most `false_positive_rate`, for any n and any distribution, if it is exchangeable with
        `x`: drawn in the same way, and not used for training either. (This is the average over
        draws of `x`; the rate of one threshold varies around it by about sqrt(rate / n).)

        The threshold is saved in `.keras` and weights files. It belongs to the present weights: fit
        it again after more training.

        Args:
            x: Normal data that was not used for training: array `(n, ...)` or batched dataset.
            false_positive_rate: Fraction of normal examples that may count as anomalies, in (0, 1).
            batch_size: Examples at a time, for arrays.

        Returns:
            The threshold, in the units of `anomaly_score`; it is also `self.threshold`.

        Raises:
            ValueError: If the rate is out of range, or there are too few examples for it:
                `1 / false_positive_rate - 1` are needed.
        """
        false_positive_rate = between("false_positive_rate", false_positive_rate, 0, 1)
        return self.fit_threshold_to_scores(self.anomaly_score(x, batch_size), false_positive_rate)

    def fit_threshold_to_scores(
        self, scores: np.ndarray, false_positive_rate: float = 0.01
    ) -> float:
        """Does the same as `fit_threshold`, given the scores of normal data.

        Args:
            scores: Results of `anomaly_score`, `(n,)`; infinite for data out of the model's range.
            false_positive_rate: As for `fit_threshold`.

        Returns:
            The threshold.

        Raises:
            ValueError: As for `fit_threshold`, or if more scores are infinite than the rate allows.
        """
        false_positive_rate = between("false_positive_rate", false_positive_rate, 0, 1)
        return self._fitted.fit_threshold(np.asarray(scores), false_positive_rate)

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        for name, array in self._fitted.to_arrays().items():
            store[name] = array

    def load_own_variables(self, store: Any) -> None:
        arrays = {key: store[key] for key in store.keys()}  # noqa: SIM118 - an HDF5 group
        self._fitted = FittedState.pop_from(arrays)
        super().load_own_variables(arrays)

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

    # ------------------------------------------------------------------ helpers

    def _labels_to_generate(self, n: int, seed: int) -> tf.Tensor | None:
        """Labels for `generate` if none are given; the first m of n are the same as m alone."""
        return None

    def _prior_to_sample(self) -> priors.Prior:
        if self.sampling_prior is None:
            raise NotImplementedError(
                f"{type(self).__name__} has no distribution over codes to draw from. Fit one with "
                "fit_prior(x), or decode your own codes with decode(z)."
            )
        return self.sampling_prior

    def _checked(self, x: Any, as_target: bool = False) -> Inputs:
        """Checks data before it is mapped; with `as_target`, also against the range of targets."""
        x = self._built_for(x)
        return checked_inputs(self.data_contract(), x, for_scores=as_target)

    def _map_batches(
        self,
        name: str,
        function: Callable,
        x: Inputs,
        batch_size: int,
        extra: Callable[[int], tuple] = lambda batch_index: (),
    ) -> Any:
        """Applies a function of a `Batch` to data, as a graph; see `BatchFunctions.run`."""
        return self._functions.run(name, function, x.batches(batch_size, self.conditional), extra)

    def export(self, filepath: Any, *args, input_signature: Any = None, **kwargs) -> None:
        """Exports `call`, the reconstruction, in any format that Keras supports."""
        if input_signature is None:
            shape = (None, *self.data_contract().input_shape)
            x = keras.InputSpec(shape=shape, dtype="float32")
            label = keras.InputSpec(shape=(None,), dtype="int64")
            input_signature = [{"x": x, "label": label} if self.conditional else x]
        super().export(filepath, *args, input_signature=input_signature, **kwargs)
