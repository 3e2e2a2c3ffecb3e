"""The train step: which weights it changes, which losses count, and warnings of divergence."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae


def moved(layer, before):
    return any((a != b).any() for a, b in zip(layer.get_weights(), before, strict=True))


@pytest.mark.parametrize("part", ["encoder", "decoder", "discriminator"])
def test_frozen_networks_stay_fixed_and_the_others_learn(few_digits, tiny, part):
    model = tiny(model_class=tfae.AdversarialAutoencoder)
    networks = {name: getattr(model, name) for name in ("encoder", "decoder", "discriminator")}
    networks[part].trainable = False
    model.compile(run_eagerly=True)
    before = {name: network.get_weights() for name, network in networks.items()}
    model.fit(few_digits[:32], verbose=0)
    for name, network in networks.items():
        assert moved(network, before[name]) == (name != part)


@pytest.mark.parametrize("model_class", [tfae.Autoencoder, tfae.AdversarialAutoencoder])
def test_a_fully_frozen_model_trains_nothing_and_warns(few_digits, tiny, model_class):
    model = tiny(model_class=model_class)
    model.trainable = False
    model.compile(run_eagerly=True)
    before = model.get_weights()
    with pytest.warns(UserWarning, match="no trainable weights"):
        model.fit(few_digits[:32], verbose=0)
    for variable, b in zip(model.weights, before, strict=True):
        if "moving" not in variable.path:  # batch normalisation, which is not frozen by itself
            np.testing.assert_array_equal(variable, b)


class WithHead(tfae.AdversarialAutoencoder):
    """An adversarial model with a layer and a weight of its own."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.head = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.5))
        self.head.build((None, 2))
        self.factor = self.add_weight(
            name="factor", shape=(), initializer="ones", regularizer=keras.regularizers.L2(0.5)
        )

    def loss_terms(self, batch, training):
        terms = super().loss_terms(batch, training)
        code = self.encode_batch(batch, training)["code"]
        extra = tf.square(self.factor * self.head(code)[:, 0] - 1.0)
        return {**terms, "reconstruction_loss": terms["reconstruction_loss"] + extra}


def test_weights_that_a_subclass_adds_are_trained_and_regularised(few_digits, tiny):
    model, few_digits = tiny(model_class=WithHead, run_eagerly=True), few_digits[:64]
    before = [model.head.get_weights()[0], float(model.factor)]
    logs = model.evaluate(few_digits, verbose=0, return_dict=True)
    terms = sum(logs[n] for n in model.loss_names if n != "gradient_penalty")
    terms += model.gradient_penalty * logs["gradient_penalty"]
    penalty = 0.5 * (np.sum(before[0] ** 2) + before[1] ** 2)
    assert logs["loss"] == pytest.approx(terms + penalty, rel=1e-5)
    model.fit(few_digits, verbose=0)
    assert (model.head.get_weights()[0] != before[0]).any()
    assert float(model.factor) != before[1]


class Twice(tfae.Autoencoder):
    """Calls its encoder a second time, on zeros."""

    def loss_terms(self, batch, training):
        terms = super().loss_terms(batch, training)
        self.encode_batch(batch._replace(x=tf.zeros_like(batch.x)), training)
        return terms


def test_activity_regularisers_count_for_every_call_of_a_network(few_digits):
    x = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(x)
    code = keras.layers.Dense(2, activity_regularizer=keras.regularizers.L2(1.0))(flat)
    encoder = keras.Model(x, code)
    decoder = tfae.Autoencoder.from_shape((8, 8, 1), 2, hidden_units=()).decoder
    losses = []
    for model_class in (tfae.Autoencoder, Twice):
        model = model_class(encoder, decoder, seed=1)
        model.compile(run_eagerly=True)
        for _ in range(2):  # nothing is left over from the first call
            logs = model.evaluate(few_digits, batch_size=203, verbose=0, return_dict=True)
        losses.append(logs["loss"] - logs["reconstruction_loss"])
    expected = np.mean(np.sum(model.encode(few_digits) ** 2, axis=1))
    np.testing.assert_allclose(losses, expected, rtol=1e-4)  # the code of zeros is zero
    encoder.layers[-1].bias.assign([1.0, 2.0])
    logs = model.evaluate(few_digits, batch_size=203, verbose=0, return_dict=True)
    of_codes = np.mean(np.sum(model.encode(few_digits) ** 2, axis=1))
    assert logs["loss"] - logs["reconstruction_loss"] == pytest.approx(of_codes + 5.0, rel=1e-4)


class OwnLoss(tfae.Autoencoder):
    def compute_loss(self, *args, **kwargs):
        return 2.0 * super().compute_loss(*args, **kwargs) + 100.0


def test_an_overridden_compute_loss_is_logged(few_digits, tiny):
    own, plain = (tiny(model_class=c, run_eagerly=True) for c in (OwnLoss, tfae.Autoencoder))
    logs = own.fit(few_digits, batch_size=203, verbose=0).history
    expected = plain.fit(few_digits, batch_size=203, verbose=0).history
    assert logs["loss"][0] == pytest.approx(2.0 * expected["loss"][0] + 100.0, rel=1e-5)
    assert logs["reconstruction_loss"] == pytest.approx(expected["reconstruction_loss"], rel=1e-5)
    of_test = own.evaluate(few_digits, verbose=0, return_dict=True)
    assert of_test["loss"] == pytest.approx(2.0 * of_test["reconstruction_loss"] + 100.0, rel=1e-5)


def test_overriding_compute_loss_with_several_players_is_refused(few_digits, tiny):
    class Own(tfae.AdversarialAutoencoder):
        def compute_loss(self, *args, **kwargs):
            return 0.0

    with pytest.raises(ValueError, match="override `loss_terms`"):
        tiny(model_class=Own, run_eagerly=True).fit(few_digits, verbose=0)


# ---------------------------------------------------------------------------- failures


def test_diverged_training_warns_with_the_epoch_and_saving_warns_too(few_digits, tiny, tmp_path):
    model = tiny()

    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                model.encoder.layers[-1].kernel.assign(np.full((64, 2), np.nan))

    with pytest.warns(UserWarning, match="diverged.*of epoch 2"):
        model.fit(few_digits, epochs=3, callbacks=[Break()], verbose=0)
    for save in (model.save, lambda path: model.save_weights(path.with_suffix(".weights.h5"))):
        with pytest.warns(UserWarning, match="hold NaN or infinity"):
            save(tmp_path / "model.keras")


def test_hdf5_files_are_refused_before_anything_is_written(tiny, tmp_path):
    for name in ("model.h5", "model.hdf5"):
        with pytest.raises(ValueError, match=r"\.keras file"):
            tiny().save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_an_optimizer_evaluates_but_refuses_to_train(few_digits, tiny):
    model = tiny()
    model.compile(optimizer=None, jit_compile=False)
    assert np.isfinite(model.evaluate(few_digits, verbose=0)).all()
    for train in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match="optimizer=None"):
            train(few_digits)


@pytest.mark.parametrize("frequency", [0, -1, 0.5])
def test_an_invalid_validation_freq_is_refused(few_digits, tiny, frequency):
    with pytest.raises(ValueError, match="validation_freq"):
        tiny().fit(few_digits, validation_data=few_digits, validation_freq=frequency, verbose=0)
