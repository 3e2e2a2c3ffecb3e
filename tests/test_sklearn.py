"""Autoencoders as scikit-learn estimators, on scikit-learn's digits."""

import pickle
import random

import joblib
import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

import tfae
from tfae.sklearn import Encoder


@pytest.fixture(scope="module")
def rows():
    """Digits as scikit-learn has them: flat, float64; the first 400."""
    return load_digits().data[:400] / 16


@pytest.fixture(scope="module")
def labels():
    return load_digits().target[:400]


@pytest.fixture(scope="module")
def trained(rows):
    """A trained model of images, as a user may have it."""
    keras.utils.set_random_seed(0)
    model = tfae.VariationalAutoencoder.from_shape((8, 8, 1), 6, hidden_units=(32,), seed=0)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    model.fit(rows.reshape(-1, 8, 8, 1), epochs=30, batch_size=50, verbose=0)
    return model


def quick(model="Autoencoder", **parameters):
    options = {"latent_dim": 3, "epochs": 2, "jit_compile": False, "random_state": 0}
    if isinstance(model, str | type):
        options["hidden_units"] = (16,)
    return Encoder(model, **{**options, **parameters})


def weights(model):
    return [np.asarray(w) for w in model.trainable_variables]


# ---------------------------------------------------------------------------- its own checks


class Eager:
    """Builds a small model that is not compiled: the checks fit it a hundred times."""

    @staticmethod
    def from_shape(input_shape, latent_dim, seed):
        model = tfae.Autoencoder.from_shape(
            input_shape, latent_dim, hidden_units=(8,), likelihood="squared_error", seed=seed
        )
        model.compile(run_eagerly=True)
        return model


@parametrize_with_checks([Encoder(Eager, latent_dim=2, epochs=2)], legacy=False)
def test_scikit_learns_checks_of_the_interface(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        quick(m, latent_dim=2, likelihood="gaussian")
        for m in ("Autoencoder", tfae.VariationalAutoencoder)
    ]
)
def test_all_of_scikit_learns_checks(estimator, check):
    check(estimator)


# ---------------------------------------------------------------------------- in pipelines


@pytest.mark.parametrize("classifier", [SVC(), LogisticRegression(max_iter=500)])
def test_a_classifier_of_the_codes_is_accurate(rows, labels, classifier):
    encoder = quick(latent_dim=12, epochs=40, batch_size=50, learning_rate=3e-3, hidden_units=(64,))
    pipeline = make_pipeline(encoder, classifier).fit(rows[:300], labels[:300])
    assert pipeline.score(rows[300:], labels[300:]) > 0.8
    assert pipeline[0].history_["loss"][-1] < pipeline[0].history_["loss"][0]


