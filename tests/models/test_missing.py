"""Missing values and weights of elements: NaN adds no loss and breaks no model."""

import contextlib
import functools

import keras
import numpy as np
import pytest
import scipy.stats
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
        # Few steps of the solver, since each is slow in eager mode.
        model = model_class(5, missing=missing, tolerance=0.3, seed=1, **options)
    else:
        model = model_class.from_shape(
            FULL.shape[1:], 3, hidden_units=(5,), missing=missing, seed=1, **options
        )
    model.compile(run_eagerly=True)
    return model


@functools.cache
def trained(model_class):
    """A model that has trained on missing values, for tests that only read it."""
    model = small(model_class)
    model.fit(HOLES, epochs=1, batch_size=12, verbose=0)
    return model


def graph(model, verb, x):
    """Applies a verb of graphs to data eagerly, which needs no tracing."""
    result = getattr(model, f"{verb}_batch")(Batch(tf.constant(x)))
    return keras.tree.map_structure(np.asarray, result)


# ---------------------------------------------------------------------------- for every model


@every_model
def test_training_with_missing_values_keeps_everything_finite(model_class):
    model = trained(model_class)
    assert np.isfinite(list(model.history.history.values())).all()
    x = tf.constant(HOLES)
    assert all(np.isfinite(t).all() for t in model.loss_terms(Batch(x, x), training=False).values())
    assert all(np.isfinite(np.asarray(w)).all() for w in model.trainable_variables)
    assert np.isfinite(graph(model, "encode", HOLES)["code"]).all()
    assert np.isfinite(graph(model, "anomaly_score", HOLES)).all()
    assert np.isfinite(model.predict_on_batch(HOLES)).all()


@every_network
def test_complete_rows_have_the_loss_and_score_of_a_model_without_the_option(model_class):
    # Both models have equal weights; those for the mask come in addition.
    model, other = (small(model_class, missing) for missing in ("mask", None))
    batch = Batch(*2 * [tf.constant(FULL)])
    terms, of_other = (one.loss_terms(batch, training=False) for one in (model, other))
    assert terms.keys() == of_other.keys()
    for name, term in terms.items():
        np.testing.assert_array_equal(term, of_other[name], name)
    expected = graph(other, "anomaly_score", FULL)
    np.testing.assert_array_equal(graph(model, "anomaly_score", FULL), expected)
    np.testing.assert_array_equal(graph(model, "anomaly_score", HOLES)[0], expected[0])


@every_model
def test_missing_values_do_not_influence_any_result(model_class):
    model = trained(model_class)
    score = graph(model, "anomaly_score", HOLES)
    filled = tf.constant(np.where(OBSERVED, FULL, 123.0), tf.float32)
    masked = model.anomaly_score_batch(Batch(filled, mask=tf.constant(OBSERVED)))
    np.testing.assert_array_equal(masked, score)
    other = HOLES.copy()
    other[5, 1, 1] = np.nan
    assert OBSERVED[5, 1, 1]
    assert not np.any(graph(model, "anomaly_map", HOLES)[~OBSERVED])
    changed = graph(model, "anomaly_score", other) != score
    assert changed.tolist() == [i == 5 for i in range(len(HOLES))]


@every_network
def test_missing_values_have_no_loss_and_no_gradient(model_class):
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


@every_network
def test_every_loss_weighs_elements_and_counts_only_observed_ones(model_class):
    model = trained(model_class)
    x = tf.constant(HOLES)
    loss = model.loss_terms(Batch(x, x), training=False)["reconstruction_loss"]
    assert loss[3] == 0.0, "nothing is known of this row"
    assert np.all(loss.numpy()[:3] > 0)
    weighted = Batch(x, x, weight=tf.zeros([24, 4, 1]))
    assert not np.any(model.loss_terms(weighted, training=False)["reconstruction_loss"])
    assert model.anomaly_score_batch(weighted)[0] < model.anomaly_score_batch(Batch(x))[0]


@every_model
def test_the_option_is_in_the_config_and_cannot_be_set_later(model_class):
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


# ---------------------------------------------------------------------------- for one or two models


def test_missing_values_reach_the_encoder_as_zeros_after_scaling_and_corruption():
    noise = keras.layers.Lambda(lambda x, **_: x + 10.0)
    model = small(
        tfae.Autoencoder,
        likelihood="squared_error",
        scaling=tfae.layers.Scaling(5.0, 2.0),
        corruption=noise,
    )
    batch = Batch(tf.constant(HOLES), tf.constant(HOLES))
    x, mask = model._encoder_input(batch, training=True)
    np.testing.assert_array_equal(mask, OBSERVED)
    np.testing.assert_allclose(x, np.where(OBSERVED, (FULL - 5.0) * 2.0 + 10.0, 0.0), rtol=1e-5)


