"""Missing values of tables, filled by an autoencoder, as a scikit-learn transformer."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.impute import MissingIndicator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from tfae.arguments import is_number, whole_number
from tfae.layers.scaling import Scaling
from tfae.sklearn.building import builder_of, takes, without_state
from tfae.sklearn.filling import HeldOut, filling_model, fit_filling, observed_statistics
from tfae.sklearn.hyperparameters import WithHyperparameters
from tfae.training import Trainer


class Imputer(WithHyperparameters, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A scikit-learn transformer that fills missing values with what an autoencoder expects there.

    Its own network, the default, is a denoising autoencoder whose noise is its task: in training it
    hides further values and learns to fill them in. It starts from the conditional mean of a
    Gaussian fitted to the table, which suits small tables of correlated columns, and learns what
    this misses. A part of the observed values is held out, to decide when training stops and how
    far each column trusts the network rather than the Gaussian. Any other model of tfae can be
    named instead; it fills by `model.impute`.

    Columns may have any scale; the model standardises them and keeps the scaling.

    Example:
        ```python
        filled = tfae.sklearn.Imputer(random_state=0).fit_transform(table)
        ```

    Args:
        model: `None` for its own network; or the name of a class in `tfae.models`, a class with
            `from_shape`, or a function `build(input_shape, latent_dim, **hyperparameters)`.
        latent_dim: Size of the code of a `model`; by default half the columns, at most 32.
        missing_values: What marks a missing value: NaN or a number. With a number, NaN is an error.
        num_samples: Codes that a variational `model` draws for each row; see `impute`.
        sample_posterior: Whether values are drawn instead of expected, for multiple imputation:
            transform several times with different seeds. Its own network adds one of the column's
            errors on held-out values to the expected value; a `model` draws from its likelihood.
        epochs: The most epochs. An epoch passes over a short table several times, so that it has at
            least 200 steps.
        patience: Epochs without a smaller held-out error after which training stops.
        held_out: Fraction of the observed values that is held out; by default what makes 500
            values, but at least 3 % and at most 10 % of them.
        batch_size: Rows per step; by default 64, or 256 above 2,000 rows.
        learning_rate: Initial learning rate; it decays to zero.
        add_indicator: Whether indicators of what was missing are appended, as in scikit-learn's
            imputers, for the columns with missing values in `fit`.
        keep_empty_features: Whether a column without any value in `fit` is kept, filled with zeros;
            otherwise it is left out.
        random_state: Integer, `numpy.random.RandomState` or `None`; determines the fit, and the
            draws of `transform`.
        verbose: 0, 1 or 2, as for Keras' `fit`.
        **hyperparameters: Of its own network: `hidden_units=(512, 256)`, `dropout=0.1` and
            `noise=0.3`, in standard deviations. Of a `model`: those of its `from_shape` or
            function, such as `likelihood`, by default `"gaussian"`.

    Attributes:
        model_: The trained tfae model. It takes the columns that are not empty, in their units.
        history_: The training losses by epoch, and the held-out error, "held_out_rmse", in standard
            deviations.
        held_out_error_: The final held-out error, or `None` if there are too few values to hold
            some out.
        indicator_: scikit-learn's `MissingIndicator`, or `None`.
        n_features_in_: Number of columns.

    It passes scikit-learn's `check_estimator`.

    Reference:
        Gondara and Wang, "MIDA: Multiple Imputation using Denoising Autoencoders", 2018.
    """

    def __init__(
        self,
        model: str | type | Callable[..., keras.Model] | None = None,
        *,
        latent_dim: int | None = None,
        missing_values: float = np.nan,
        num_samples: int | None = None,
        sample_posterior: bool = False,
        epochs: int = 12,
        patience: int = 4,
        held_out: float | None = None,
        batch_size: int | None = None,
        learning_rate: float = 4e-3,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        **hyperparameters,
    ):
        self.model = model
        self.latent_dim = latent_dim
        self.missing_values = missing_values
        self.num_samples = num_samples
        self.sample_posterior = sample_posterior
        self.epochs = epochs
        self.patience = patience
        self.held_out = held_out
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.random_state = random_state
        self.verbose = verbose
        self._hyperparameters = hyperparameters

    # ------------------------------------------------------------------ fit

    def fit(self, X: Any, y: Any = None) -> Self:
        """Trains a new model on the observed values of `X`.

        Args:
            X: Array or data frame `(n, features)`.
            y: Not used.

        Returns:
            This estimator.

        Raises:
            ValueError: If a parameter is out of its range, or nothing is observed.
        """
        rows, missing = self._checked(X, reset=True)
        self.indicator_ = None
        if self.add_indicator:
            self.indicator_ = MissingIndicator(
                missing_values=self.missing_values, error_on_new=False
            ).fit(self._raw(rows, missing))
        self.is_empty_ = missing.all(axis=0)
        rows = np.where(missing, np.nan, rows)[:, ~self.is_empty_]
        if not rows.size:
            self.model_, self.history_, self.held_out_error_ = None, {}, None
            return self
        random = check_random_state(self.random_state)
        seed = int(random.randint(2**31 - 1))
        shift, scale = observed_statistics(rows)
        held = HeldOut.of(rows, scale, self.held_out, np.random.default_rng(seed))
        self.model_ = self._new_model(rows.shape[1], shift, scale, seed)
        self.history_ = fit_filling(
            self.model_,
            held,
            epochs=whole_number("epochs", self.epochs, 1),
            patience=whole_number("patience", self.patience, 1),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            verbose=self.verbose,
            own=self.model is None,
        )
        self.held_out_error_ = held.rmse(self.model_)
        self._errors = held.errors_by_column(self.model_)
        return self

    def _new_model(self, dim: int, shift: np.ndarray, scale: np.ndarray, seed: int) -> Trainer:
        scaling = Scaling(shift, 1 / scale)
        if self.model is None:
            return filling_model(dim, scaling, seed, **self._hyperparameters)
        build = builder_of(self.model)
        options = {"likelihood": "gaussian", **self._hyperparameters}
        options = {key: without_state(value) for key, value in options.items()}
        options |= {
            key: value
            for key, value in (("missing", "mask"), ("scaling", scaling), ("seed", seed))
            if takes(build, key) and key not in options
        }
        latent_dim = min(max(dim // 2, 1), 32) if self.latent_dim is None else self.latent_dim
        model = build((dim,), latent_dim, **options)
        if not isinstance(model, Trainer) or model.missing is None:
            raise ValueError(
                "`model` must build a tfae model with missing='mask'; it returned "
                f"{model!r}, which takes no missing values."
            )
        return model

    # ------------------------------------------------------------------ after fit

    def transform(self, X: Any) -> np.ndarray:
        """Fills missing values; observed ones stay as they are.

        Args:
            X: As for `fit`.

        Returns:
            `(n, features)` without empty columns, unless they are kept, and with the indicators.
        """
        check_is_fitted(self)
        rows, missing = self._checked(X, reset=False)
        filled = np.where(missing, 0, rows).astype(rows.dtype)
        used = ~self.is_empty_
        if self.model_ is not None and missing[:, used].any():
            filled[:, used] = self._impute(np.where(missing, np.nan, rows)[:, used])
        if not self.keep_empty_features:
            filled = filled[:, used]
        if self.indicator_ is None:
            return filled
        return np.hstack([filled, self.indicator_.transform(self._raw(rows, missing))])

    def _impute(self, rows: np.ndarray) -> np.ndarray:
        """Fills rows of the columns that are not empty; the model runs only on incomplete rows."""
        filled = rows.copy()
        missing = np.isnan(rows)
        some = missing.any(axis=1)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        draws = self.sample_posterior and self.model is not None
        values = self.model_.impute(
            rows[some], self.num_samples, seed=seed, num_imputations=1 if draws else None
        )
        filled[some] = values[0] if draws else values
        if self.sample_posterior and not draws:
            rng = np.random.default_rng(seed)
            for column, errors in enumerate(self._errors):
                of_column = missing[:, column]
                filled[of_column, column] += rng.choice(errors, of_column.sum())
        return filled

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Returns the names of the output's columns.

        Args:
            input_features: Names of the input's columns; by default those seen in `fit`.
        """
        check_is_fitted(self)
        names = super().get_feature_names_out(input_features)
        kept = names if self.keep_empty_features else names[~self.is_empty_]
        if self.indicator_ is None:
            return kept
        return np.concatenate([kept, self.indicator_.get_feature_names_out(names)])

    # ------------------------------------------------------------------ helpers

    def _checked(self, X: Any, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        """Data as floats, and which values are missing."""
        if not is_number(self.missing_values) and not self._marks_with_nan:
            raise ValueError(
                f"`missing_values` must be NaN or a number; received {self.missing_values!r}."
            )
        rows = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan" if self._marks_with_nan else True,
        )
        missing = np.isnan(rows) if self._marks_with_nan else rows == self.missing_values
        return rows, missing

    def _raw(self, rows: np.ndarray, missing: np.ndarray) -> np.ndarray:
        return np.where(missing, self.missing_values, rows).astype(rows.dtype)

    @property
    def _marks_with_nan(self) -> bool:
        return isinstance(self.missing_values, float | np.floating) and bool(
            np.isnan(self.missing_values)
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._marks_with_nan
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
