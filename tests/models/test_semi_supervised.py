"""What is specific to the adversarial autoencoder with a class in its code."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import tfae

LABELS = load_digits().target


def semi_supervised(seed=7, compiled=True, **options):
    keras.utils.set_random_seed(seed)
    options = {"hidden_units": (64,), "discriminator_units": (32,), **options}
    model = tfae.SemiSupervisedAdversarialAutoencoder.from_shape((8, 8, 1), 3, seed=seed, **options)
    if compiled:
        model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    return model


def quick_to_learn(**options):
    """Builds a model that converges within seconds."""
    options = {"hidden_units": (128,), "discriminator_units": (128,), **options}
    model = semi_supervised(compiled=False, **options)
    adam = keras.optimizers.Adam
    model.compile(adam(1e-3), adam(1e-2, beta_1=0.5), adam(3e-3, beta_1=0.5))
    return model


@pytest.fixture(scope="module")
def trained(digits):
    """A model trained with 200 labels for 1,797 examples."""
    model = quick_to_learn()
    label = np.where(np.arange(len(LABELS)) < 200, LABELS, -1)
    model.fit({"x": digits, "label": label}, epochs=40, batch_size=64, verbose=0)
    return model


def test_the_code_is_the_class_probabilities_followed_by_the_style(few_digits):
    model = semi_supervised(num_classes=6)
    code = model.encode(few_digits)
    assert code.shape == (len(few_digits), 6 + 3)
    np.testing.assert_allclose(code[:, :6].sum(axis=1), 1.0, rtol=1e-5)
    assert code[:, :6].min() >= 0
    assert code[:, 6:].min() < 0
    np.testing.assert_array_equal(model.predict_classes(few_digits), code[:, :6].argmax(axis=1))


def test_networks_for_another_number_of_classes_are_refused():
    model = semi_supervised(num_classes=4)
    networks = model.encoder, model.decoder, model.discriminator
    with pytest.raises(ValueError, match="probabilities of 4 classes, but `num_classes` is 5"):
        tfae.SemiSupervisedAdversarialAutoencoder(*networks, num_classes=5)


@pytest.mark.slow
def test_few_labels_make_a_classifier(trained, digits):
    assert np.mean(trained.predict_classes(digits)[200:] == LABELS[200:]) > 0.8
    probabilities = trained.encode(digits)[:, :10]
    assert probabilities.max(axis=1).mean() > 0.85, (
        "the discriminator does not push codes to one class"
    )


@pytest.mark.slow
def test_generated_examples_are_of_the_requested_class(trained):
    label = np.arange(50) % 10
    generated = trained.generate(50, seed=1, label=label)
    assert np.mean(trained.predict_classes(generated) == label) > 0.85
    again = trained.generate(50, seed=1, label=label)
    np.testing.assert_array_equal(generated, again)
    assert len(set(trained.predict_classes(trained.generate(100, seed=1)))) > 7


@pytest.mark.slow
def test_without_labels_the_classes_are_clusters(digits):
    model = quick_to_learn(num_classes=16)
    model.fit(digits, epochs=40, batch_size=64, verbose=0)
    clusters = model.predict_classes(digits)
    assert len(set(clusters)) >= 8
    of_majority = sum(np.bincount(LABELS[clusters == c]).max() for c in set(clusters))
    assert of_majority / len(digits) > 0.5


def test_the_cross_entropy_counts_only_known_labels(few_digits):
    model = semi_supervised(compiled=False, classification_weight=3.0)
    model.compile(run_eagerly=True)
    few_digits, label = few_digits[:100], LABELS[:100].copy()
    label[50:] = -1
    logs = model.evaluate({"x": few_digits, "label": label}, verbose=0, return_dict=True)
    probabilities = model.encode(few_digits)[np.arange(50), label[:50]]
    assert logs["classification_loss"] == pytest.approx(
        -np.log(probabilities).sum() / 100, rel=1e-4
    )
    assert float(model.term_weights()["classification_loss"]) == 3.0
    assert model.evaluate(few_digits, verbose=0, return_dict=True)["classification_loss"] == 0.0


def test_the_generator_optimizer_trains_the_classification(few_digits):
    def change(epochs, **rates):
        model = semi_supervised(compiled=False)
        rates = {
            "optimizer": 0.0,
            "discriminator_optimizer": 0.0,
            "generator_optimizer": 0.0,
            **rates,
        }
        model.compile(**{k: keras.optimizers.SGD(v) for k, v in rates.items()}, run_eagerly=True)
        data = {"x": few_digits[:64], "label": LABELS[:64]}
        before = model.evaluate(data, verbose=0, return_dict=True)["classification_loss"]
        model.fit(data, epochs=epochs, batch_size=64, verbose=0)
        return model.evaluate(data, verbose=0, return_dict=True)["classification_loss"] - before

    assert change(8, generator_optimizer=0.3) < -0.1
    assert change(1, discriminator_optimizer=0.1) == pytest.approx(0.0, abs=1e-6)


def test_one_logit_depends_on_the_class_and_the_other_on_the_style(few_digits):
    discriminator = semi_supervised().discriminator
    code = np.random.default_rng(0).random((5, 13)).astype("float32")
    other_class, other_style = code.copy(), code.copy()
    other_class[:, :10] += 1
    other_style[:, 10:] += 1
    logits = np.asarray(discriminator(code))
    assert logits.shape == (5, 2)
    assert ((np.asarray(discriminator(other_class)) != logits).all(axis=0) == [True, False]).all()
    assert ((np.asarray(discriminator(other_style)) != logits).all(axis=0) == [False, True]).all()


def test_invalid_labels_and_numbers_of_classes_are_refused(few_digits):
    model = semi_supervised(num_classes=4)
    with pytest.raises(ValueError, match="labels from 0 to 3, or -1"):
        model.fit({"x": few_digits, "label": LABELS[:203]}, verbose=0)
    with pytest.raises(ValueError, match="num_classes"):
        semi_supervised(num_classes=1)
    with pytest.raises(ValueError, match="classification_weight"):
        semi_supervised(classification_weight=-1.0)
    networks = (model.encoder, model.decoder, model.discriminator)
    for num_classes in (0, 1, 2.5, True):
        with pytest.raises(ValueError, match="`num_classes` must be an integer of at least 2"):
            tfae.SemiSupervisedAdversarialAutoencoder(*networks, num_classes=num_classes)
    with pytest.raises(ValueError, match="more dimensions than the 9 classes"):
        tfae.SemiSupervisedAdversarialAutoencoder(*networks, num_classes=9)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_labels_are_learned_in_half_precision(few_digits, policy):
    model = quick_to_learn(dtype=policy)
    data = {"x": few_digits, "label": LABELS[: len(few_digits)]}
    history = model.fit(data, epochs=30, batch_size=32, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["classification_loss"][-1] < 0.5 * history["classification_loss"][0]
    assert np.mean(model.predict_classes(few_digits) == data["label"]) > 0.7
