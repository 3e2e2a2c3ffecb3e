"""Missing values and weights of elements: NaN counts nothing and breaks nothing, in any model."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.batches.batch import Batch

RNG = np.random.default_rng(0)
FULL = RNG.uniform(size=(24, 4, 3)).astype("float32")
OBSERVED = RNG.uniform(size=FULL.shape) > 0.3
OBSERVED[3] = False  # a row of which nothing is known ...
OBSERVED[0] = True  # ... and one of which all is
HOLES = np.where(OBSERVED, FULL, np.nan).astype("float32")
MODELS = tfae.models.MODELS.values()
WITH_NETWORKS = [m for m in MODELS if hasattr(m, "from_shape")]

every_model = pytest.mark.parametrize("model_class", MODELS, ids=lambda m: m.__name__)
every_network = pytest.mark.parametrize("model_class", WITH_NETWORKS, ids=lambda m: m.__name__)


def small(model_class, missing="mask", **options):
    """A quick model, which runs eagerly."""
    if model_class is tfae.SparseCoding:
        model = model_class(5, missing=missing, seed=1, **options)
    else:
        model = model_class.from_shape(
            FULL.shape[1:], 3, hidden_units=(5,), missing=missing, seed=1, **options
        )
    model.compile(run_eagerly=True)
    return model


@functools.cache
def trained(model_class):
    """A model that saw data with missing values, for tests that only read it."""
    model = small(model_class)
    model.fit(HOLES, epochs=1, batch_size=12, verbose=0)
    return model


def graph(model, verb, x):
    """What a verb of graphs gives for data, run eagerly: that needs no tracing."""
    result = getattr(model, f"{verb}_batch")(Batch(tf.constant(x)))
    return keras.tree.map_structure(np.asarray, result)


# ---------------------------------------------------------------------------- for every model


@every_model
def test_training_with_missing_values_keeps_all_finite(model_class):
    model = trained(model_class)
    logs = model.evaluate(HOLES, verbose=0, return_dict=True)
    assert np.isfinite(list(logs.values())).all()
    assert all(np.isfinite(np.asarray(w)).all() for w in model.trainable_variables)
    assert np.isfinite(graph(model, "encode", HOLES)["code"]).all()
    assert np.isfinite(graph(model, "anomaly_score", HOLES)).all()
    assert np.isfinite(model.predict_on_batch(HOLES)).all()


@every_network
def test_a_complete_row_has_the_loss_and_score_of_a_model_without_the_option(model_class):
    # Equal weights; those of what is missing stand beside them.
    model, other = (small(model_class, missing) for missing in ("mask", None))
    assert model.evaluate(FULL, verbose=0) == other.evaluate(FULL, verbose=0)
    expected = graph(other, "anomaly_score", FULL)
    np.testing.assert_array_equal(graph(model, "anomaly_score", FULL), expected)
    np.testing.assert_array_equal(graph(model, "anomaly_score", HOLES)[0], expected[0])


@every_model
def test_what_is_missing_makes_no_difference(model_class):
    model = trained(model_class)
    score = graph(model, "anomaly_score", HOLES)
    filled = tf.constant(np.where(OBSERVED, FULL, 123.0), tf.float32)
    masked = model.anomaly_score_batch(Batch(filled, mask=tf.constant(OBSERVED)))
    np.testing.assert_array_equal(masked, score)
    other = HOLES.copy()
    other[5, 1, 1] = np.nan
    assert OBSERVED[5, 1, 1]
    changed = graph(model, "anomaly_score", other) != score
    assert changed.tolist() == [i == 5 for i in range(len(HOLES))]


@every_network
def test_what_is_missing_has_no_loss_and_no_gradient(model_class):
    model = trained(model_class)
    x = tf.constant(HOLES)
    output = tf.Variable(model._decoder_output(Batch(tf.zeros([len(HOLES), *model.code_shape]))))
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = model.reconstruction_loss(Batch(x), output)
    assert loss[3] == 0.0, "nothing is known of this row"
    assert (loss.numpy()[[0, 1, 2]] > 0).all()
    for gradient in tape.gradient(loss, [x, output]):
        assert np.isfinite(gradient).all()
        assert not np.any(np.asarray(gradient)[~OBSERVED])
        assert np.any(np.asarray(gradient)[OBSERVED])


@every_model
def test_the_option_is_kept_and_cannot_be_set(model_class):
    model = trained(model_class)
    copy = keras.models.clone_model(model)
    if not copy.built:
        copy.build((None, *FULL.shape[1:]))
    copy.set_weights(model.get_weights())
    score = graph(model, "anomaly_score", HOLES)
    np.testing.assert_array_equal(graph(copy, "anomaly_score", HOLES), score)
    with pytest.raises(AttributeError, match=r"`missing` .* cannot be changed"):
        model.missing = None


@every_model
def test_other_models_refuse_nan_and_name_the_option(model_class):
    model = small(model_class, missing=None)
    if not model.built:
        model.build((None, *FULL.shape[1:]))
    contract = model.data_contract()
    with pytest.raises(ValueError, match=r"NaN or infinite .*missing='mask'"):
        contract.checked(Batch(HOLES))
    with pytest.raises(ValueError, match=r"`mask` .* made with missing='mask'"):
        contract.checked(Batch(FULL, mask=OBSERVED))
    with pytest.raises(ValueError, match="`missing` must be None or 'mask'; received 'zero'"):
        small(model_class, missing="zero")
