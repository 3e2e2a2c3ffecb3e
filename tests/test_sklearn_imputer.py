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
from tfae.layers.conditional_mean import ConditionalMean
from tfae.layers.hiding import Hiding
from tfae.sklearn import Imputer
from tfae.sklearn.gaussian import fit_gaussian, rank_of

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
    assert rmse(filled) / 1.4 < fitted.held_out_error_ < 1.4 * rmse(filled)  # of other values
    assert fitted.held_out_error_ <= min(fitted.history_["held_out_rmse"]) + 0.05


def test_rows_are_filled_one_by_one(fitted):
    np.testing.assert_allclose(fitted.transform(HOLES[:5]), fitted.transform(HOLES)[:5], rtol=1e-5)
    assert np.isfinite(fitted.transform(np.full((1, 4), np.nan))).all()


def test_posterior_samples_add_errors_of_held_out_values_of_their_column(fitted):
    sampling = pickle.loads(pickle.dumps(fitted)).set_params(sample_posterior=True)
    first, again = (sampling.transform(HOLES) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    sampling.set_params(random_state=1)
    assert (sampling.transform(HOLES) != first)[MISSING].mean() > 0.9
    added = first - fitted.transform(HOLES)
    for column, errors in enumerate(fitted._errors):
        gaps = np.abs(added[MISSING[:, column], column, None] - errors).min(axis=1)
        np.testing.assert_allclose(gaps, 0, atol=1e-4 * UNIT[column])


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
    empty = np.insert(HOLES[:20], 1, np.nan, axis=1)  # too few values to hold any out and to train
    imputer = quick(add_indicator=True).fit(empty)
    like = SimpleImputer(add_indicator=True).fit(empty)
    assert list(imputer.get_feature_names_out()) == list(like.get_feature_names_out())
    out = imputer.transform(empty)
    assert out.shape == (20, 4 + 5)
    np.testing.assert_array_equal(out[:, 4:], np.isnan(empty))
    imputer = quick(keep_empty_features=True).fit(empty)
    assert len(imputer.get_feature_names_out()) == 5
    np.testing.assert_array_equal(imputer.transform(empty)[:, 1], 0)


def test_another_value_may_mark_what_is_missing():
    imputer = quick(missing_values=-1)
    marked = imputer.fit_transform(np.where(MISSING, -1, FULL)[:20])
    np.testing.assert_array_equal(marked, quick().fit_transform(HOLES[:20]))
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


@pytest.mark.parametrize("dim", [7, 140])
def test_the_gaussian_fills_what_linear_relations_determine(dim):
    x = RNG.normal(size=(80, 3)) @ RNG.normal(size=(3, dim))
    missing = RNG.random(x.shape) < 0.2
    holes = np.where(missing, np.nan, x)
    gaussian = fit_gaussian(holes, x)
    layer = ConditionalMean(rank_of(dim))
    layer.build([(None, dim)] * 2)
    layer.set_gaussian(*gaussian)
    filled = layer([np.nan_to_num(holes).astype("float32"), (~missing).astype("float32")]).numpy()
    assert np.sqrt(np.mean((filled - x)[missing] ** 2)) < 0.3 * x.std()
    np.testing.assert_array_equal(filled[~missing], x.astype("float32")[~missing])


def test_the_conditional_mean_is_that_of_the_covariance():
    factors = RNG.normal(size=(5, 2))
    variance, mean = np.array([0.1, 0.5, 1.0, 0.2, 0.3]), np.arange(5.0)
    covariance = factors @ factors.T + np.diag(variance)
    x = RNG.multivariate_normal(mean, covariance, 20)
    missing = RNG.random(x.shape) < 0.5
    layer = ConditionalMean(2)
    layer.build([(None, 5)] * 2)
    layer.set_gaussian(mean, factors, variance)
    filled = layer([x.astype("float32"), (~missing).astype("float32")]).numpy()
    for row, hidden, found in zip(x, missing, filled, strict=True):
        of_observed = covariance[np.ix_(~hidden, ~hidden)]
        gain = np.linalg.solve(of_observed, covariance[np.ix_(~hidden, hidden)])
        expected = mean[hidden] + (row - mean)[~hidden] @ gain
        np.testing.assert_allclose(found[hidden], expected, atol=1e-4)


def test_hiding_has_a_rate_of_its_own_for_each_row_and_none_outside_training():
    x, mask = np.ones((500, 200), "float32"), np.ones((500, 200), "float32")
    mask[:, 0] = 0
    layer = Hiding(0.1, 0.6, seed=0)
    for same, given in zip(layer([x, mask]), (x, mask), strict=True):
        np.testing.assert_array_equal(same, given)
    kept, kept_mask = (tensor.numpy() for tensor in layer([x, mask], training=True))
    np.testing.assert_array_equal(kept, x * kept_mask)
    assert not kept_mask[:, 0].any()
    rates = 1 - kept_mask[:, 1:].mean(axis=1)
    assert 0.0 < rates.min() < 0.15
    assert 0.55 < rates.max() < 0.75
    assert rates.mean() == pytest.approx(0.35, abs=0.03)
    with pytest.raises(ValueError, match="high"):
        Hiding(0.5, 0.2)


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
