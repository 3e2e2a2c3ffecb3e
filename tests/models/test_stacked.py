import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import tfae
from tfae.classifier import Classifier


@pytest.fixture(scope="module")
def labels():
    return load_digits().target


def stack(units=(24, 12), activation="sigmoid", seed=1, compiled=True, likelihood="bernoulli"):
    """Builds a stack of dense layers for the digits, with the same initial weights each time."""
    keras.utils.set_random_seed(seed)
    sizes = (64, *units)
    encoders, decoders = [], []
    for i, (inputs, outputs) in enumerate(zip(sizes, units, strict=False)):
        x, code = keras.Input((inputs,)), keras.Input((outputs,))
        layer = keras.layers.Dense(outputs, activation, name=f"hidden_{i + 1}")
        encoders.append(keras.Model(x, layer(x)))
        decoders.append(keras.Model(code, keras.layers.Dense(inputs, name=f"back_{i + 1}")(code)))
    model = tfae.StackedAutoencoder(encoders, decoders, likelihood, seed=seed)
    if compiled:  # for a few steps, running eagerly is faster than tracing
        eagerly = compiled != "graph"
        model.compile(keras.optimizers.Adam(1e-2), run_eagerly=eagerly, jit_compile=False)
    return model


def weights(model):
    return [np.asarray(w) for w in model.weights]


