"""What is specific to the adversarial autoencoder; the rest is in test_contract.py."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import tfae
from tfae.batches.batch import Batch

SGD = keras.optimizers.SGD
dense = keras.layers.Dense


def adversarial(latent_dim=2, seed=7, **options):
    keras.utils.set_random_seed(seed)
    options = {
        "hidden_units": (32,),
        "discriminator_units": (32, 32),
        "normalize_codes": False,
        **options,
    }
    return tfae.AdversarialAutoencoder.from_shape((8, 8, 1), latent_dim, seed=seed, **options)


def with_rates(model, reconstruction=0.0, discriminator=0.0, generator=0.0):
    model.compile(SGD(reconstruction), SGD(discriminator), SGD(generator), run_eagerly=True)
    return model


def after_a_step(digits, change=lambda model: None, **rates):
    """Returns by how much one step changes the weights of each network."""
    model = with_rates(adversarial(gradient_penalty=0.5), **rates)
    change(model)
    networks = (model.encoder, model.decoder, model.discriminator)
    before = [[w.numpy() for w in network.weights] for network in networks]
    model.train_on_batch(digits[:64])
    return [
        [w.numpy() - b for w, b in zip(network.weights, old, strict=True)]
        for network, old in zip(networks, before, strict=True)
    ]


def quick_to_learn(**options):
    """Builds a model that converges within seconds."""
    model = adversarial(hidden_units=(128,), discriminator_units=(256, 256), **options)
    adam = keras.optimizers.Adam
    model.compile(adam(1e-3), adam(1e-2, beta_1=0.5), adam(3e-3, beta_1=0.5))
    return model


def moved(changes):
    return any(np.any(change != 0) for change in changes)


# ---------------------------------------------------------------------------- players


@pytest.mark.parametrize(
    ("player", "networks"),
    [
        ("reconstruction", (True, True, False)),
        ("discriminator", (False, False, True)),
        ("generator", (True, False, False)),
    ],
)
def test_each_player_changes_only_its_own_networks(digits, player, networks):
    changes = after_a_step(digits, **{player: 0.1})
    assert tuple(map(moved, changes)) == networks


def test_all_players_step_from_the_same_weights(digits):
    rates = {"reconstruction": 1e-3, "discriminator": 0.1, "generator": 0.1}
    together = after_a_step(digits, **rates)
    alone = [after_a_step(digits, **{name: rate}) for name, rate in rates.items()]
    for network, changes in enumerate(together):
        for i, change in enumerate(changes):
            np.testing.assert_allclose(change, sum(a[network][i] for a in alone), atol=1e-6)


def test_a_regulariser_counts_once_and_for_the_player_that_owns_the_weights(digits):
    def regularise(model):
        for network in (model.encoder, model.discriminator):
            network.get_layer("hidden_1").kernel.regularizer = keras.regularizers.L2(0.5)

    def changes(**rates):
        """Returns what the regularisers change in encoder and discriminator in a step."""
        plain, regularised = (
            after_a_step(digits, **rates),
            after_a_step(digits, regularise, **rates),
        )
        return regularised[0][0] - plain[0][0], regularised[2][0] - plain[2][0]

    kernels = [
        n.get_layer("hidden_1").kernel for n in (adversarial().encoder, adversarial().discriminator)
    ]
    of_encoder, of_discriminator = changes(reconstruction=0.1, discriminator=0.1, generator=0.1)
    np.testing.assert_allclose(of_encoder, -0.1 * kernels[0], atol=1e-5)
    np.testing.assert_allclose(of_discriminator, -0.1 * kernels[1], atol=1e-5)
    assert not np.any(changes(generator=0.1)[0])

    model, digits = with_rates(adversarial()), digits[:100]
    plain = model.evaluate(digits, batch_size=len(digits), verbose=0)[0]
    model = with_rates(adversarial())
    regularise(model)
    penalties = sum(0.5 * float(tf.reduce_sum(tf.square(k))) for k in kernels)
    total = model.evaluate(digits, batch_size=len(digits), verbose=0)[0]
    assert total == pytest.approx(plain + penalties, rel=1e-5)


def test_default_learning_rates_decay_over_a_fit_and_a_given_optimizers_does_not(
    few_digits, tmp_path
):
    names = ("optimizer", "discriminator_optimizer", "generator_optimizer")

    def rates(model):
        return [float(getattr(model, name).learning_rate) for name in names]

    model, few_digits = adversarial(), few_digits[:128]
    model.compile(run_eagerly=True)
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(rates(model)))
    model.fit(few_digits, epochs=2, batch_size=64, callbacks=[watch], verbose=0)
    np.testing.assert_allclose(seen, [[1e-3, 1.5e-3, 1.5e-4], [0, 0, 0]], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(rates(model), [2e-3, 3e-3, 3e-4], rtol=1e-5)
    model.save(tmp_path / "m.keras")
    model = keras.saving.load_model(tmp_path / "m.keras")
    model.fit(few_digits, epochs=2, batch_size=64, callbacks=[watch], verbose=0)
    np.testing.assert_allclose(seen[2:], seen[:2])

    model.compile(keras.optimizers.Adam(5e-3), run_eagerly=True)
    model.fit(few_digits, epochs=1, callbacks=[watch], verbose=0)
    np.testing.assert_allclose(seen[4], [5e-3, 3e-3, 3e-4], rtol=1e-5)

    with_classes = adversarial(prior="gaussian_ring")
    with_classes.compile()
    np.testing.assert_allclose(rates(with_classes), [2e-3, 3e-3, 2e-3], rtol=1e-5)


def test_sharing_an_optimizer_between_players_is_refused():
    shared = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="must be three different objects"):
        adversarial().compile(discriminator_optimizer=shared, generator_optimizer=shared)


def test_a_gradient_overflow_in_float16_skips_only_that_players_step(digits, tmp_path):
    model = adversarial(dtype="mixed_float16")
    overflowing = keras.optimizers.LossScaleOptimizer(SGD(0.1), initial_scale=1e38)
    model.compile(SGD(1e-3), SGD(0.1), overflowing, run_eagerly=True)
    model.train_on_batch(digits[:64])
    optimizers = (model.optimizer, model.discriminator_optimizer, model.generator_optimizer)
    assert all(isinstance(o, keras.optimizers.LossScaleOptimizer) for o in optimizers)
    assert [int(o.inner_optimizer.iterations) for o in optimizers] == [1, 1, 0]
    assert float(overflowing.dynamic_scale) < 1e38

    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for name in ("optimizer", "discriminator_optimizer", "generator_optimizer"):
        optimizer = getattr(loaded, name)
        assert isinstance(optimizer.inner_optimizer, SGD), "it is wrapped more than once"
        for a, b in zip(optimizer.variables, getattr(model, name).variables, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_slots_and_settings_of_every_optimizer_are_saved(few_digits, tmp_path):
    names = ("optimizer", "discriminator_optimizer", "generator_optimizer")
    model = adversarial()
    model.compile("rmsprop", keras.optimizers.Adam(2e-3), SGD(0.1, momentum=0.5), run_eagerly=True)
    model.fit(few_digits[:64], verbose=0)
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    other = adversarial(seed=8)
    other.compile("rmsprop", keras.optimizers.Adam(2e-3), SGD(0.1, momentum=0.5), run_eagerly=True)
    other.load_weights(tmp_path / "m.weights.h5")
    for name in names:
        assert getattr(loaded, name).get_config() == getattr(model, name).get_config()
        for copy in (loaded, other):
            variables = getattr(copy, name).variables
            for a, b in zip(variables, getattr(model, name).variables, strict=True):
                np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------------------- training


def test_a_discriminator_that_always_outputs_zero_costs_log_two_in_training_and_validation(
    few_digits,
):
    model = with_rates(adversarial())
    model.discriminator.get_layer("logit").kernel.assign(np.zeros((32, 1)))
    few_digits = few_digits[:32]
    history = model.fit(few_digits, validation_data=few_digits, verbose=0).history
    for name in ("discriminator_loss", "generator_loss"):
        for twin in ("", "val_"):
            assert history[twin + name][0] == pytest.approx(math.log(2), abs=1e-6)
    assert history["gradient_penalty"] == [0.0]


def test_the_gradient_penalty_is_the_squared_gradient_norm_at_prior_samples(few_digits):
    keras.utils.set_random_seed(1)
    networks = adversarial()
    gradient = np.array([[3.0], [4.0]], "float32")
    linear = keras.Sequential([keras.Input((2,)), dense(1)])
    linear.layers[0].kernel.assign(gradient)
    model = tfae.AdversarialAutoencoder(networks.encoder, networks.decoder, linear)
    logs = with_rates(model).evaluate(few_digits[:32], verbose=0, return_dict=True)
    assert logs["gradient_penalty"] == pytest.approx(25.0, rel=1e-6)


def test_evaluation_does_not_change_the_noise_of_training(few_digits):
    few_digits = few_digits[:32]

    def trained(evaluated):
        model = adversarial()
        model.compile(run_eagerly=True)
        for _ in range(2):
            model.fit(few_digits, verbose=0)
            if evaluated:
                model.evaluate(few_digits, verbose=0)
        return model

    for a, b in zip(trained(False).weights, trained(True).weights, strict=True):
        if a.path.endswith("kernel"):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("prior", "mean", "deviation"),
    [
        ("gaussian", 0.0, 1.0),
        (tfae.priors.Uniform(1.0, 4.0), 2.5, 3.0 / math.sqrt(12.0)),
        ("gaussian_ring", 0.0, math.sqrt((2.0**2 + 0.5**2 + 0.15**2) / 2.0)),
    ],
)
def test_normalized_codes_have_the_mean_and_variance_of_the_prior_before_training(
    digits, prior, mean, deviation
):
    model = adversarial(prior=prior, normalize_codes=True)
    codes = model.encode_batch(Batch(digits), training=True)["code"].numpy()
    np.testing.assert_allclose(codes.mean(axis=0), mean, atol=0.01)
    np.testing.assert_allclose(codes.std(axis=0), deviation, rtol=0.02)


@pytest.mark.slow
def test_codes_outside_training_reach_the_variance_of_the_prior(digits, tmp_path):
    model = adversarial(prior="gaussian_ring", normalize_codes=True)
    model.compile(jit_compile=False)
    model.fit(digits, epochs=20, verbose=0)  # until the moving averages have converged
    deviation = math.sqrt((2.0**2 + 0.5**2 + 0.15**2) / 2.0)
    np.testing.assert_allclose(model.encode(digits).std(axis=0), deviation, rtol=0.1)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.encode(digits), model.encode(digits))


def test_adversarial_networks_are_deeper_by_default():
    def widths(cls, **options):
        encoder = cls.from_shape((8, 8, 1), 2, **options).encoder
        return [layer.units for layer in encoder.layers if layer.name.startswith("hidden")]

    assert widths(tfae.AdversarialAutoencoder) == [512, 512, 256]
    assert widths(tfae.AdversarialAutoencoder, hidden_units=(9,)) == [9]
    assert widths(tfae.Autoencoder) == [512, 256]


@pytest.mark.slow
def test_training_brings_the_codes_close_to_the_prior(digits):
    model = quick_to_learn(gradient_penalty=0.1)
    draws = model.prior.sample(len(digits), [1, 0]).numpy()
    before = float(tfae.losses.squared_mmd(model.encode(digits), draws))
    model.fit(digits, epochs=40, batch_size=64, verbose=0)
    codes = model.encode(digits)
    assert float(tfae.losses.squared_mmd(codes, draws)) < min(0.01, 0.1 * before)
    np.testing.assert_allclose(codes.mean(axis=0), 0.0, atol=0.25)
    np.testing.assert_allclose(codes.std(axis=0), 1.0, atol=0.2)


@pytest.mark.slow
def test_each_class_is_encoded_in_its_component_of_the_prior(digits):
    labels = load_digits().target
    some = np.where(np.arange(len(labels)) % 2, labels, -1)
    model = quick_to_learn(prior="gaussian_ring")
    model.fit({"x": digits, "label": some}, epochs=40, batch_size=64, verbose=0)
    codes = model.encode(digits)
    petals = np.round(np.arctan2(codes[:, 1], codes[:, 0]) * 10 / (2 * np.pi)) % 10
    assert np.mean(petals == labels) > 0.7
    threes = model.generate(20, seed=1, label=3)
    nearest = [labels[((digits - three) ** 2).sum(axis=(1, 2, 3)).argmin()] for three in threes]
    assert np.mean(np.array(nearest) == 3) > 0.6


# ---------------------------------------------------------------------------- labels and errors


@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)]
)
def test_labels_guide_the_discriminator_in_half_precision(few_digits, policy):
    model, few_digits = adversarial(prior="gaussian_ring", dtype=policy), few_digits[:96]
    with_rates(model, 1e-3, 0.1, 0.1)
    label = load_digits().target[:96].copy()
    label[::3] = -1
    history = model.fit({"x": few_digits, "label": label}, epochs=3, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    assert history["discriminator_loss"][-1] < history["discriminator_loss"][0]
    unknown = {"x": few_digits, "label": np.full(96, -1)}
    of_classes = model.evaluate({"x": few_digits, "label": label}, verbose=0, return_dict=True)
    of_any = model.evaluate(unknown, verbose=0, return_dict=True)
    assert of_classes["discriminator_loss"] != of_any["discriminator_loss"], "it ignores the class"
    assert of_classes["reconstruction_loss"] == of_any["reconstruction_loss"]


@pytest.mark.parametrize("label", [np.full(203, 10), np.full(203, -2)])
def test_labels_without_a_component_of_the_prior_are_refused(few_digits, label):
    model = adversarial(prior="swiss_roll")
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match="labels from 0 to 9, or -1"):
        model.fit({"x": few_digits, "label": label}, verbose=0)
    with pytest.raises(ValueError, match="from 0 to 9"):
        model.generate(203, label=label)


def test_networks_that_do_not_fit_are_refused():
    networks = adversarial()
    encoder, decoder = networks.encoder, networks.decoder

    def new(discriminator, **options):
        return tfae.AdversarialAutoencoder(encoder, decoder, discriminator, **options)

    with pytest.raises(ValueError, match="must be a Keras model; received 'mlp'"):
        new("mlp")
    with pytest.raises(ValueError, match="size 2, but it must take 13: 2 for the code and 11"):
        new(networks.discriminator, prior="gaussian_ring")
    with pytest.raises(ValueError, match="inputs of size 3, but it must take 2: 2 for the code"):
        new(adversarial(3).discriminator)
    with pytest.raises(ValueError, match=r"logits of shape \(batch, 1\); it gives \(None, 1, 1\)"):
        new(keras.Sequential([keras.Input((2,)), dense(1), keras.layers.Reshape((1, 1))]))
    with pytest.raises(ValueError, match="gradient_penalty"):
        new(networks.discriminator, gradient_penalty=-1.0)
    with pytest.raises(ValueError, match="`prior` must be one of"):
        new(networks.discriminator, prior="cauchy")


def test_a_discriminator_without_a_declared_input_is_built_with_the_model(few_digits):
    networks = adversarial()
    undeclared = keras.Sequential([dense(8, "relu"), dense(1)])
    model = tfae.AdversarialAutoencoder(networks.encoder, networks.decoder, undeclared)
    model.compile(run_eagerly=True)
    model.fit(few_digits[:32], verbose=0)
    assert undeclared.built


# ---------------------------------------------------------------------------- other priors


@keras.saving.register_keras_serializable("test_adversarial")
def on_a_circle(n, seed):
    angle = 2 * math.pi * tf.random.stateless_uniform([n], seed, alg="philox")
    return tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)


def test_a_custom_sampler_serves_as_prior_and_is_saved_by_name(few_digits, tmp_path):
    model = adversarial(prior=on_a_circle)
    model.compile(run_eagerly=True)
    model.fit(few_digits[:32], verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.prior.function is on_a_circle
    np.testing.assert_array_equal(loaded.generate(5, seed=1), model.generate(5, seed=1))
    codes = model.sample_prior_batch(tf.range(6, dtype=tf.int64))
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize(("low", "high"), [(-0.005, 0.005), (1e6, 3e6), (-1.0, 1.0)])
def test_normalized_codes_match_a_prior_of_any_scale(low, high):
    prior = tfae.priors.Uniform(low, high)
    model = tfae.AdversarialAutoencoder.from_shape(
        (6,), 4, hidden_units=(8,), discriminator_units=(8,), prior=prior, seed=0
    )
    x = np.random.default_rng(0).random((500, 6), "float32")
    codes = np.array(model.encoder(x, training=True))
    half = (high - low) / 2
    np.testing.assert_allclose(codes.mean(axis=0), (low + high) / 2, atol=0.02 * half)
    np.testing.assert_allclose(codes.std(axis=0), half / np.sqrt(3), rtol=0.05)


def test_codes_are_not_rescaled_for_a_standard_normal_prior():
    model = tfae.AdversarialAutoencoder.from_shape(
        (6,), 100, hidden_units=(8,), discriminator_units=(8,), seed=0
    )
    assert model.encoder.layers[-1].name == "normalized"