def test_a_custom_encoder_gets_the_filled_data_and_a_mask_if_it_has_a_second_input():
    x, mask = keras.Input((4, 3)), keras.Input((4, 3))
    code, flat = keras.Input((24,)), keras.layers.Flatten()
    decoder = keras.Model(code, keras.layers.Reshape((4, 3))(keras.layers.Dense(12)(code)))
    both = keras.Model([x, mask], keras.layers.Concatenate()([flat(x), flat(mask)]))
    model = tfae.Autoencoder(both, decoder, missing="mask")
    filled, seen = np.split(graph(model, "encode", HOLES)["code"], 2, axis=1)
    np.testing.assert_array_equal(filled.reshape(FULL.shape), np.where(OBSERVED, FULL, 0))
    np.testing.assert_array_equal(seen.reshape(FULL.shape), OBSERVED)
    with pytest.raises(ValueError, match=r"has 2\. .*missing='mask'"):
        tfae.Autoencoder(both, decoder)
    other = keras.Input((12,))
    wrong = keras.Model([x, other], keras.layers.Concatenate()([flat(x), other]))
    with pytest.raises(ValueError, match=r"shapes \(None, 4, 3\) and \(None, 12\)"):
        tfae.Autoencoder(wrong, decoder, missing="mask")
    one = keras.Model(x, keras.layers.Concatenate()([flat(x), flat(x)]))
    model = tfae.Autoencoder(one, decoder, missing="mask")
    np.testing.assert_array_equal(
        graph(model, "encode", HOLES)["code"][:, :12], np.where(OBSERVED, FULL, 0).reshape(24, 12)
    )


@pytest.mark.parametrize("architecture", sorted(tfae.networks.ARCHITECTURES))
@pytest.mark.parametrize("depth", [0, 1])
def test_the_first_layer_of_each_architecture_sees_the_mask(architecture, depth):
    sizes = {"mlp": [{"hidden_units": ()}, {"hidden_units": (5,)}]}
    sizes["conv"] = [{"filters": (), "hidden_units": None}, {"filters": (4,)}]
    if architecture not in sizes:
        pytest.skip("knows images or sequences only")
    build = tfae.networks.ARCHITECTURES[architecture]
    options = {"seed": 1, **sizes[architecture][depth]}
    encoder, _ = build((4, 4, 2), 3, missing=True, **options)
    plain, _ = build((4, 4, 2), 3, **options)
    x, ones = RNG.normal(size=(5, 4, 4, 2)).astype("float32"), np.ones((5, 4, 4, 2), "float32")
    np.testing.assert_array_equal(encoder([x, ones]), plain(x))
    own = [w for w in encoder.trainable_variables if "_missing/" in w.path]
    assert len(own) == 1
    assert not np.any(own[0]), "no row counts otherwise before the training"
    own[0].assign(np.ones(own[0].shape))
    assert np.all(np.any(np.asarray(encoder([x, 0 * ones])) != plain(x), axis=-1))