def test_a_pipeline_uses_a_trained_model_as_it_is(rows, labels, trained):
    before = weights(trained)
    pipeline = make_pipeline(Encoder(trained, prefit=True), SVC())
    scores = cross_val_score(pipeline, rows, labels, cv=3)  # clones it
    assert scores.mean() > 0.8
    pipeline.fit(rows, labels)
    assert pipeline[0].model_ is trained
    np.testing.assert_array_equal(
        pipeline[0].transform(rows), trained.encode(rows.reshape(-1, 8, 8, 1).astype("float32"))
    )
    for a, b in zip(before, weights(trained), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_grid_search_chooses_the_size_of_the_code(rows, labels):
    pipeline = make_pipeline(quick(epochs=8, learning_rate=1e-2), LogisticRegression(max_iter=500))
    grid = {"encoder__latent_dim": [1, 8], "encoder__hidden_units": [(24,)]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(rows, labels)
    assert search.best_params_["encoder__latent_dim"] == 8
    best = search.best_estimator_[0]
    assert best.model_.latent_dim == 8
    assert best.model_.encoder.get_layer("hidden_1").units == 24
    assert best.transform(rows).shape == (400, 8)


@pytest.mark.slow
def test_a_grid_search_in_two_processes_finds_the_same(rows, labels, trained):
    encoder = quick(tfae.VariationalAutoencoder, beta=tfae.losses.LinearWarmUp(100))
    pipeline = make_pipeline(encoder, LogisticRegression(max_iter=500))

    def scores(n_jobs):
        grid = {"encoder__latent_dim": [2, 8]}
        search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs, error_score="raise")
        return search.fit(rows, labels).cv_results_["mean_test_score"]

    np.testing.assert_allclose(scores(1), scores(2), atol=0.02)
    prefit = make_pipeline(Encoder(trained, prefit=True), SVC())
    assert cross_val_score(prefit, rows, labels, cv=2, n_jobs=2).mean() > 0.8


def test_the_encoders_score_is_the_negative_reconstruction_loss(rows):
    large = quick(epochs=10, batch_size=25, latent_dim=16).fit(rows)
    assert large.score(rows) > quick(epochs=1, latent_dim=1).fit(rows).score(rows)
    expected = -large.model_.anomaly_score(rows.astype("float32")).mean()
    assert large.score(rows) == pytest.approx(expected)


# ---------------------------------------------------------------------------- parameters


def test_hyperparameters_of_the_model_are_parameters():
    encoder = Encoder("VariationalAutoencoder", latent_dim=4, beta=2.0, hidden_units=(8,))
    copied = clone(encoder)
    assert copied.get_params() == encoder.get_params()
    assert copied.get_params()["beta"] == 2.0
    copied.set_params(beta=3.0, latent_dim=5, num_samples=2)
    assert (copied.get_params()["beta"], copied.get_params()["num_samples"]) == (3.0, 2)
    assert encoder.get_params()["beta"] == 2.0
    assert "num_samples" not in encoder.get_params()
    assert "beta=2.0" in repr(encoder)


def test_names_classes_and_functions_build_the_same(rows):
    def build(input_shape, latent_dim, **hyperparameters):
        return tfae.Autoencoder.from_shape(input_shape, latent_dim, **hyperparameters)

    codes = [
        quick(model, hidden_units=(16,), epochs=1).fit_transform(rows[:20])
        for model in ("Autoencoder", tfae.Autoencoder, build)
    ]
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[0], codes[2])


def test_fit_trains_a_copy_of_the_model_from_the_start(rows, trained):
    before, steps = weights(trained), int(trained.optimizer.iterations)
    encoder = Encoder(trained, epochs=1, random_state=0).fit(rows)
    assert encoder.model_ is not trained
    assert type(encoder.model_) is tfae.VariationalAutoencoder
    assert float(encoder.model_.optimizer.learning_rate) == pytest.approx(1e-2)
    assert encoder.model_.jit_compile is False
    assert int(encoder.model_.optimizer.iterations) == 4, "from the start: no step of the pattern's"
    assert int(trained.optimizer.iterations) == steps
    for a, b, c in zip(before, weights(trained), weights(encoder.model_), strict=True):
        np.testing.assert_array_equal(a, b)
        assert b.shape == c.shape
    assert encoder.score(rows) < -trained.anomaly_score(rows.reshape(-1, 8, 8, 1)).mean()


def own_networks():
    """A model whose layers have no seeds, and of which one is random."""
    inputs = keras.Input((64,))
    h = keras.layers.GaussianNoise(0.1)(keras.layers.Dense(5, "relu")(inputs))
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(64)])
    model = tfae.Autoencoder(keras.Model(inputs, keras.layers.Dense(2)(h)), decoder)
    model.compile(run_eagerly=True)
    return model


@pytest.mark.parametrize(
    "model", [pytest.param("VariationalAutoencoder", marks=pytest.mark.slow), "own networks"]
)
def test_random_state_determines_the_result_in_threads_too(rows, model):
    if model == "own networks":
        model, options = own_networks(), {"latent_dim": None}
    else:
        options = {}

    def codes(random_state):
        encoder = quick(model, random_state=random_state, epochs=1, batch_size=100, **options)
        return encoder.fit_transform(rows[:200])

    state = random.getstate(), keras.config.dtype_policy()
    expected = codes(3)
    assert (random.getstate(), keras.config.dtype_policy()) == state
    found = joblib.Parallel(n_jobs=3, prefer="threads")(
        joblib.delayed(codes)(random_state) for random_state in (3, 4, 3)
    )
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(found[2], expected)
    assert np.abs(found[1] - expected).max() > 0.01