def assert_same_weights(a, b, atol=1e-6):
    for x, y in zip(weights(a), weights(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=atol)


@pytest.fixture(scope="module")
def flat(digits):
    return digits.reshape(-1, 64)


# ---------------------------------------------------------------------------- networks


def test_from_shape_builds_an_encoder_and_a_decoder_per_layer():
    model = tfae.StackedAutoencoder.from_shape((64,), 30, hidden_units=(1000, 500), seed=0)
    assert [e.output_shape[1] for e in model.encoders] == [1000, 500, 30]
    assert [d.output_shape[1] for d in model.decoders] == [64, 1000, 500]
    assert [d.layers[-1].activation for d in model.decoders] == [keras.activations.linear] * 3


@pytest.mark.parametrize("filters", [(4,), (4, 6), ()])
@pytest.mark.parametrize("shape", [(8, 8, 1), (2, 2, 3), (5, 3, 2)])
def test_a_purely_convolutional_stack_reconstructs_any_shape(shape, filters):
    model = tfae.StackedAutoencoder.from_shape(
        shape, 2, "conv", filters=filters, hidden_units=None, seed=0
    )
    assert len(model.encoders) == len(model.decoders) <= max(len(filters), 1)
    x = np.random.default_rng(0).random((3, *shape)).astype("float32")
    assert model.reconstruct(x).shape == x.shape


def test_convolutional_networks_are_split_where_encoder_and_decoder_have_equal_shapes():
    model = tfae.StackedAutoencoder.from_shape((9, 8, 1), 3, "conv", filters=(4, 6), seed=0)
    taken = [e.input_shape[1:] for e in model.encoders]
    assert taken == [d.output_shape[1:] for d in model.decoders]
    assert len(taken) == 4  # two convolutions, the hidden layer, the code


def test_the_stack_applies_its_layers_one_after_another(flat):
    model = stack()
    h = flat[:50]
    for encoder in model.encoders:
        h = encoder(h)
    np.testing.assert_allclose(model.encode(flat[:50]), h, rtol=1e-5, atol=1e-6)
    assert list(model.features(flat[:2])) == ["hidden_1", "hidden_2"]
    below = tf.sigmoid(model.decoders[1](h))  # the activation of the first encoder's output
    expected = tf.sigmoid(model.decoders[0](below))
    np.testing.assert_allclose(model.decode(h), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_bare_layers_are_built_from_the_first_data(flat):
    model = tfae.StackedAutoencoder(
        [keras.layers.Dense(20, "relu"), keras.layers.Dense(5, "relu")],
        [keras.layers.Dense(64), keras.layers.Dense(20)],
        seed=0,
    )
    model.pretrain(flat[:200], 1, verbose=0)
    assert model.encode(flat[:3]).shape == (3, 5)
    assert model.reconstruct(flat[:3]).shape == (3, 64)
    assert model.classifier(10).predict(flat[:3], verbose=0).shape == (3, 10)


def test_networks_that_do_not_fit_are_refused_and_the_layer_is_named():
    a = stack()
    with pytest.raises(ValueError, match=r"same length.*2 and 1"):
        tfae.StackedAutoencoder(a.encoders, a.decoders[:1])
    with pytest.raises(ValueError, match=r"`encoders\[1\]` takes \(None, 64\).*\(None, 24\)"):
        tfae.StackedAutoencoder(a.encoders[:1] * 2, a.decoders[:1] * 2)
    with pytest.raises(ValueError, match=r"`decoders\[0\]` takes codes of shape \(None, 12\)"):
        tfae.StackedAutoencoder(a.encoders, a.decoders[::-1])
    with pytest.raises(ValueError, match="must be a list of Keras models"):
        tfae.StackedAutoencoder(a.encoder, a.decoder)
    with pytest.raises(ValueError, match="must be a list of Keras models"):
        tfae.StackedAutoencoder([], [])


# ---------------------------------------------------------------------------- pretraining


def test_pretraining_changes_only_the_layer_being_trained(flat):
    model = stack((24, 12, 6))
    seen = []

    def watch(layer):
        def look(epoch, logs=None):
            seen.append((layer, [np.array(e.layers[-1].kernel) for e in model.encoders],
                         [np.array(d.layers[-1].kernel) for d in model.decoders]))  # fmt: skip

        return [keras.callbacks.LambdaCallback(on_epoch_begin=look, on_epoch_end=look)]

    model.pretrain(flat[:96], epochs=2, callbacks=watch, verbose=0)
    assert [layer for layer, _, _ in seen] == [0] * 4 + [1] * 4 + [2] * 4
    for (layer, *before), (_, *after) in zip(seen[::2], seen[1::2], strict=True):
        for old, new in zip(before, after, strict=True):  # encoders, decoders
            changed = [bool((a != b).any()) for a, b in zip(old, new, strict=True)]
            assert changed == [i == layer for i in range(3)]
    assert all(variable.trainable for variable in model.trainable_variables)
    assert len(model.trainable_variables) == 12


def test_each_layer_learns_to_reconstruct_the_codes_below(flat):
    model = stack(activation="relu", likelihood="squared_error", compiled="graph")
    histories = model.pretrain(flat, epochs=15, batch_size=50, verbose=0)
    below = model.features(flat)["hidden_1"]
    error = np.mean((model.decoders[1](model.encode(flat)) - below) ** 2, axis=0).sum()
    assert error < 0.3 * below.var(axis=0).sum()
    assert histories[1].history["loss"][-1] == pytest.approx(error * 1.0, rel=0.15)


def test_pretraining_lowers_the_loss_of_the_stack_and_fit_lowers_it_further(flat):
    model, flat = stack((48, 32), compiled="graph"), flat[:900]
    before = model.evaluate(flat, verbose=0)[0]
    model.pretrain(flat, epochs=15, batch_size=50, verbose=0)
    pretrained = model.evaluate(flat, verbose=0)[0]
    assert pretrained < 0.75 * before
    model.fit(flat, epochs=5, batch_size=50, verbose=0)
    assert model.evaluate(flat, verbose=0)[0] < pretrained


@pytest.mark.slow
def test_corruption_may_be_given_for_all_layers_or_each(flat):
    def loss(corruption):
        model = stack()
        histories = model.pretrain(flat[:300], epochs=1, corruption=corruption, verbose=0)
        return [h.history["loss"][0] for h in histories]

    clean, noisy = loss(None), loss(tfae.layers.MaskingCorruption(0.5))
    assert noisy[0] > clean[0]
    second = loss([None, tfae.layers.MaskingCorruption(0.5)])
    assert second[0] == clean[0]
    assert second[1] != clean[1]
    assert noisy == loss(tfae.layers.MaskingCorruption(0.5)), "the seed determines the noise"


@pytest.mark.parametrize("corruption", [None, pytest.param("masking", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_sparsity_may_be_given_for_all_layers_or_each(flat, corruption):
    def train(sparsity):
        model = tfae.StackedAutoencoder(
            [keras.layers.Dense(30, "relu"), keras.layers.Dense(10, "relu")],
            [keras.layers.Dense(64), keras.layers.Dense(30)], seed=0,
        )  # fmt: skip
        keras.utils.set_random_seed(0)
        model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
        histories = model.pretrain(
            flat[:500], 8, sparsity=sparsity, corruption=corruption, verbose=0
        )
        return [h.history for h in histories], model.encoders[0](flat[:500])

    dense, dense_codes = train(None)
    first, sparse_codes = train([tfae.losses.L1(2.0), None])
    assert "sparsity_loss" in first[0]
    assert "sparsity_loss" not in first[1]
    assert "sparsity_loss" not in dense[0]
    zeros, zeros_of_dense = (float((c.numpy() == 0).mean()) for c in (sparse_codes, dense_codes))
    assert zeros > zeros_of_dense + 0.2
    with pytest.raises(ValueError, match=r"end the encoder of the layer in a tfae.layers.TopK"):
        train("top_k")
    with pytest.raises(ValueError, match="sigmoid"):
        train([None, "kl"])


def test_pretraining_on_a_dataset_equals_pretraining_on_arrays(flat):
    arrays, dataset = stack(), stack()
    a = arrays.pretrain(flat[:256], epochs=2, batch_size=256, verbose=0)
    batches = tf.data.Dataset.from_tensor_slices({"x": flat[:256], "label": np.zeros(256)})
    b = dataset.pretrain(batches.batch(256), epochs=2, validation_data=flat[:50], verbose=0)
    for x, y in zip(a, b, strict=True):
        assert x.history["loss"] == pytest.approx(y.history["loss"], rel=1e-4)
        assert len(y.history["val_loss"]) == 2


@pytest.mark.slow
def test_patience_ends_a_layer_early_and_restores_its_best_weights(flat):
    model = stack((24,))
    optimizer = keras.optimizers.SGD(1.0)  # deliberately too large: the loss jumps up and down
    (history,) = model.pretrain(
        flat[:200], 50, optimizer=optimizer, validation_split=0.5, patience=2, verbose=0
    )
    losses = history.history["val_loss"]
    assert len(losses) < 50
    assert np.argmin(losses) == len(losses) - 3
    np.testing.assert_allclose(model.evaluate(flat[100:200], verbose=0)[0], min(losses), rtol=1e-4)


def test_progress_names_the_layer(flat, capsys):
    stack().pretrain(flat[:64], 1, verbose=2)
    out = capsys.readouterr().out
    assert "Layer 1 of 2: 64 -> 24" in out
    assert "Layer 2 of 2: 24 -> 12" in out
    stack().pretrain(flat[:64], 1, verbose=0)
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "`epochs` must be an integer of at least 1; received 0"),
        ({"epochs": [1, 2, 3]}, "`epochs` must be one value for all layers or a list of 2"),
        ({"corruption": "fog"}, "`corruption` must be one of"),
        ({"corruption": ["masking"]}, "`corruption` must be one value"),
        ({"patience": 3}, "`patience` needs a validation loss"),
        ({"patience": 0, "validation_split": 0.1}, "`patience` must be an integer"),
        ({"optimizer": "adamant"}, "adamant"),
        ({"validation_data": np.full((5, 64), 2.0)}, "must lie in"),
        ({"validation_split": 1.5}, "validation_split"),
        ({"x": np.full((5, 64), 255.0)}, "must lie in"),
        ({"x": np.zeros((5, 63))}, "must have shape"),
        ({"x": np.zeros((0, 64))}, "no examples"),
        ({"x": iter([1])}, "must be an array or a tf.data.Dataset"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_trained(flat, arguments, message):
    model = stack()
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        model.pretrain(**{"x": flat[:64], "epochs": 1, "verbose": 0, **arguments})
    for a, b in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.pretrained_layers == 0


# ---------------------------------------------------------------------------- resuming


class _Stop(keras.callbacks.Callback):
    def __init__(self, at_epoch):
        super().__init__()
        self.at_epoch = at_epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at_epoch:
            raise KeyboardInterrupt


MASKING = {"corruption": tfae.layers.MaskingCorruption(0.3), "verbose": 0}


def test_a_saved_model_resumes_pretraining_at_its_next_layer(flat, tmp_path):
    x = flat[:32]
    whole = stack()
    whole.pretrain(x, 2, **MASKING)

    stopped = stack()
    with pytest.raises(KeyboardInterrupt):
        stopped.pretrain(x, 2, callbacks=lambda i: [_Stop(0)] if i else [], **MASKING)
    assert stopped.pretrained_layers == 1
    stopped.save(tmp_path / "stack.keras")
    loaded = keras.saving.load_model(tmp_path / "stack.keras")
    assert loaded.pretrained_layers == 1
    assert len(loaded.pretrain(x, 2, **MASKING)) == 1
    assert_same_weights(loaded, whole)
    assert loaded.pretrain(x, 2, **MASKING) == []  # all layers are done
    loaded.pretrained_layers = 0
    assert len(loaded.pretrain(x, 2, **MASKING)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("layer", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_pretraining_killed_within_a_layer_resumes_exactly(flat, tmp_path, layer):
    options = {"validation_data": flat[200:300], "patience": 3, **MASKING}
    whole = stack()
    expected = whole.pretrain(flat[:200], 4, **options)

    def kill(i):
        return [_Stop(2)] if i == layer else []

    with pytest.raises(KeyboardInterrupt):
        stack().pretrain(flat[:200], 4, callbacks=kill, backup_dir=tmp_path, **options)
    again = stack(seed=2)  # as in a new process: other initial weights, which the backup replaces
    again.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    histories = again.pretrain(flat[:200], 4, backup_dir=tmp_path, **options)
    assert_same_weights(again, whole)
    assert len(histories) == 2 - layer
    for a, b in zip(histories, expected[layer:], strict=True):
        assert a.epoch == b.epoch
        assert a.history["loss"] == pytest.approx(b.history["loss"], rel=1e-5)
    once_more = stack(seed=3)
    assert once_more.pretrain(flat[:200], 4, backup_dir=tmp_path, **options) == []
    assert_same_weights(once_more, whole)


@pytest.mark.slow
def test_patience_is_part_of_the_backup(flat, tmp_path):
    options = {
        "optimizer": keras.optimizers.SGD(1.0), "validation_data": flat[100:200], "patience": 2,
        "verbose": 0,
    }  # fmt: skip
    whole = stack((24,))
    (expected,) = whole.pretrain(flat[:100], 50, **options)
    end = len(expected.epoch)
    for at_epoch in (end - 1, end):  # after the best epoch, and between this layer and the next
        folder = tmp_path / str(at_epoch)
        with pytest.raises(KeyboardInterrupt):
            stack((24,)).pretrain(flat[:100], at_epoch + 1, callbacks=[_StopAfter(at_epoch)],
                                  backup_dir=folder, **options)  # fmt: skip
        again = stack((24,), seed=2)
        (history,) = again.pretrain(flat[:100], 50, backup_dir=folder, **options)
        assert len(history.epoch) == end
        assert_same_weights(again, whole)


class _StopAfter(keras.callbacks.Callback):
    """Interrupts `fit` at the start of an epoch or at its end."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs, self.done = epochs, 0

    def on_epoch_end(self, epoch, logs=None):
        self.done += 1

    def on_epoch_begin(self, epoch, logs=None):
        if self.done == self.epochs:
            raise KeyboardInterrupt

    def on_train_end(self, logs=None):
        raise KeyboardInterrupt


# ---------------------------------------------------------------------------- classifier


def test_a_classifier_is_not_told_of_likelihoods():
    classifier = stack().classifier(3)
    with pytest.raises(ValueError, match="defines its own loss: leave `loss`") as error:
        classifier.compile("adam", "sparse_categorical_crossentropy")
    assert "likelihood" not in str(error.value)


@pytest.mark.parametrize("head", [pytest.param("softmax", marks=pytest.mark.slow), "svm"])
def test_a_classifier_with_either_head_classifies_digits(flat, labels, head):
    classifier = stack((64, 32), "relu", compiled=False).classifier(10, head)
    assert classifier.optimizer is not None
    classifier.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    history = classifier.fit(
        flat[:1400], labels[:1400], epochs=8, batch_size=50, verbose=0,
        validation_data=(flat[1400:], labels[1400:]),
    ).history  # fmt: skip
    assert set(history) >= {"accuracy", "loss", "val_accuracy", "classification_loss"}
    accuracy = (classifier.predict_classes(flat[1400:]) == labels[1400:]).mean()
    assert accuracy > 0.85
    assert history["val_accuracy"][-1] == pytest.approx(accuracy, abs=1e-6)
    outputs = classifier.predict(flat[1400:], verbose=0)
    if head == "softmax":
        np.testing.assert_allclose(outputs.sum(axis=1), 1.0, rtol=1e-5)
    else:
        assert outputs.min() < -0.5 < 0.5 < outputs.max()  # margins around -1 and 1


@pytest.mark.parametrize("head", ["softmax", "svm"])
@pytest.mark.slow
def test_a_loaded_classifier_continues_training_identically(flat, labels, head, tmp_path):
    classifier, x, y = stack().classifier(10, head), flat[:64], labels[:64]
    classifier.compile(run_eagerly=True)
    classifier.fit(x, y, verbose=0)
    classifier.save(tmp_path / "c.keras")
    loaded = keras.saving.load_model(tmp_path / "c.keras")
    assert type(loaded) is Classifier
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), classifier.predict(x, verbose=0))
    a, b = (c.fit(x, y, verbose=0).history for c in (loaded, classifier))
    assert a["loss"] == pytest.approx(b["loss"], rel=1e-6)
    assert_same_weights(loaded, classifier)


def test_the_losses_of_both_heads_agree_with_their_formulas(flat, labels):
    model = stack()
    for head in ("softmax", "svm"):
        classifier = model.classifier(10, head, weight_decay=0.5)
        classifier.compile(run_eagerly=True)
        outputs = classifier.predict(flat[:100], verbose=0)
        logs = classifier.evaluate(flat[:100], labels[:100], verbose=0, return_dict=True)
        if head == "softmax":
            loss = -np.log(outputs[np.arange(100), labels[:100]]).mean()
        else:
            signs = 2 * np.eye(10)[labels[:100]] - 1
            loss = (np.maximum(0, 1 - signs * outputs) ** 2).sum(axis=1).mean()
        decay = 0.25 * (np.asarray(classifier.head_layer.kernel) ** 2).sum()
        assert logs["classification_loss"] == pytest.approx(loss, rel=1e-4)
        assert logs["loss"] == pytest.approx(loss + decay, rel=1e-4)


def test_the_classifier_shares_the_encoder_and_can_train_only_its_head(flat, labels):
    model = stack()
    classifier = model.classifier(10)
    classifier.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    flat, labels = flat[:96], labels[:96]
    before = model.encode(flat[:50])
    history = classifier.fit_head(flat, labels, epochs=3, verbose=0,
                                  validation_data=(flat[:99], labels[:99])).history  # fmt: skip
    assert history["loss"][-1] < history["loss"][0]
    assert "val_accuracy" in history
    np.testing.assert_array_equal(model.encode(flat[:50]), before)
    logs = classifier.evaluate(flat, labels, verbose=0, return_dict=True)
    assert logs["loss"] < history["loss"][0]
    dataset = tf.data.Dataset.from_tensor_slices({"x": flat, "label": labels}).batch(100)
    classifier.fit_head(dataset, epochs=1, verbose=0, validation_data=dataset)
    classifier.fit(dataset, verbose=0)
    assert np.abs(model.encode(flat[:50]) - before).max() > 1e-3


def test_class_weights_equal_the_corresponding_sample_weights(flat, labels):
    few = np.flatnonzero(labels < 2)[:64]
    weighted, by_sample = (stack().classifier(10, seed=0) for _ in range(2))
    for c in (weighted, by_sample):
        c.head_layer.set_weights([np.zeros((12, 10)), np.zeros(10)])
        c.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    weighted.fit(flat[few], labels[few], class_weight={0: 3.0, 1: 0.0}, verbose=0)
    by_sample.fit(
        flat[few], labels[few], sample_weight=np.where(labels[few] == 0, 3.0, 0.0), verbose=0
    )
    assert_same_weights(weighted, by_sample)
    assert (weighted.predict_classes(flat[few]) == 0).all()


def test_dropout_applies_only_in_training(flat, labels):
    classifier = stack().classifier(10, dropout=[0.2, 0.5, 0.5])
    a, b = (classifier(flat[:20], training=True) for _ in range(2))
    assert np.abs(a - b).max() > 0
    np.testing.assert_array_equal(classifier(flat[:20]), classifier(flat[:20]))
    with pytest.raises(ValueError, match="one rate or a list of 3"):
        stack().classifier(10, dropout=[0.2])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.arange(64) % 11, r"labels from 0 to 9.*from 0 to 10"),
        (np.arange(64) % 10 - 1, r"labels from 0 to 9.*from -1 to 8"),
        (np.arange(64) % 10 + 0.5, "integer labels.*float64"),
        (np.eye(64, 10, dtype=int), r"shape \(64, 10\).*argmax"),
        (np.zeros(63, int), "same number of examples; received 64 and 63"),
        (None, "must hold the labels"),
    ],
    ids=["too large", "negative", "floats", "one-hot", "length", "none"],
)
def test_invalid_labels_are_refused(flat, y, message):
    classifier = stack().classifier(10)
    with pytest.raises(ValueError, match=message):
        classifier.fit(flat[:64], y, verbose=0)


def test_invalid_labels_in_a_dataset_are_refused(flat):
    classifier = stack().classifier(10)
    classifier.compile(run_eagerly=True)
    for y in (np.full(64, 10), np.full(64, -1)):
        data = tf.data.Dataset.from_tensor_slices((flat[:64], y)).batch(32)
        with pytest.raises(ValueError, match="labels from 0 to 9"):
            classifier.fit(data, verbose=0)
    with pytest.raises(ValueError, match="must hold the labels"):
        classifier.fit(tf.data.Dataset.from_tensor_slices(flat).batch(32), verbose=0)
    with pytest.raises(ValueError, match="must be batched"):
        classifier.fit(tf.data.Dataset.from_tensor_slices((flat[:64], y)), verbose=0)


def test_invalid_heads_are_refused():
    model = stack()
    with pytest.raises(ValueError, match=r"`head` must be one of \['softmax', 'svm'\]"):
        model.classifier(10, head="tree")
    with pytest.raises(ValueError, match="`num_classes` must be an integer of at least 2"):
        model.classifier(1)
    with pytest.raises(ValueError, match="`weight_decay` must be a non-negative number"):
        model.classifier(10, weight_decay=-1.0)
    with pytest.raises(ValueError, match="`rate` must lie in"):
        model.classifier(10, dropout=1.0)


@pytest.mark.slow
def test_with_few_labels_pretraining_beats_random_initialisation(flat, labels):
    """Like benchmarks/stacked.py: 50 labels, three seeds, with equal initial weights for each."""
    order = np.random.default_rng(0).permutation(1797)
    train, test = order[:1300], order[1300:]

    def accuracy(seed, pretrained):
        model = stack((100, 100, 100), seed=seed, compiled=False)
        model.compile(keras.optimizers.Adam(3e-3))
        if pretrained:
            model.pretrain(flat[train], 20, 50, **MASKING)
        keras.utils.set_random_seed(seed)
        classifier = model.classifier(10)
        rows = np.random.default_rng(seed).permutation(train)[:50]
        classifier.fit(flat[rows], labels[rows], epochs=60, batch_size=20, verbose=0)
        return (classifier.predict_classes(flat[test]) == labels[test]).mean()

    for seed in range(3):
        assert accuracy(seed, True) > accuracy(seed, False) + 0.1


@pytest.mark.parametrize("head", ["softmax", "svm"])
def test_labels_may_have_any_integer_dtype(flat, labels, head):
    classifier = stack().classifier(10, head=head)
    classifier.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    x = flat[:16]
    (expected,) = classifier.fit(x, labels[:16], verbose=0).history["loss"]
    for dtype in ("uint8", "int16", "int64"):
        y = labels[:16].astype(dtype)
        dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
        for data in ((x, y), (dataset,)):
            assert classifier.fit(*data, verbose=0).history["loss"] == pytest.approx([expected])


def test_a_class_weight_for_an_unknown_class_is_refused(flat, labels):
    classifier = tfae.StackedAutoencoder.from_shape((64,), 8, seed=0).classifier(10)
    with pytest.raises(ValueError, match="the classes are 0 to 9"):
        classifier.fit(flat, labels, class_weight={-1: 2.0}, verbose=0)


def test_each_dropout_layer_drops_different_units(flat):
    model = tfae.StackedAutoencoder.from_shape((64,), 64, hidden_units=(64,), seed=0)
    classifier = model.classifier(10, dropout=0.5)
    layers = [x for x in classifier._flatten_layers() if isinstance(x, tfae.layers.Dropout)]
    masks = [
        np.asarray(layer(np.ones((100, 64), "float32"), training=True)) > 0 for layer in layers
    ]
    assert len(masks) == 3
    for a, b in itertools.combinations(masks, 2):
        assert np.mean(a == b) == pytest.approx(0.5, abs=0.05)
