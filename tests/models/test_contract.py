"""What every model of the package promises, checked for each of them.

New files in tfae/models/ are found automatically. What only one model does is tested in a file of
its own.
"""

import functools
import inspect
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae import hyperparameters

MODELS = [m for m in tfae.models.MODELS.values() if hasattr(m, "from_shape")]

every_model = pytest.mark.parametrize("model_class", MODELS, ids=lambda m: m.__name__)

# Tests that need neither networks nor an optimizer run for the other models too.
with_those_without_networks = pytest.mark.parametrize(
    "model_class", tfae.models.MODELS.values(), ids=lambda m: m.__name__
)


def at_length(models, *further):
    """Parametrises an expensive test: one model is tested quickly, the others are marked `slow`.

    `further` models are tested quickly too.
    """
    quick = (tfae.VariationalAutoencoder, *further)
    return pytest.mark.parametrize(
        "model_class",
        [m if m in quick else pytest.param(m, marks=pytest.mark.slow) for m in models],
        ids=lambda m: m.__name__,
    )


every_model_at_length = at_length(MODELS)

# Training as such, quickly for each kind of train step.
of_each_kind = at_length(
    tfae.models.MODELS.values(),
    tfae.AdversarialAutoencoder,
    tfae.SparseCoding,
    tfae.StackedAutoencoder,
    tfae.VectorQuantizedVariationalAutoencoder,
)

# What only concerns the trainer is tested for one model with one player and one with several.
of_the_trainer = pytest.mark.parametrize(
    "model_class",
    [tfae.VariationalAutoencoder, tfae.AdversarialAutoencoder],
    ids=lambda m: m.__name__,
)
# What only concerns the base classes is tested for one model of each kind of `call` and of codes.
of_the_bases = at_length(
    [
        tfae.Autoencoder,
        tfae.VariationalAutoencoder,
        tfae.ConditionalVariationalAutoencoder,
        tfae.VectorQuantizedVariationalAutoencoder,
    ]
)
with_those_without_networks_at_length = at_length(tfae.models.MODELS.values())
weighted_models = at_length(MODELS, tfae.AdversarialAutoencoder)  # with one player and several


def small(model_class, seed=7, compiled="eager", encoder=None, decoder=None, **hyperparameters):
    """Builds a small model; `encoder` and `decoder` replace the standard networks.

    It runs eagerly by default: for a few steps that is faster than tracing or compiling them.
    """
    run = {"eager": {"run_eagerly": True}, "graph": {"jit_compile": False}, "auto": {}}
    if not hasattr(model_class, "from_shape"):
        model = model_class(16, penalty=0.2, seed=seed)
        if compiled:
            model.compile(**run[compiled])
        return model
    hyperparameters = {"hidden_units": (24,), **hyperparameters}
    if issubclass(model_class, tfae.AdversarialAutoencoder):
        hyperparameters = {"discriminator_units": (24,), **hyperparameters}
    keras.utils.set_random_seed(7 if seed is None else seed)
    model = model_class.from_shape((8, 8, 1), 3, seed=seed, **hyperparameters)
    if encoder or decoder:
        config = model_class.from_config(model.get_config()).get_config()
        networks = {"encoder": encoder or model.encoder, "decoder": decoder or model.decoder}
        for name, network in networks.items():
            # A stack takes lists of networks: here of one pair.
            config.update({name: network} if name in config else {f"{name}s": [network]})
        model = model_class.from_config(config)
    if compiled:
        model.compile(keras.optimizers.Adam(1e-2), **run[compiled])
    return model


@functools.cache
def untrained(model_class):
    """A small model for tests that do not change it."""
    return small(model_class)