def test_each_fit_has_its_own_copy_of_a_learning_rate_schedule(rows):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.02, 10, 0.5)
    encoder = clone(quick(learning_rate=schedule, epochs=1)).fit(rows[:50])
    assert float(encoder.model_.optimizer.learning_rate) < 0.02
    falling = tfae.training.CosineOverFit(0.02)
    first, second = (quick(learning_rate=falling, epochs=1).fit(rows[:50]) for _ in range(2))
    np.testing.assert_array_equal(first.transform(rows), second.transform(rows))


def test_options_of_the_training_take_effect(rows):
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", min_delta=1e9, patience=1)
    encoder = quick(
        epochs=10, validation_split=0.25, callbacks=[stop], learning_rate=0.05, batch_size=100
    ).fit(rows)
    assert len(encoder.history_["val_loss"]) == 2
    assert int(encoder.model_.optimizer.iterations) == 6
    assert float(encoder.model_.optimizer.learning_rate) == pytest.approx(0.05)
    assert getattr(stop, "model", None) is None, "each fit has callbacks of its own"


def test_each_fit_has_its_own_copy_of_a_likelihood_with_a_weight(rows):
    likelihood = tfae.losses.Gaussian("learned")
    encoder = quick(likelihood=likelihood)
    first = encoder.fit(rows).model_.likelihood
    assert first is not encoder.fit(rows).model_.likelihood
    assert float(likelihood.log_scale) == 0.0
    assert float(first.log_scale) != 0.0


# ---------------------------------------------------------------------------- shapes


def test_flat_rows_reach_a_convolutional_model_as_images(rows, digits):
    encoder = quick(
        architecture="conv", input_shape=(8, 8, 1), filters=(4,), hidden_units=8, epochs=1
    )
    codes = encoder.fit(rows).transform(rows)
    assert encoder.model_.data_contract().input_shape == (8, 8, 1)
    np.testing.assert_array_equal(codes, encoder.transform(digits[:400]))
    decoded = encoder.inverse_transform(codes)
    assert decoded.shape == (400, 64)
    images = clone(encoder).set_params(input_shape=None).fit(digits[:400])  # from the data itself
    np.testing.assert_array_equal(images.transform(rows), codes)
    assert images.n_features_in_ == 64


def test_any_layer_is_a_representation(rows, trained):
    image_rows = rows.reshape(-1, 8, 8, 1).astype("float32")
    for layer, size in (("hidden_1", 32), ("log_variance", 6), ("flatten", 64)):
        encoder = Encoder(trained, prefit=True, layer=layer)
        np.testing.assert_array_equal(encoder.transform(rows), trained.features(image_rows)[layer])
        assert list(encoder.get_feature_names_out())[-1] == f"encoder{size - 1}"
        assert not hasattr(encoder, "inverse_transform")
    conv = quick(architecture="conv", input_shape=(8, 8, 1), filters=(4,), hidden_units=8,
                 epochs=1, layer="conv_1")  # fmt: skip
    assert conv.fit_transform(rows[:50]).shape == (50, 4 * 4 * 4)
    assert len(conv.get_feature_names_out()) == 64


def test_a_trained_model_transforms_without_fit(rows, trained):
    encoder = Encoder(trained, prefit=True)
    assert encoder.transform(rows[:5]).shape == (5, 6)
    assert encoder.inverse_transform(np.zeros((2, 6))).shape == (2, 64)
    with pytest.raises(NotFittedError, match="prefit=True"):
        Encoder(trained).transform(rows)


@pytest.mark.parametrize("module", [pickle, joblib], ids=lambda m: m.__name__)
def test_it_is_the_same_after_pickling(rows, trained, tmp_path, module):
    for encoder in (quick("VariationalAutoencoder").fit(rows), Encoder(trained, prefit=True)):
        with open(tmp_path / "encoder", "wb") as file:
            module.dump(encoder, file)
        with open(tmp_path / "encoder", "rb") as file:
            loaded = module.load(file)
        np.testing.assert_array_equal(loaded.transform(rows), encoder.transform(rows))
        assert str(loaded.get_params()) != ""
        assert loaded.score(rows) == pytest.approx(encoder.score(rows), rel=1e-6)


