"""The variational autoencoder conditional on labels, and labels in every method."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import tfae
from tfae.batches.batch import Batch

LABELS = load_digits().target


def cvae(seed=7, run_eagerly=True, **hyperparameters):
    keras.utils.set_random_seed(seed)
    model = tfae.ConditionalVariationalAutoencoder.from_shape(
        (8, 8, 1), 3, **{"hidden_units": (24,), "num_classes": 10, "seed": seed, **hyperparameters}
    )
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=run_eagerly, jit_compile=False)
    return model


@pytest.fixture(scope="module")
def trained(digits):
    model = cvae(hidden_units=(64,), run_eagerly=False)
    model.fit({"x": digits, "label": LABELS}, epochs=15, verbose=0)
    return model


@pytest.fixture
def labelled(few_digits):
    return {"x": few_digits, "label": LABELS[: len(few_digits)]}


def classes_of(images, digits):
    """Returns the class of the nearest real digit of each image."""
    distances = ((images[:, None] - digits[None, :]) ** 2).sum((2, 3, 4))
    return LABELS[distances.argmin(axis=1)]


def test_generate_draws_examples_of_the_requested_class(trained, digits):
    wanted = np.repeat(np.arange(10), 10)
    images = trained.generate(100, seed=1, label=wanted)
    assert (classes_of(images, digits) == wanted).mean() > 0.85
    np.testing.assert_array_equal(trained.generate(3, seed=2, label=4), trained.generate(
        3, seed=2, label=[4, 4, 4]))  # fmt: skip


def test_without_a_label_generate_draws_every_class_and_follows_the_seed(trained, digits):
    images = trained.generate(100, seed=1)
    counts = np.bincount(classes_of(images, digits), minlength=10)
    assert (counts > 0).all()
    np.testing.assert_allclose(trained.generate(7, seed=1), images[:7], rtol=1e-5)


def test_the_label_changes_the_class_and_the_code_keeps_the_rest(trained, digits):
    codes = trained.encode({"x": digits[:100], "label": LABELS[:100]})
    assert (classes_of(trained.decode(codes, label=3), digits) == 3).mean() > 0.8
    # With the right label, an example is less anomalous than with a wrong one.
    with_label = trained.anomaly_score({"x": digits[:100], "label": LABELS[:100]})
    wrong = trained.anomaly_score({"x": digits[:100], "label": (LABELS[:100] + 1) % 10})
    assert (with_label < wrong).mean() > 0.9


@pytest.mark.parametrize(
    "method", ["encode", "reconstruct", "anomaly_score", "log_likelihood", "predict"]
)
def test_datasets_of_dictionaries_give_the_same_results_as_arrays(trained, labelled, method):
    options = {"verbose": 0} if method == "predict" else {}
    options |= {"seed": 1, "num_samples": 2} if method == "log_likelihood" else {}
    function = getattr(trained, method)
    of_arrays = function(labelled, **options)
    dataset = tf.data.Dataset.from_tensor_slices(labelled).batch(256)
    np.testing.assert_allclose(function(dataset, **options), of_arrays, rtol=1e-5, atol=1e-6)
    x, y = labelled["x"], labelled["label"]
    other_classes = function({"x": x, "label": (y + 1) % 10}, **options)
    assert (of_arrays != other_classes).any()
    unknown = function({"x": x, "label": np.full(len(x), -1)}, **options)
    np.testing.assert_array_equal(function(x, **options), unknown)


def test_decode_without_a_label_uses_the_unknown_class(trained):
    z = np.zeros((2, 3), "float32")
    np.testing.assert_array_equal(trained.decode(z), trained.decode(z, label=-1))
    assert (trained.decode(z) != trained.decode(z, label=[0, 1])).any()


def test_features_depend_on_the_label(trained, labelled):
    mean = trained.features(labelled)["mean"]
    np.testing.assert_allclose(mean, trained.encode(labelled), rtol=1e-5, atol=1e-6)


def test_metrics_of_compile_see_the_label_conditional_reconstruction(labelled):
    model = cvae()
    model.compile(metrics=["mse"], run_eagerly=True)
    logs = model.evaluate(labelled, verbose=0, return_dict=True)
    expected = np.mean((model.reconstruct(labelled) - labelled["x"]) ** 2)
    assert logs["mse"] == pytest.approx(expected, rel=1e-4)


def test_several_samples_each_get_the_label_of_their_example(labelled):
    model = cvae(num_samples=3)
    z = tf.random.stateless_normal([3, 5, 3], [1, 2])
    label = tf.constant([4, 1, -1, 0, 9])
    outputs = model._decode_samples(z, Batch(z, label=label), training=False)
    for i in range(3):
        np.testing.assert_allclose(
            outputs[i], model._decoder_output(Batch(z[i], label=label)), rtol=1e-5
        )
    assert np.isfinite(model.fit(labelled, verbose=0).history["loss"])


def test_labels_survive_saving(trained, labelled, tmp_path):
    trained.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.num_classes == 10
    np.testing.assert_array_equal(loaded.encode(labelled), trained.encode(labelled))
    np.testing.assert_array_equal(
        loaded.generate(3, seed=1, label=2), trained.generate(3, seed=1, label=2)
    )


def test_the_signature_of_keras_export_takes_labels(trained, labelled, tmp_path):
    trained.export(tmp_path / "saved", verbose=False)
    served = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(
        served.serve(labelled), trained.reconstruct(labelled), rtol=1e-5, atol=1e-6
    )


def test_convolutions_take_labels(labelled):
    model = tfae.ConditionalVariationalAutoencoder.from_shape(
        (8, 8, 1), 3, "conv", filters=(4,), hidden_units=8, seed=1
    )
    model.compile(run_eagerly=True)
    first = np.mean(model.anomaly_score(labelled))
    model.fit(labelled, epochs=2, verbose=0)
    assert np.mean(model.anomaly_score(labelled)) < first
    other = {**labelled, "label": (labelled["label"] + 1) % 10}
    assert (model.encode(labelled) != model.encode(other)).any(axis=1).all()
    assert (model.reconstruct(labelled) != model.reconstruct(other)).any(axis=(1, 2, 3)).all()


# ---------------------------------------------------------------------------- bad labels


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (lambda y: y + 1, r"0 to 9, or -1 .* Received labels from 0 to 10"),
        (lambda y: y - 2, "Received labels from -2 to"),
        (lambda y: y / 1.0, "Received float64"),
        (lambda y: np.eye(10, dtype=int)[y], r"shape \(203, 10\). One-hot"),
        (lambda y: y[:5], "same number of examples"),
    ],
    ids=["too high", "too low", "floats", "one-hot", "too few"],
)
def test_invalid_labels_are_refused(few_digits, label, message):
    model = cvae()
    data = {"x": few_digits, "label": label(LABELS[: len(few_digits)])}
    for method in (model.fit, model.encode, model.anomaly_score):
        with pytest.raises(ValueError, match=message):
            method(data)


def test_labels_in_datasets_are_checked(labelled):
    model = cvae()
    bad = {**labelled, "label": labelled["label"] + 1}
    with pytest.raises(ValueError, match="0 to 9"):
        model.fit(tf.data.Dataset.from_tensor_slices(bad).batch(32), verbose=0)
    floats = {**labelled, "label": labelled["label"] / 1.0}
    with pytest.raises(ValueError, match="Received float64"):
        model.fit(tf.data.Dataset.from_tensor_slices(floats).batch(32), verbose=0)


def test_training_without_labels_gives_a_warning(few_digits):
    with pytest.warns(UserWarning, match="data has none"):
        cvae().fit(few_digits[:32], verbose=0)


def test_the_label_argument_of_generate_is_checked(trained):
    with pytest.raises(ValueError, match="Received labels from 0 to 10"):
        trained.generate(3, label=10)
    with pytest.raises(ValueError, match="one integer or 3 of them"):
        trained.generate(3, label=[1, 2])
    with pytest.raises(ValueError, match="`num_classes`"):
        cvae(num_classes=0)


def test_models_without_classes_refuse_labels():
    model = tfae.VariationalAutoencoder.from_shape((8,), 2, hidden_units=())
    with pytest.raises(ValueError, match="not conditional"):
        model.decode(np.zeros((1, 2)), label=1)
    with pytest.raises(ValueError, match="has no classes"):
        model.generate(1, label=1)
