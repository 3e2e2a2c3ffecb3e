"""The imputer among scikit-learn's estimators."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import tfae
from tfae.sklearn import Imputer

FULL = load_iris().data * [1, 10, 100, 0.01] + [0, 500, 0, -3]
RNG = np.random.default_rng(0)
MISSING = RNG.random(FULL.shape) < 0.25
HOLES = np.where(MISSING, np.nan, FULL)
UNIT = FULL.std(axis=0)


def quick(*args, **parameters):
    return Imputer(*args, **{"epochs": 1, "random_state": 0, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return Imputer(epochs=4, hidden_units=(64,), random_state=0).fit(HOLES)


def rmse(filled):
    return np.sqrt(np.mean(((filled - FULL) / UNIT)[MISSING] ** 2))


@pytest.mark.slow
@parametrize_with_checks(
    [
        quick(hidden_units=(8,)),
        quick("VariationalAutoencoder", hidden_units=(8,), num_samples=5),
    ]
)
def test_all_of_scikit_learns_checks(estimator, check):
    check(estimator)


# ---------------------------------------------------------------------------- what it fills in


def test_it_fills_better_than_the_mean_in_the_units_of_the_columns(fitted):
    filled = fitted.transform(HOLES)
    assert rmse(filled) < 0.6 * rmse(SimpleImputer().fit_transform(HOLES))
    np.testing.assert_array_equal(filled[~MISSING], FULL[~MISSING])
    assert fitted.held_out_error_ == pytest.approx(rmse(filled), rel=0.4)
    assert fitted.held_out_error_ <= min(fitted.history_["held_out_rmse"]) + 0.05


def test_rows_are_filled_one_by_one(fitted):
    np.testing.assert_allclose(fitted.transform(HOLES[:5]), fitted.transform(HOLES)[:5], rtol=1e-5)
    assert np.isfinite(fitted.transform(np.full((1, 4), np.nan))).all()


def test_posterior_samples_have_the_errors_of_held_out_values(fitted):
    sampling = pickle.loads(pickle.dumps(fitted)).set_params(sample_posterior=True)
    first, again = (sampling.transform(HOLES) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    sampling.set_params(random_state=1)
    assert (sampling.transform(HOLES) != first)[MISSING].mean() > 0.9
    added = ((first - fitted.transform(HOLES)) / UNIT)[MISSING]
    assert added.std() == pytest.approx(fitted.held_out_error_, rel=0.35)


def test_another_model_fills_by_its_own_rule():
    imputer = quick("VariationalAutoencoder", hidden_units=(16,), latent_dim=2, num_samples=7)
    filled = imputer.fit_transform(HOLES)
    assert type(imputer.model_) is tfae.VariationalAutoencoder
    some = MISSING.any(axis=1)
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    np.testing.assert_array_equal(filled[some], imputer.model_.impute(HOLES[some], 7, seed=seed))
    drawn = imputer.set_params(sample_posterior=True).transform(HOLES)
    assert (drawn != filled)[MISSING].all()
    with pytest.raises(ValueError, match="missing='mask'"):
        quick(lambda shape, latent_dim, likelihood: None).fit(HOLES)


def test_random_state_decides_everything(fitted):
    same = clone(fitted).fit_transform(HOLES)
    np.testing.assert_allclose(same, fitted.transform(HOLES), rtol=1e-5)


# ---------------------------------------------------------------------------- as scikit-learn's


def test_columns_without_values_are_left_out_or_filled_with_zeros():
    empty = np.insert(HOLES, 1, np.nan, axis=1)
    imputer = quick(add_indicator=True, hidden_units=(4,)).fit(empty)
    like = SimpleImputer(add_indicator=True).fit(empty)
    assert list(imputer.get_feature_names_out()) == list(like.get_feature_names_out())
    out = imputer.transform(empty)
    assert out.shape == (150, 4 + 5)
    np.testing.assert_array_equal(out[:, 4:], np.isnan(empty))
    imputer = quick(keep_empty_features=True, hidden_units=(4,)).fit(empty)
    assert len(imputer.get_feature_names_out()) == 5
    np.testing.assert_array_equal(imputer.transform(empty)[:, 1], 0)


def test_another_value_may_mark_what_is_missing():
    imputer = quick(missing_values=-1, hidden_units=(4,))
    marked = imputer.fit_transform(np.where(MISSING, -1, FULL))
    np.testing.assert_array_equal(marked, quick(hidden_units=(4,)).fit_transform(HOLES))
    with pytest.raises(ValueError, match="NaN"):
        imputer.transform(HOLES)
    with pytest.raises(ValueError, match="missing_values"):
        quick(missing_values="none").fit(FULL)


def test_few_values_are_filled_by_the_gaussian_alone():
    rows = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, np.nan], [4.0, 8.0]])
    imputer = quick().fit(rows)
    assert imputer.held_out_error_ is None
    assert 4.5 < imputer.transform(rows)[2, 1] < 7
    assert quick().fit_transform([[np.nan], [np.nan]]).shape == (2, 0)


def test_wide_tables_get_a_gaussian_of_low_rank():
    x = RNG.normal(size=(60, 3)) @ RNG.normal(size=(3, 140))
    holes = np.where(RNG.random(x.shape) < 0.2, np.nan, x)
    filled = quick(hidden_units=(4,)).fit_transform(holes)
    assert np.abs(filled - x).mean() < 0.2 * x.std()


def test_it_enters_pipelines_and_is_pickled(fitted):
    pipeline = make_pipeline(quick(hidden_units=(8,)), LogisticRegression(max_iter=2000))
    assert (
        pipeline.fit(HOLES / UNIT, load_iris().target).score(HOLES / UNIT, load_iris().target) > 0.8
    )
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.transform(HOLES), fitted.transform(HOLES))
    with pytest.raises(NotFittedError):
        Imputer().transform(HOLES)


def test_hyperparameters_are_parameters():
    imputer = Imputer(hidden_units=(8,), dropout=0.2)
    assert clone(imputer).get_params()["dropout"] == 0.2
    with pytest.raises(TypeError, match="depth"):
        Imputer(depth=3).fit(HOLES)


def test_the_held_out_part_has_a_range():
    with pytest.raises(ValueError, match="held_out"):
        quick(held_out=1.5).fit(HOLES)


def test_its_model_is_saved_with_the_scaling(fitted, tmp_path):
    import keras

    fitted.model_.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.impute(HOLES), fitted.transform(HOLES), rtol=1e-5)