# ---------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": "autoencoder"}, "one of .*Autoencoder.*received 'autoencoder'"),
        ({"model": keras.Sequential()}, "must be a tfae model"),
        ({"model": 3}, "must be a tfae model"),
        ({"model": lambda shape, latent_dim: None}, "must build a tfae model"),
        ({"depth": 3}, "no hyperparameter depth; it has .*hidden_units"),
        ({"learning_rate": -1.0}, "`learning_rate` must be a positive number; received -1.0"),
        ({"learning_rate": "much"}, "`learning_rate` must be a positive number"),
        ({"epochs": 1.5}, "`epochs` must be an integer"),
        ({"prefit": True}, "needs a trained tfae model"),
        ({"input_shape": (7, 7)}, r"64 features.*\(7, 7\) has 49"),
        ({"layer": "hidden_9"}, "no layer 'hidden_9'; it has 'hidden_1', 'hidden_2', 'code'"),
    ],
)
def test_parameters_that_do_not_fit_are_explained(rows, parameters, message):
    with pytest.raises(ValueError, match=message):
        Encoder(**{"epochs": 1, "jit_compile": False, **parameters}).fit(rows[:20]).transform(
            rows[:20]
        )


@pytest.mark.parametrize("prefit", [True, False])
def test_networks_of_a_model_cannot_be_searched(rows, trained, prefit):
    for parameters in ({"latent_dim": 5}, {"hidden_units": (3,)}):
        with pytest.raises(ValueError, match="Give the class, its name, or a function"):
            Encoder(trained, prefit=prefit, **parameters).fit(rows)
    with pytest.raises(ValueError, match="63 features"):
        Encoder(trained, prefit=prefit).fit(rows[:, 1:])


def test_invalid_data_is_refused(rows):
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\].*'squared_error'"):
        quick().fit(rows * 16)
    with pytest.raises(ValueError, match="NaN"):
        quick().fit(np.where(rows > 0.5, np.nan, rows))
    encoder = quick().fit(rows)
    with pytest.raises(ValueError, match="63 features, but Encoder is expecting 64"):
        encoder.transform(rows[:, 1:])
    with pytest.raises(ValueError, match="0 sample"):
        encoder.transform(rows[:0])
    with pytest.raises(ValueError, match=r"codes of shape \(n, 3\); received \(2, 4\)"):
        encoder.inverse_transform(np.zeros((2, 4)))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (scipy.sparse.csr_matrix(np.eye(4)), TypeError, "dense data is required.*toarray"),
        (scipy.sparse.coo_array(np.ones((4, 2, 2))), TypeError, "dense data is required"),
        (tf.sparse.from_dense(np.eye(4)), TypeError, "dense data is required"),
        ([[1.0, 2.0], [3.0]], ValueError, "different sizes; pad or cut"),
        (tf.ragged.constant([[1.0, 2.0], [3.0]]), ValueError, "different sizes; pad or cut"),
        ([np.zeros((3, 3)), np.zeros((2, 3))], ValueError, "different sizes; pad or cut"),
        (np.zeros((0, 2, 2)), ValueError, "0 sample"),
    ],
    ids=["csr", "coo", "tf sparse", "lists", "tf ragged", "images", "none"],
)
def test_sparse_and_ragged_data_is_refused(data, error, message):
    with pytest.raises(error, match=message):
        quick().fit(data)


def test_the_learning_rate_of_an_adversarial_model_is_that_of_its_reconstruction(few_digits):
    encoder = tfae.sklearn.Encoder(
        "AdversarialAutoencoder",
        latent_dim=2,
        hidden_units=(8,),
        learning_rate=5e-3,
        epochs=1,
        jit_compile=False,
        random_state=0,
    ).fit(few_digits[:20])
    optimizers = (encoder.model_.optimizer, encoder.model_.generator_optimizer)
    rates = [float(optimizer.learning_rate) for optimizer in optimizers]
    assert rates == pytest.approx([5e-3, 3e-4], rel=1e-5)


def test_nan_is_a_missing_value_with_the_models_option_and_refused_without_it(rows):
    holes = np.where(np.random.default_rng(0).random(rows.shape) < 0.2, np.nan, rows)
    encoder = quick(missing="mask").fit(holes)
    assert np.isfinite(encoder.transform(holes)).all()
    assert np.isfinite(encoder.score(holes))
    again = quick(encoder.model_, prefit=True)
    np.testing.assert_array_equal(again.fit(holes).transform(holes), encoder.transform(holes))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        quick().fit(holes)