def test_nan_masks_and_masked_arrays_are_equivalent_in_arrays_and_datasets():
    model = trained(tfae.Autoencoder)
    loss = model.evaluate(HOLES, verbose=0)
    filled = np.where(OBSERVED, FULL, -1.0).astype("float32")

    class Sequence(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            rows = slice(12 * i, 12 * i + 12)
            return ({"x": filled[rows], "mask": OBSERVED[rows]},)

    dictionary = {"x": filled, "mask": OBSERVED}
    for data in (
        dictionary,
        np.ma.array(filled, mask=~OBSERVED),
        tf.data.Dataset.from_tensor_slices(HOLES).batch(12),
        tf.data.Dataset.from_tensor_slices(dictionary).batch(12),
        Sequence(workers=1),
        iter([(dictionary,)] * 2),
    ):
        steps = 1 if hasattr(data, "__next__") else None
        found = model.evaluate(data, verbose=0, steps=steps)
        np.testing.assert_allclose(found, loss, rtol=1e-6)
    np.testing.assert_allclose(model.test_on_batch(dictionary), loss, rtol=1e-6)
    reconstruction = model.predict(HOLES, verbose=0)
    np.testing.assert_array_equal(model.predict(dictionary, verbose=0), reconstruction)


def test_missing_values_of_a_separate_target_add_no_loss():
    model = trained(tfae.DenoisingAutoencoder)
    loss = model.evaluate(FULL, HOLES, verbose=0)
    output = model._decoder_output(Batch(graph(model, "encode", FULL)["code"]))
    elements = model.likelihood.elementwise_loss(FULL, output).numpy()
    np.testing.assert_allclose(loss, np.sum(elements * OBSERVED) / len(FULL), rtol=1e-5)


def test_element_weights_multiply_loss_and_score_with_and_without_the_option():
    weight = RNG.uniform(0, 2, FULL.shape).astype("float32")
    for missing, x in (("mask", HOLES), (None, FULL)):
        model = small(tfae.Autoencoder, missing)
        output = model._decoder_output(Batch(graph(model, "encode", x)["code"]))
        elements = model.likelihood.elementwise_loss(FULL, output) * weight * ~np.isnan(x)
        expected = np.sum(elements, axis=(1, 2))
        data = {"x": x, "weight": weight}
        np.testing.assert_allclose(model.evaluate(data, verbose=0), expected.mean(), rtol=1e-5)
        np.testing.assert_allclose(model.anomaly_score(data), expected, rtol=1e-5, atol=1e-6)
        in_columns = tf.data.Dataset.from_tensor_slices({**data, "weight": weight[..., :1]})
        model.fit(in_columns.batch(8), verbose=0)


def test_log_likelihood_is_that_of_the_observed_values(linear_gaussian):
    model, x, _ = linear_gaussian(4.0, missing="mask")  # draws wide enough for any posterior
    w, b, scale = linear_gaussian.linear_map()
    x = x[:20].copy()
    x[:, [1, 4]] = np.nan
    known = [0, 2, 3, 5]
    covariance = w @ w.T + scale**2 * np.eye(6)
    marginal = scipy.stats.multivariate_normal(b[known], covariance[np.ix_(known, known)])
    estimate = model.log_likelihood(x, 3000, seed=0)
    np.testing.assert_allclose(estimate, marginal.logpdf(x[:, known]), atol=0.15)


def test_log_likelihood_of_a_scaled_model_is_in_the_units_of_the_observed_values():
    scaling = tfae.layers.Scaling(1.0, np.full((4, 3), 4.0))
    options = {"likelihood": "gaussian", "seed": 1, "hidden_units": (5,), "missing": "mask"}
    plain, scaled = (
        tfae.VariationalAutoencoder.from_shape((4, 3), 2, scaling=s, **options)
        for s in (None, scaling)
    )
    in_scaled_units = plain.log_likelihood((HOLES - 1.0) * 4.0, 5, seed=0)
    expected = in_scaled_units + OBSERVED.sum(axis=(1, 2)) * np.log(4.0)
    np.testing.assert_allclose(scaled.log_likelihood(HOLES, 5, seed=0), expected, rtol=1e-4)


@pytest.mark.slow
def test_a_stack_pretrains_and_classifies_with_missing_values():
    stack = small(tfae.StackedAutoencoder)
    dataset = tf.data.Dataset.from_tensor_slices({"x": FULL, "mask": OBSERVED}).batch(12)
    for data in (HOLES, dataset):
        stack.pretrained_layers = 0
        histories = stack.pretrain(data, epochs=1, corruption="masking", verbose=0)
        assert np.isfinite([h.history["loss"][0] for h in histories]).all()
    classifier = stack.classifier(2, dropout=0.1)
    classifier.compile(run_eagerly=True)
    labels = np.arange(len(HOLES)) % 2
    classifier.fit(HOLES, labels, verbose=0)
    of_mask = classifier.predict_on_batch({"x": FULL, "mask": OBSERVED})
    np.testing.assert_array_equal(classifier.predict_on_batch(HOLES), of_mask)
    codes = classifier.encode_batch(Batch(tf.constant(HOLES)))["code"]
    np.testing.assert_allclose(codes, graph(stack, "encode", HOLES)["code"], rtol=1e-5)
    again = type(classifier).from_config(classifier.get_config())
    again.set_weights(classifier.get_weights())
    np.testing.assert_allclose(again(HOLES), classifier(HOLES), rtol=1e-5)


@pytest.mark.slow
def test_sparse_coding_explains_and_learns_from_observed_values_only():
    rng = np.random.default_rng(4)
    atoms = rng.normal(size=(5, 12))
    codes = rng.normal(size=(400, 5)) * (rng.uniform(size=(400, 5)) < 0.4)
    full = (codes @ atoms).astype("float32")
    holes = np.where(rng.uniform(size=full.shape) < 0.3, np.nan, full).astype("float32")
    model = tfae.SparseCoding(5, penalty=0.05, missing="mask", seed=1)
    model.compile(jit_compile=False)
    losses = model.fit(holes, epochs=12, batch_size=100, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    missing = np.isnan(holes)
    error = (model.reconstruct(holes) - full)[missing]
    assert np.mean(error**2) < 0.15 * np.mean(full[missing] ** 2), "atoms tell what is missing"
    with pytest.raises(ValueError, match="takes no weights of elements"):
        model.fit({"x": holes, "weight": np.ones_like(holes)}, verbose=0)


def test_priors_and_thresholds_are_fitted_with_missing_values():
    model = trained(tfae.VariationalAutoencoder)
    threshold = model.fit_threshold(HOLES, 0.2)
    np.testing.assert_array_equal(
        model.is_anomaly(HOLES), graph(model, "anomaly_score", HOLES) > threshold
    )
    model.fit_prior(HOLES, "gaussian", seed=0)
    assert np.isfinite(model.fitted_prior.parameters["means"]).all()
    assert np.isfinite(model.sample(HOLES, seed=0)).all()


def test_metrics_ignore_missing_values():
    model = small(tfae.Autoencoder)
    model.compile(metrics=["mse"], run_eagerly=True)
    logs = model.evaluate(HOLES, verbose=0, return_dict=True)
    error = np.square(model.predict_on_batch(HOLES) - FULL) * OBSERVED
    np.testing.assert_allclose(logs["mse"], error.mean(), rtol=1e-5)


# ---------------------------------------------------------------------------- long


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_class", "how"),
    [(model_class, "xla") for model_class in MODELS]
    + [
        (model_class, how)
        for model_class in (
            tfae.VariationalAutoencoder,
            tfae.AdversarialAutoencoder,
            tfae.SparseCoding,
        )
        for how in ("replicas", "mixed_bfloat16", "mixed_float16")
    ],
)
def test_training_with_missing_values_stays_finite_under_xla_on_replicas_and_in_half_precision(
    model_class, how, two_replicas
):
    options = {"dtype": how} if how.startswith("mixed") else {}
    scope = two_replicas.scope() if how == "replicas" else contextlib.nullcontext()
    with scope:
        model = small(model_class, **options)
        model.compile(jit_compile=how == "xla")
    history = model.fit(HOLES, epochs=2, batch_size=8, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    assert np.isfinite(model.anomaly_score(HOLES)).all()
    assert all(np.isfinite(np.asarray(w)).all() for w in model.trainable_variables)


@pytest.mark.slow
@pytest.mark.parametrize("model_class", [tfae.Autoencoder, tfae.SparseAutoencoder])
def test_two_replicas_and_xla_train_like_a_single_process(model_class, two_replicas):
    def trained_weights(scope, jit_compile):
        with scope:
            model = small(model_class)
            model.compile("sgd", jit_compile=jit_compile)
        model.fit(HOLES, epochs=2, batch_size=8, verbose=0)
        return np.concatenate([np.ravel(w) for w in model.get_weights()])

    expected = trained_weights(contextlib.nullcontext(), False)
    for scope, jit_compile in ((contextlib.nullcontext(), True), (two_replicas.scope(), False)):
        np.testing.assert_allclose(trained_weights(scope, jit_compile), expected, atol=1e-5)


@pytest.mark.slow
@every_network
def test_complete_rows_give_the_same_results_under_xla(model_class):
    model, other = (small(model_class, missing) for missing in ("mask", None))
    for one in (model, other):
        one.compile(jit_compile=True)
    np.testing.assert_allclose(
        model.evaluate(FULL, verbose=0), other.evaluate(FULL, verbose=0), rtol=1e-6
    )


@pytest.mark.slow
@every_model
def test_saved_models_keep_the_option_and_continue_training_identically(model_class, tmp_path):
    model = small(model_class)
    model.fit(HOLES, epochs=1, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.anomaly_score(HOLES), model.anomaly_score(HOLES))
    for one in (model, loaded):
        one.fit(HOLES, epochs=2, initial_epoch=1, batch_size=8, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [True, False])
def test_rows_with_and_without_missing_values_run_the_same_programs(jit_compile):
    model = small(tfae.VariationalAutoencoder)
    model.compile(jit_compile=jit_compile)
    for x in (FULL, HOLES):
        model.fit(x, batch_size=8, verbose=0)
        model.evaluate(x, batch_size=8, verbose=0)
    traced = [set(f._traced) for f in (model.train_function, model.test_function)]
    model.fit({"x": FULL, "mask": OBSERVED}, batch_size=8, verbose=0)
    model.evaluate({"x": FULL, "mask": OBSERVED}, batch_size=8, verbose=0)
    assert traced == [set(f._traced) for f in (model.train_function, model.test_function)]
