"""Autoencoders as scikit-learn transformers."""

import copy
import math
import random
from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
import numpy as np
import scipy.sparse
import tensorflow as tf
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from tfae.arguments import whole_number
from tfae.sklearn.building import builder_of, checked_rate, takes, without_state
from tfae.sklearn.hyperparameters import WithHyperparameters
from tfae.training import Trainer, set_learning_rate


class Encoder(
    ClassNamePrefixFeaturesOutMixin, WithHyperparameters, TransformerMixin, BaseEstimator
):
    """A scikit-learn transformer from data to an autoencoder's codes, or to a layer's activations.

    `fit` trains, `transform` encodes, `inverse_transform` decodes, and `score` is the negative mean
    anomaly score. Labels that scikit-learn passes are ignored.

    Example:
        ```python
        encoder = Encoder("VariationalAutoencoder", latent_dim=16, hidden_units=(256,))
        classifier = make_pipeline(encoder, SVC())
        search = GridSearchCV(classifier, {"encoder__latent_dim": [8, 16, 32]})
        search.fit(images.reshape(len(images), -1), labels)
        ```

    Args:
        model: What to train: the name of a class in `tfae.models`; a class with `from_shape`; a
            function `build(input_shape, latent_dim, **hyperparameters)` that returns a model; or a
            tfae model. A model serves as a template and is never changed: `fit` trains a copy of
            it with new initial weights and the same `compile` arguments.
        latent_dim: Size of the code; 32 by default. Not for a model, which has its own.
        layer: Name of the encoder layer whose activations `transform` returns, flattened, as in
            `model.features`; by default it returns codes.
        prefit: Whether `model` is already trained and is used as it is. `fit` then only checks the
            data, and `transform` works without `fit`.
        input_shape: Shape of one example, to which scikit-learn's flat rows are reshaped, such as
            `(28, 28, 1)` for convolutions. By default the shape of the data or of the model.
        epochs: Passes over the data.
        batch_size: Examples per step.
        learning_rate: Learning rate of the optimizer: a number above zero or a Keras schedule. By
            default that of the compiled model, or the default of `compile`, usually 1e-3. For an
            adversarial model it is the rate of the reconstruction.
        validation_split: Fraction of the data, from its end, held out to validate on, for
            `callbacks`.
        callbacks: Keras callbacks, such as `EarlyStopping`; each `fit` uses copies.
        jit_compile: As for `compile`; by default as the model is compiled, or `"auto"`. For small
            data, `False` saves seconds in each `fit`.
        random_state: Integer, `numpy.random.RandomState` or `None`. It determines initial weights,
            noise and the order of the data. No global state is read or changed, so fits may run in
            threads. If `model` is a function, it gets `seed=` if it takes that argument; otherwise
            its initial weights depend on Keras' global seed.
        verbose: 0, 1 or 2, as for Keras' `fit`.
        **hyperparameters: Further arguments of the class's `from_shape` or of the function, such
            as `architecture`, `hidden_units`, `likelihood` or `beta`; with `missing="mask"`, NaN in
            `X` is a missing value. They are parameters of this estimator like the others:
            `get_params` lists those that were given, and `set_params` and grid searches can set any
            of them.

    Attributes:
        model_: The trained tfae model.
        history_: Keras' history: the losses by epoch. Absent with `prefit`.
        n_features_in_: Number of values in an example.

    It passes scikit-learn's `check_estimator` with a likelihood that suits its data (`"gaussian"`
    or `"squared_error"`; the default needs data in [0, 1]).
    """

    def __init__(
        self,
        model: str | type | Callable[..., keras.Model] | keras.Model = "Autoencoder",
        *,
        latent_dim: int | None = None,
        layer: str | None = None,
        prefit: bool = False,
        input_shape: Sequence[int] | None = None,
        epochs: int = 20,
        batch_size: int = 128,
        learning_rate: float | None = None,
        validation_split: float = 0.0,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        jit_compile: bool | str | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        **hyperparameters,
    ):
        self.model = model
        self.latent_dim = latent_dim
        self.layer = layer
        self.prefit = prefit
        self.input_shape = input_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.jit_compile = jit_compile
        self.random_state = random_state
        self.verbose = verbose
        self._hyperparameters = hyperparameters

    # ------------------------------------------------------------------ fit

    def fit(self, X: Any, y: Any = None) -> Self:
        """Trains a new model on `X`.

        Args:
            X: Array or data frame `(n, features)`, or array `(n, ...)` of any shape.
            y: Not used.

        Returns:
            This estimator.

        Raises:
            ValueError: If the parameters do not fit together, or the data does not fit the model.
        """
        rows = _rows(self, X, reset=True)
        shape = rows.shape[1:] if getattr(X, "ndim", 2) <= 2 else tuple(X.shape[1:])
        shape = shape if self.input_shape is None else tuple(self.input_shape)
        if self.prefit:
            self.model_ = self._prefit_model()
            self.input_shape_ = _example_shape(self.model_, shape)
            _shaped(rows, self.input_shape_)
            return self
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        model = self._new_model(shape, seed)
        self.input_shape_ = _example_shape(model, shape)
        history = model.fit(
            _shaped(rows, self.input_shape_),
            epochs=whole_number("epochs", self.epochs, 1),
            batch_size=self.batch_size,
            validation_split=self.validation_split,
            callbacks=copy.deepcopy(self.callbacks),
            verbose=self.verbose,
        )
        self.model_ = model
        self.history_ = history.history
        return self

    def _prefit_model(self) -> Trainer:
        if not isinstance(self.model, Trainer):
            raise ValueError(
                "`prefit=True` needs a trained tfae model; received "
                f"model={self.model!r}. Give a model, or leave `prefit` out to train one."
            )
        self._refuse_hyperparameters()
        return self.model

    def _refuse_hyperparameters(self) -> None:
        given = dict(self._hyperparameters)
        if self.latent_dim not in (None, getattr(self.model, "latent_dim", None)):
            given["latent_dim"] = self.latent_dim
        if given:
            raise ValueError(
                f"`model` is a {type(self.model).__name__}, whose networks cannot be changed; "
                f"received {given}. Give the class, its name, or a function "
                "build(input_shape, latent_dim, ...) instead of the model."
            )

    def _new_model(self, shape: tuple[int, ...], seed: int) -> Trainer:
        """Returns a compiled model with new weights."""
        compiled = None
        if isinstance(self.model, Trainer):
            self._refuse_hyperparameters()
            config = {**_reseeded(self.model.get_config(), random.Random(seed)), "seed": seed}
            model = type(self.model).from_config(config)
            compiled = self.model.get_compile_config()
        else:
            latent_dim = 32 if self.latent_dim is None else self.latent_dim
            hyperparameters = {k: without_state(v) for k, v in self._hyperparameters.items()}
            build = builder_of(self.model)
            if takes(build, "seed"):
                hyperparameters = {"seed": seed, **hyperparameters}
            model = build(shape, latent_dim, **hyperparameters)
            if not isinstance(model, Trainer):
                raise ValueError(f"`model` must build a tfae model; it returned {model!r}.")
            compiled = model.get_compile_config()
        options = {} if self.jit_compile is None else {"jit_compile": self.jit_compile}
        if compiled:
            model.compile_from_config({**compiled, **options})
        else:
            model.compile(**options)
        if self.learning_rate is not None:
            set_learning_rate(model.optimizer, checked_rate(self.learning_rate))
        return model

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_") or (self.prefit and isinstance(self.model, Trainer))

    # ------------------------------------------------------------------ after fit

    def transform(self, X: Any) -> np.ndarray:
        """Encodes data; a variational model gives the mean.

        Args:
            X: As for `fit`.

        Returns:
            Codes `(n, latent_dim)`, or the activations of `layer`, `(n, features)`; float32.
        """
        model, x = self._inputs(X)
        return self._representation(model, x)

    def _representation(self, model: Trainer, x: np.ndarray) -> np.ndarray:
        if self.layer is None:
            out = model.encode(x)
        else:
            out = model.features(x, layers=[self.layer])[self.layer]
        return np.asarray(out, np.float32).reshape(len(x), math.prod(out.shape[1:]))

    @available_if(lambda self: self.layer is None)
    def inverse_transform(self, X: Any) -> np.ndarray:
        """Decodes codes.

        Args:
            X: Codes `(n, latent_dim)`.

        Returns:
            Data `(n, features)`: the mean of p(x | z).
        """
        model, _ = self._fitted()
        codes = check_array(X, dtype=np.float32)
        if codes.shape[1] != model.latent_dim:
            raise ValueError(
                f"`X` must be codes of shape (n, {model.latent_dim}); received {codes.shape}."
            )
        return model.decode(codes).reshape(len(codes), -1)

    def score(self, X: Any, y: Any = None) -> float:
        """Returns the negative mean anomaly score of `X`; higher is better.

        Args:
            X: As for `fit`.
            y: Not used.
        """
        model, x = self._inputs(X)
        return -float(model.anomaly_score(x).mean())

    @property
    def _n_features_out(self) -> int:
        model, shape = self._fitted()
        return self._representation(model, np.zeros((1, *shape), np.float32)).shape[1]

    def _fitted(self) -> tuple[Trainer, tuple[int, ...]]:
        """Returns the trained model and the shape of one example."""
        check_is_fitted(self, msg=_NOT_FITTED)
        if hasattr(self, "model_"):
            return self.model_, self.input_shape_
        model = self._prefit_model()
        return model, _example_shape(model, tuple(self.input_shape or ()))

    def _inputs(self, X: Any) -> tuple[Trainer, np.ndarray]:
        model, shape = self._fitted()
        return model, _shaped(_rows(self, X, reset=False), shape)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.allow_nan = self._takes_nan
        return tags

    @property
    def _takes_nan(self) -> bool:
        """Whether NaN in `X` is a missing value for the model."""
        options = self._hyperparameters
        missing = getattr(self.model, "missing", None) if self.prefit else options.get("missing")
        return missing is not None