def small_with_dropout(model_class, seed=7, compiled=True, **compile_options):
    """A model whose encoder contains Keras' random layers, as a user might add them."""
    keras.utils.set_random_seed(5)
    x = keras.Input((8, 8, 1))
    noisy = keras.layers.Dropout(0.2, seed=1)(keras.layers.GaussianNoise(0.1)(x))
    standard = small(model_class, seed, compiled=False)
    model = small(model_class, seed, False, encoder=keras.Model(x, standard.encoder(noisy)))
    if compiled:
        model.compile(keras.optimizers.Adam(1e-2), **compile_options)
    return model


def plain_sgd(model, learning_rate=1e-2):
    """Returns SGD for every optimizer that `compile` takes: the fastest one to trace and compile.

    Unlike SGD, Adam makes whole steps of gradients that are nothing but rounding errors.
    """
    names = inspect.signature(model.compile).parameters if model.needs_optimizer else ()
    return {n: keras.optimizers.SGD(learning_rate) for n in names if n.endswith("optimizer")}


def weights(model):
    return [np.asarray(w) for w in model.trainable_variables]


def weighted_sum(model, logs):
    """Returns the sum of the logged terms, each times its weight in the loss."""
    term_weights = {name: float(weight) for name, weight in model.term_weights().items()}
    return sum(term_weights.get(name, 1.0) * logs[name] for name in model.loss_names)


