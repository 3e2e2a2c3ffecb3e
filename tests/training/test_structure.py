"""Traced functions follow changes of the model."""

import time

import keras
import numpy as np
import pytest

import tfae
from tfae.training.structure import Structure


@pytest.fixture
def model():
    model = tfae.Autoencoder.from_shape((8, 8, 1), 2, hidden_units=(6,), seed=1)
    model.compile("sgd", jit_compile=False)
    return model


@pytest.fixture
def variational():
    model = tfae.VariationalAutoencoder.from_shape((8, 8, 1), 2, hidden_units=(), seed=1)
    model.compile("sgd", jit_compile=False)
    return model


def outputs(model, x):
    """Returns the results of all functions, which are traced at their first use."""
    return (
        model.reconstruct(x),
        model.predict(x, verbose=0),
        model.anomaly_score(x),
        model.encode(x),
    )


def of_a_copy(model, x):
    """Returns the same from a copy, whose functions were never traced before."""
    copy = type(model).from_config(model.get_config())
    for ours, theirs in ((copy.encoder, model.encoder), (copy.decoder, model.decoder)):
        ours.set_weights(theirs.get_weights())
    return outputs(copy, x)


def hidden(network):
    return next(layer for layer in network.layers if isinstance(layer, keras.layers.Dense))


def another_activation(model):
    hidden(model.encoder).activation = keras.activations.tanh


def low_rank_weights(model):
    layer = hidden(model.encoder)
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(keras.ops.ones_like(layer.lora_kernel_b))


def another_encoder(model):
    encoder = keras.models.clone_model(model.encoder)
    encoder.set_weights([0.5 * w + 0.1 for w in model.encoder.get_weights()])
    model.encoder = encoder


def another_optimizer(model):
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    model.fit(np.ones((8, 8, 8, 1), "float32"), verbose=0)


@pytest.mark.parametrize("change", [another_activation, another_encoder, another_optimizer])
def test_all_functions_follow_a_change_of_the_model(model, few_digits, change):
    before = outputs(model, few_digits)
    change(model)
    after = outputs(model, few_digits)
    assert any((a != b).any() for a, b in zip(before, after, strict=True))
    for a, b in zip(after, of_a_copy(model, few_digits), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("change", [low_rank_weights, lambda model: model.quantize("int8")])
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_functions_agree_after_layers_exchange_their_weights(model, few_digits, change):
    before = outputs(model, few_digits)
    change(model)
    reconstruction, prediction, *_ = after = outputs(model, few_digits)
    assert any((a != b).any() for a, b in zip(before, after, strict=True))
    np.testing.assert_allclose(reconstruction, prediction, atol=1e-5)
    in_one = np.asarray(model(few_digits))
    np.testing.assert_allclose(reconstruction, in_one, atol=1e-5)


def test_assigning_an_encoder_that_does_not_fit_is_refused(model, few_digits):
    model.reconstruct(few_digits)
    wrong = tfae.Autoencoder.from_shape((8, 8, 1), 3, hidden_units=()).encoder
    model.encoder = wrong
    for use in (model.reconstruct, lambda x: model.predict(x, verbose=0), model.evaluate):
        with pytest.raises(ValueError, match="codes of shape"):
            use(few_digits)


def test_a_replaced_network_is_no_longer_trained_or_saved(model, few_digits, tmp_path):
    model.evaluate(few_digits, verbose=0)
    count, old = len(model.trainable_variables), model.encoder
    another_encoder(model)
    assert len(model.trainable_variables) == count
    model.compile("sgd", jit_compile=False)
    before, frozen = model.encoder.get_weights(), old.get_weights()
    model.fit(few_digits, verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.encoder.get_weights(), strict=True))
    for a, b in zip(frozen, old.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.encode(few_digits), model.encode(few_digits))


def test_a_hyperparameter_takes_effect_after_the_first_use(variational, few_digits):
    before = variational.evaluate(few_digits, verbose=0, return_dict=True)
    assert before["kl_loss"] < 100
    variational.free_bits = 100.0
    after = variational.evaluate(few_digits, verbose=0, return_dict=True)
    assert after["kl_loss"] == pytest.approx(200)
    wasserstein = tfae.WassersteinAutoencoder.from_shape((8, 8, 1), 2, hidden_units=(), seed=1)
    wasserstein.compile(jit_compile=False)
    before = wasserstein.evaluate(few_digits, verbose=0, return_dict=True)
    wasserstein.penalty = 1000.0
    after = wasserstein.evaluate(few_digits, verbose=0, return_dict=True)
    assert after["loss"] > before["loss"] + 500 * after["mmd_loss"]


def test_a_callback_may_change_a_hyperparameter_between_epochs(variational, few_digits):
    class Change(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.free_bits = 100.0 * epoch

    history = variational.fit(few_digits, epochs=2, callbacks=[Change()], verbose=0).history
    assert history["kl_loss"][0] < 100
    assert history["kl_loss"][1] == pytest.approx(200)


def test_using_a_model_does_not_change_its_structure_and_comparing_takes_less_than_a_millisecond(
    model, few_digits, tmp_path
):
    before = Structure(model)
    model.fit(few_digits, verbose=0)
    outputs(model, few_digits)
    model.save(tmp_path / "m.keras")
    assert before == Structure(model)

    def seconds():
        start = time.perf_counter()
        Structure(model)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(20)) < 1e-3


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_nothing_is_traced_after_the_first_round(few_digits, jit_compile, tiny):
    traces, x = [], few_digits[:64]

    class Counted(tfae.Autoencoder):
        def loss_terms(self, batch, training):
            traces.append(training)
            return super().loss_terms(batch, training)

    model = tiny(model_class=Counted, jit_compile=jit_compile, optimizer=keras.optimizers.SGD)
    seen = []
    for _ in range(3):
        model.fit(x, validation_data=x, verbose=0)
        model.evaluate(x, verbose=0)
        model.predict(x, verbose=0)
        model.train_on_batch(x[:32])
        seen.append(len(traces))
    assert seen[0] == seen[1] == seen[2]