_NOT_FITTED = (
    "This %(name)s is not fitted yet. Call 'fit' first, or use a trained model with prefit=True."
)


def _rows(estimator: Encoder, X: Any, reset: bool) -> np.ndarray:
    """Checks data as scikit-learn does, and flattens examples to rows of features."""
    if isinstance(X, tf.SparseTensor) or (scipy.sparse.issparse(X) and X.ndim > 2):
        raise TypeError(
            f"Sparse data was passed for X, a {type(X).__name__}, but dense data is required: give "
            "an array of all values."
        )
    try:
        if not isinstance(X, tf.RaggedTensor) and getattr(X, "ndim", 2) > 2:
            X = np.asarray(X)
            X = X.reshape(len(X), math.prod(X.shape[1:]))
        finite = "allow-nan" if estimator._takes_nan else True
        return validate_data(estimator, X, reset=reset, dtype=np.float32, ensure_all_finite=finite)
    except ValueError as error:
        if "setting an array element with a sequence" not in str(error):
            raise
        raise ValueError(
            "`X` holds examples of different sizes; pad or cut them to the same shape."
        ) from error


def _example_shape(model: Trainer, given: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that the model takes or, if that is open, the one that was given."""
    shape = model.data_contract().input_shape if model.built else given
    return given if None in shape else tuple(shape)


def _shaped(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if rows.shape[1] != math.prod(shape):
        raise ValueError(
            f"`X` has {rows.shape[1]} features, but one example of shape {shape} has "
            f"{math.prod(shape)}; see `input_shape`."
        )
    return rows.reshape(-1, *shape)


def _reseeded(config: Any, draw: random.Random) -> Any:
    """Returns a model's configuration with new seeds for all its initialisers and random layers.

    So Keras takes no seed from its global generator.
    """
    if isinstance(config, dict):
        return {
            key: draw.randrange(2**31)
            if key == "seed" and (value is None or isinstance(value, int))
            else _reseeded(value, draw)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_reseeded(value, draw) for value in config)
    return config