def assert_equal_weights(a, b, atol=0.0):
    for x, y in zip(weights(a), weights(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=atol)


# ---------------------------------------------------------------------------- structure


@with_those_without_networks
def test_at_most_four_classes_stand_between_a_model_and_keras(model_class):
    between = model_class.__mro__[1 : model_class.__mro__.index(keras.Model)]
    assert len(between) <= 4, between
    assert all(issubclass(base, keras.Model) for base in between), "there is a mixin"


# ---------------------------------------------------------------------------- training


@of_each_kind
def test_fit_lowers_the_loss_and_logs_every_term_for_training_and_validation(model_class, digits):
    model = small(model_class, compiled=False)
    model.compile(**plain_sgd(model), jit_compile=False)
    epochs = 8 if model.needs_optimizer else 3  # solving for codes takes many iterations a step
    history = model.fit(digits[:500], epochs=epochs, validation_split=0.2, verbose=0).history
    names = {"loss", *model_class.loss_names, *model_class.monitor_names}
    assert set(history) == names | {f"val_{n}" for n in names}
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert np.isfinite(list(history.values())).all()


@of_each_kind
def test_the_logged_terms_add_up_to_the_logged_loss(model_class, few_digits):
    model = untrained(model_class)
    logs = model.evaluate(few_digits, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(weighted_sum(model, logs), rel=1e-5)


@every_model_at_length
def test_labels_change_nothing_for_models_that_do_not_use_them(model_class, few_digits):
    """They do change the training of models that use them."""
    few_digits = few_digits[:80]
    labelled = {"x": few_digits, "label": np.arange(len(few_digits)) % 10}
    plain, from_array, from_dataset = (small(model_class) for _ in range(3))
    plain.fit(few_digits, shuffle=False, verbose=0)
    from_array.fit(labelled, shuffle=False, verbose=0)
    dataset = tf.data.Dataset.from_tensor_slices(labelled).batch(32)
    from_dataset.fit(dataset, verbose=0)
    assert_equal_weights(from_array, from_dataset, atol=1e-6)
    if plain.data_contract().num_classes is None:
        assert_equal_weights(plain, from_array)
        np.testing.assert_array_equal(plain.encode(few_digits), from_array.encode(labelled))
        np.testing.assert_array_equal(plain.encode(few_digits), from_array.encode(dataset))
    else:
        pairs = zip(weights(plain), weights(from_array), strict=True)
        assert any((a != b).any() for a, b in pairs)


@of_the_trainer
def test_one_row_and_odd_sizes_train(model_class, digits):
    model = small(model_class, compiled="graph")
    before = 0
    for n in (1, 2, 33):
        history = model.fit(digits[:n], batch_size=16, verbose=0)
        assert np.isfinite(history.history["loss"])
        assert int(model.optimizer.iterations) - before == -(-n // 16)
        before = int(model.optimizer.iterations)
        assert model.predict(digits[:n], verbose=0).shape == (n, 8, 8, 1)


@of_the_trainer
def test_integer_zero_one_arrays_are_accepted(model_class, few_digits):
    binary = (few_digits[:64] > 0.5).astype("uint8")
    a, b = small(model_class), small(model_class)
    a.fit(binary, verbose=0)
    b.fit(binary.astype("float32"), verbose=0)
    assert_equal_weights(a, b)


@of_the_trainer
def test_y_is_the_data_to_reconstruct(model_class, few_digits):
    to_zeros, few_digits = small(model_class, compiled="graph"), few_digits[:64]
    to_zeros.fit(few_digits, np.zeros_like(few_digits), epochs=60, verbose=0)
    assert to_zeros.reconstruct(few_digits).mean() < 0.1 * few_digits.mean()


@of_the_trainer
def test_regularisers_of_the_users_layers_are_part_of_the_loss(model_class, few_digits):
    code = keras.Input(small(model_class, compiled=False).decoder.input_shape[1:])
    regularised = keras.layers.Dense(64, kernel_regularizer=keras.regularizers.L2(0.5))
    model = small(
        model_class, decoder=keras.Model(code, keras.layers.Reshape((8, 8, 1))(regularised(code)))
    )
    penalty = 0.5 * float(tf.reduce_sum(regularised.kernel**2))
    logs = model.evaluate(few_digits, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(weighted_sum(model, logs) + penalty, rel=1e-5)


# ---------------------------------------------------------------------------- sample weights


@weighted_models
def test_the_loss_is_the_weighted_sum_over_the_batch_size(model_class, few_digits):
    n = len(few_digits)

    def losses(x, sample_weight=None):
        model = small(model_class, compiled=False)  # draws the same noise again
        model.compile(run_eagerly=True)
        logs = model.evaluate(x, None, n, 0, sample_weight, return_dict=True)
        return np.array([logs["loss"], logs["reconstruction_loss"]])

    is_first = (np.arange(n) < 100).astype("float32")
    weighted = losses(few_digits, 2 * is_first)
    others_changed = np.where(is_first[:, None, None, None], few_digits, 1 - few_digits)
    changed, alone = 2 * losses(others_changed, is_first), 200 / n * losses(few_digits[:100])
    if model_class is tfae.WassersteinAutoencoder:
        # The discrepancy is one number of all codes of a batch, which the weights multiply.
        weighted, changed, alone = weighted[1:], changed[1:], alone[1:]
    np.testing.assert_allclose(weighted, changed, rtol=1e-5)
    # Several draws of a row have other random numbers in a batch of another size.
    is_drawn_often = model_class is tfae.ImportanceWeightedAutoencoder
    np.testing.assert_allclose(weighted, alone, rtol=0.05 if is_drawn_often else 1e-5)


@weighted_models
def test_examples_of_weight_zero_teach_nothing(model_class, few_digits):
    model = small(model_class, compiled=False)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    few_digits, before = few_digits[:80], weights(model)
    model.fit(few_digits, sample_weight=np.zeros(len(few_digits)), verbose=0)
    for a, b in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(few_digits, sample_weight=np.ones(len(few_digits)), verbose=0)
    assert any((a != b).any() for a, b in zip(before, weights(model), strict=True))


@weighted_models
def test_unit_weights_change_nothing_in_training_and_validation(model_class, few_digits):
    few_digits = few_digits[:40]
    ones = np.ones(len(few_digits), "float32")
    plain, weighted = small(model_class), small(model_class)
    a = plain.fit(few_digits, validation_data=few_digits, verbose=0).history
    b = weighted.fit(
        few_digits,
        sample_weight=ones,
        validation_data=(few_digits, None, ones),
        verbose=0,
    ).history
    for name in a:
        assert a[name] == pytest.approx(b[name], rel=1e-6)


# ---------------------------------------------------------------------------- bad input


@of_the_trainer
def test_arguments_of_keras_that_make_no_sense_here_are_refused(model_class, few_digits):
    model = small(model_class)
    with pytest.raises(ValueError, match="class_weight"):
        model.fit(few_digits, class_weight={0: 1.0}, verbose=0)
    with pytest.raises(ValueError, match="likelihood"):
        model.compile(loss="mse")
    with pytest.raises(ValueError, match="steps_per_execution"):
        model.compile(steps_per_execution=0)


@every_model
def test_unknown_hyperparameters_and_architectures_are_refused_by_name(model_class):
    with pytest.raises(ValueError, match=r"no hyperparameter depth; it has .*hidden_units"):
        model_class.from_shape((8, 8, 1), 3, depth=4)
    with pytest.raises(ValueError, match=r"one of \['conv', 'mlp'\]"):
        model_class.from_shape((8, 8, 1), 3, architecture="transformer")
    with pytest.raises(ValueError, match="likelihood"):
        model_class.from_shape((8, 8, 1), 3, likelihood="cauchy")


# ---------------------------------------------------------------------------- saving


@every_model_at_length
def test_a_loaded_model_gives_the_same_outputs_and_continues_training_identically(
    model_class, few_digits, tmp_path
):
    model, few_digits = small_with_dropout(model_class, run_eagerly=True), few_digits[:64]
    model.fit(few_digits, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        model.predict(few_digits, verbose=0), loaded.predict(few_digits, verbose=0)
    )
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations)
    a = model.fit(few_digits, epochs=3, initial_epoch=2, verbose=0).history
    b = loaded.fit(few_digits, epochs=3, initial_epoch=2, verbose=0).history
    assert a["loss"] == pytest.approx(b["loss"], rel=1e-6)
    assert_equal_weights(model, loaded, atol=1e-6)


@every_model
def test_config_round_trip_and_clone(model_class, few_digits):
    model = untrained(model_class)
    again = model_class.from_config(model.get_config())
    assert json.dumps(again.get_config(), default=str) == json.dumps(
        model.get_config(), default=str
    )
    clone = keras.models.clone_model(model)
    assert type(clone) is model_class
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.encode(few_digits), model.encode(few_digits))


@every_model
def test_every_constructor_argument_is_in_the_config(model_class):
    config = untrained(model_class).get_config()
    missing = set(hyperparameters.of_constructor(model_class)) - set(config)
    assert not missing


@of_the_trainer
def test_save_weights_restores_optimizer_and_noise(model_class, few_digits, tmp_path):
    model, few_digits = small_with_dropout(model_class, run_eagerly=True), few_digits[:64]
    model.fit(few_digits, verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    other = small_with_dropout(model_class, seed=8, run_eagerly=True)
    other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "m.weights.h5")
    a = model.train_on_batch(few_digits, return_dict=True)
    b = other.train_on_batch(few_digits, return_dict=True)
    assert a["loss"] == pytest.approx(b["loss"], rel=1e-6)


@pytest.mark.parametrize(
    ("model_class", "make", "jit_compile", "seed"),
    [
        pytest.param(
            tfae.VariationalAutoencoder,
            small,
            True,
            None,
            id="XLA, no seed",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            tfae.VariationalAutoencoder, small_with_dropout, False, 7, id="graph, dropout, seed"
        ),
        *(
            pytest.param(m, small_with_dropout, True, 7, id=name, marks=pytest.mark.slow)
            for m, name in (
                (tfae.VariationalAutoencoder, "XLA, dropout"),
                (tfae.AdversarialAutoencoder, "XLA, players"),
            )
        ),
        *(  # with further state: a codebook's averages; two discriminators and classes
            pytest.param(m, small_with_dropout, False, 7, id=m.__name__, marks=pytest.mark.slow)
            for m in (
                tfae.VectorQuantizedVariationalAutoencoder,
                tfae.SemiSupervisedAdversarialAutoencoder,
            )
        ),
    ],
)
def test_an_interrupted_run_resumes_exactly(
    model_class, few_digits, tmp_path, make, jit_compile, seed
):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def new(global_seed):
        """Stands for a new process. Its global seed only matters with `seed=None`."""
        model = make(model_class, seed, False)
        if seed is None:
            keras.utils.set_random_seed(global_seed)
            model = model_class.from_config({**model.get_config(), "seed": None})
        model.compile(keras.optimizers.SGD(1e-2, momentum=0.9), jit_compile=jit_compile)
        return model

    def run(model, *callbacks):
        model.fit(few_digits[:64], epochs=3, verbose=0, callbacks=list(callbacks))
        return model

    whole = run(new(global_seed=1))
    with pytest.raises(KeyboardInterrupt):
        run(new(global_seed=1), keras.callbacks.BackupAndRestore(tmp_path), Stop())
    resumed = run(new(global_seed=2), keras.callbacks.BackupAndRestore(tmp_path))
    assert_equal_weights(whole, resumed, atol=0.0 if jit_compile else 1e-6)


# ---------------------------------------------------------------------------- execution modes


@every_model_at_length
@pytest.mark.slow
def test_eager_graph_and_xla_train_alike(model_class, few_digits):
    def trained(**options):
        model = small(model_class, compiled=False)
        model.compile(**plain_sgd(model), **options)
        # With more steps, rounding decides which of two embeddings is nearer, and results diverge.
        few_steps = model_class is tfae.VectorQuantizedVariationalAutoencoder
        model.fit(few_digits[:64] if few_steps else few_digits[:192], epochs=2, verbose=0)
        return model

    xla = trained(jit_compile=True)
    assert_equal_weights(xla, trained(jit_compile=False), atol=1e-4)
    assert_equal_weights(xla, trained(run_eagerly=True), atol=1e-4)


def _in_half_precision():
    """float16, with its small range, for every model; bfloat16, which only rounds, for two.

    The quick one is a variational model in float16, without XLA.
    """
    vae = tfae.VariationalAutoencoder
    cases = [(m, "mixed_float16", True) for m in MODELS]
    cases += [(vae, "mixed_float16", False), (vae, "mixed_bfloat16", False)]
    cases += [(tfae.AdversarialAutoencoder, "mixed_bfloat16", False)]
    for m, policy, jit_compile in cases:
        is_quick = m is vae and policy == "mixed_float16" and not jit_compile
        marks = [] if is_quick else [pytest.mark.slow]
        name = f"{m.__name__}-{policy}-{'XLA' if jit_compile else 'graph'}"
        yield pytest.param(m, policy, jit_compile, id=name, marks=marks)


@pytest.mark.parametrize(("model_class", "policy", "jit_compile"), list(_in_half_precision()))
def test_mixed_precision_trains_as_float32_does(
    model_class, few_digits, policy, jit_compile, tmp_path
):
    def trained(policy):
        model = small(model_class, compiled=False, dtype=policy)
        model.compile(keras.optimizers.Adam(1e-2), jit_compile=jit_compile)
        return model, model.fit(few_digits, epochs=6, verbose=0).history["loss"]

    model, losses = trained(policy)
    _, expected = trained("float32")
    assert losses[-1] < losses[0]
    # Half precision rounds, and rounding errors grow from step to step; loss scaling skips the
    # first steps if their gradients overflow.
    assert losses[0] == pytest.approx(expected[0], rel=0.02 if policy != "mixed_float16" else 0.1)
    assert losses == pytest.approx(expected, rel=0.15)
    is_scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert is_scaled == (policy == "mixed_float16")
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    np.testing.assert_array_equal(loaded.encode(few_digits), model.encode(few_digits))


@every_model_at_length
def test_convolutional_models_train_on_odd_sizes(model_class):
    x = np.random.default_rng(0).random((8, 7, 9, 2)).astype("float32")
    model = model_class.from_shape((7, 9, 2), 8, architecture="conv", filters=(4, 6), seed=1)
    model.compile(run_eagerly=True)
    before = [np.array(v) for v in model.trainable_variables]
    model.fit(x, verbose=0)
    assert model.reconstruct(x).shape == x.shape
    pairs = zip(model.trainable_variables, before, strict=True)
    unmoved = [v.path for v, b in pairs if (np.array(v) == b).all()]
    assert [path for path in unmoved if not path.endswith("offsets")] == []  # those need labels


# ---------------------------------------------------------------------------- inference


@every_model
def test_predict_reconstruct_and_decode_after_encode_agree(model_class, few_digits):
    model = untrained(model_class)
    predicted = model.predict(few_digits, verbose=0)
    np.testing.assert_allclose(model.reconstruct(few_digits), predicted, rtol=1e-5, atol=1e-6)
    decoded = model.decode(model.encode(few_digits))
    np.testing.assert_allclose(decoded, predicted, rtol=1e-5, atol=1e-6)
    dataset = tf.data.Dataset.from_tensor_slices(few_digits).batch(50)
    np.testing.assert_allclose(model.reconstruct(dataset), predicted, rtol=1e-5, atol=1e-6)
    assert predicted.min() >= 0
    assert predicted.max() <= 1


@of_the_bases
def test_inference_handles_any_number_of_rows(model_class, few_digits):
    model, few_digits = untrained(model_class), few_digits[:20]
    whole = model.encode(few_digits)
    for batch_size in (1, 7, 1000):
        np.testing.assert_allclose(
            model.encode(few_digits, batch_size=batch_size), whole, rtol=1e-5, atol=1e-6
        )
    assert model.encode(few_digits[:0]).shape == (0, model.latent_dim)
    assert model.anomaly_score(few_digits[:1]).shape == (1,)


@every_model
def test_features_returns_every_encoder_layer_after_its_activation(model_class, few_digits):
    model = untrained(model_class)
    features = model.features(few_digits)
    assert list(features)[:2] == ["flatten", "hidden_1"]
    assert features["hidden_1"].shape == (len(few_digits), 24)
    assert (features["hidden_1"] >= 0).all()
    encoded = keras.tree.flatten(model.encoder(few_digits))[0]  # the mean of a variational model
    of_output = features[keras.tree.flatten(model.encoder.output_names)[0]]
    np.testing.assert_allclose(of_output, encoded, rtol=1e-5, atol=1e-6)


@with_those_without_networks_at_length
def test_the_anomaly_score_is_deterministic_and_higher_for_noise_than_for_data(model_class, digits):
    model = small(model_class, compiled="graph")
    model.fit(digits, epochs=8, verbose=0)
    noise = np.random.default_rng(0).random((100, 8, 8, 1)).astype("float32")
    scores = model.anomaly_score(digits[:100])
    np.testing.assert_array_equal(scores, model.anomaly_score(digits[:100]))
    assert scores.shape == (100,)
    assert model.anomaly_score(noise).mean() > scores.mean() + 3 * scores.std()


@with_those_without_networks_at_length
def test_keras_export_works_and_contains_no_custom_op(model_class, few_digits, tmp_path):
    model = small(model_class)
    model.predict(few_digits, verbose=0)  # a model without networks is built by its data
    model.export(tmp_path / "saved", verbose=False)
    assert b"Tfae>" not in (tmp_path / "saved" / "saved_model.pb").read_bytes()
    served = tf.saved_model.load(tmp_path / "saved")
    inputs = few_digits
    if model.conditional:
        inputs = {"x": few_digits, "label": np.arange(len(few_digits)) % 10}
    np.testing.assert_allclose(
        served.serve(inputs), model.predict(inputs, verbose=0), rtol=1e-5, atol=1e-6
    )


@of_the_trainer
def test_a_subclass_may_add_layers_metrics_and_arguments(model_class, few_digits):
    class Extended(model_class):
        def __init__(self, *networks, extra=3, **kwargs):
            super().__init__(*networks, **kwargs)
            self.extra = extra
            self.head = keras.layers.Dense(extra)
            self.count = keras.metrics.Sum(name="rows")

        def train_step(self, data):
            logs = super().train_step(data)
            self.count.update_state(tf.shape(data[0])[0])
            return {**logs, "rows": self.count.result()}

    model = Extended.from_shape((8, 8, 1), 3, hidden_units=(8,), extra=4, seed=1)
    model.compile(run_eagerly=True)
    few_digits = few_digits[:64]
    history = model.fit(few_digits, verbose=0).history
    assert history["rows"] == [len(few_digits)]
    assert model.head(model.encode(few_digits)).shape == (len(few_digits), 4)


@every_model_at_length
def test_the_dtype_policy_of_a_model_reaches_its_networks(model_class, few_digits):
    model, few_digits = small(model_class, dtype="mixed_bfloat16"), few_digits[:32]
    assert model.decoder.get_layer("hidden_1").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    model.fit(few_digits, verbose=0)


@of_the_bases
def test_a_model_can_be_a_layer_of_another(model_class, few_digits):
    model, few_digits = small(model_class), few_digits[:64]
    x = keras.Input((8, 8, 1))
    outer = keras.Model(x, keras.layers.Rescaling(2.0)(model(x)))
    outer.compile("adam", "mse", run_eagerly=True)
    before = weights(model)
    outer.fit(few_digits, few_digits, verbose=0)
    assert any((a != b).any() for a, b in zip(before, weights(model), strict=True))
    np.testing.assert_allclose(
        outer.predict(few_digits, verbose=0), 2 * model.reconstruct(few_digits), rtol=1e-5
    )


# ---------------------------------------------------------------------------- replicas


@pytest.fixture(scope="session")
def replica_report(tmp_path_factory):
    """The report of tests/models/replicas.py, which needs its own process with two logical CPUs."""
    out = tmp_path_factory.mktemp("replicas") / "report.json"
    script = Path(__file__).with_name("replicas.py")
    process = subprocess.run(
        [sys.executable, str(script), str(out)], capture_output=True, text=True, timeout=900
    )
    assert process.returncode == 0, process.stderr[-4000:]
    return json.loads(out.read_text())


@pytest.mark.slow
@pytest.mark.xdist_group("replicas")
@with_those_without_networks
def test_two_replicas_train_as_one(model_class, replica_report):
    report = replica_report[model_class.__name__]
    assert report["replicas"] == 2
    assert not report["jit_compile"]
    assert report["largest_weight_difference"] < 1e-5
    assert report["logs"] == pytest.approx(report["logs_of_one"], rel=1e-5, abs=1e-5)


@pytest.mark.slow
@pytest.mark.xdist_group("replicas")
def test_a_stack_is_pretrained_on_two_replicas(replica_report):
    # In the other process: two strategies in one process mix up their collectives.
    assert len(replica_report["pretraining"]) == 2
    for losses in replica_report["pretraining"]:
        assert losses[-1] < losses[0]


@pytest.mark.slow
@pytest.mark.xdist_group("replicas")
def test_default_learning_rates_decay_on_two_replicas(replica_report):
    first, last = replica_report["falling_rates"]
    assert first == pytest.approx(1e-3, rel=1e-3)  # half of the initial rate
    assert last == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
@pytest.mark.xdist_group("replicas")
def test_replicas_draw_different_noise(replica_report):
    assert replica_report["seeds_differ"]
