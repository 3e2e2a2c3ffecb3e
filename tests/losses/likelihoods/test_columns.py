"""One likelihood for each column of a table."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfae import device
from tfae.losses import Categorical, Columns, Gaussian, Huber, Laplace, likelihoods

SEED = tf.constant([3, 1], tf.int64)
PARTS = [
    ("height", Gaussian(scale="learned"), 1),
    ("port", "categorical", 3),
    ("visits", "poisson", 1),
    ("weight", Gaussian(scale="learned"), 1),
    ("class", "categorical", 3),
    ("sex", "bernoulli", 1),
    ("place", Laplace(scale="learned"), 2),
]
ROW = [0.3, 1, 0, 0, 4, -1.2, 0, 0, 1, 1, 0.1, 0.2]


def outputs(*shape):
    return tf.constant(np.random.default_rng(0).normal(size=shape), "float32")


def test_each_column_has_the_loss_mean_and_samples_of_its_own_likelihood():
    columns, output, target = Columns(PARTS), outputs(5, 12), np.tile(ROW, (5, 1)).astype("float32")
    element, mean = columns.elementwise_loss(target, output), columns.mean(output)
    for name, likelihood, _ in PARTS:
        block, alone = columns.slices[name], likelihoods.get(likelihood)
        of_column = target[:, block], output[:, block]
        np.testing.assert_allclose(element[:, block], alone.elementwise_loss(*of_column), rtol=1e-5)
        np.testing.assert_allclose(mean[:, block], alone.mean(output[:, block]), rtol=1e-5)


def test_losses_of_columns_add_up_to_the_loss_of_the_row():
    columns, output, target = Columns(PARTS), outputs(5, 12), np.tile(ROW, (5, 1)).astype("float32")
    element = columns.elementwise_loss(target, output)
    assert element.shape == (5, 12)
    of_columns = columns.column_losses(element)
    assert of_columns.shape == (5, 7)
    np.testing.assert_allclose(of_columns[:, 1], np.sum(element[:, 1:4], axis=1), rtol=1e-6)
    np.testing.assert_allclose(np.sum(of_columns, axis=1), columns.loss(target, output), rtol=1e-5)


def test_several_decodings_of_a_row_each_get_a_loss():
    columns, output, target = Columns(PARTS), outputs(4, 5, 12), np.tile(ROW, (5, 1))
    np.testing.assert_allclose(
        columns.loss(target, output)[1], columns.loss(target, output[1]), rtol=1e-5
    )


def test_samples_are_valid_rows_of_the_table():
    columns, output = Columns(PARTS), outputs(200, 12)
    drawn = columns.sample(output, SEED).numpy()
    np.testing.assert_array_equal(drawn, columns.sample(output, SEED))
    np.testing.assert_allclose(drawn[:9], columns.sample(output[:9], SEED), rtol=1e-5, atol=1e-6)
    for name in ("port", "class"):
        np.testing.assert_array_equal(drawn[:, columns.slices[name]].sum(axis=1), 1)
    assert set(drawn[:, columns.slices["sex"]].ravel()) == {0, 1}
    np.testing.assert_array_equal(drawn[:, 4], np.rint(drawn[:, 4]))
    assert abs(np.corrcoef(drawn[:, 0] - output[:, 0], drawn[:, 5] - output[:, 5])[0, 1]) < 0.3


def test_support_and_integers_are_given_for_each_element():
    columns = Columns(PARTS)
    low, high = columns.support
    np.testing.assert_array_equal(low, [-np.inf, 0, 0, 0, 0, -np.inf, 0, 0, 0, 0, -np.inf, -np.inf])
    np.testing.assert_array_equal(high[[0, 1, 4, 9]], [np.inf, 1, np.inf, 1])
    np.testing.assert_array_equal(np.flatnonzero(columns.integers), [4])
    numbers = Columns([("a", "gaussian", 1), ("b", "laplace", 1)])
    assert numbers.support is None
    assert numbers.integers is False


def test_each_column_learns_its_own_scale_even_if_columns_share_a_likelihood():
    shared = Gaussian(scale="learned", min_scale=0.1)
    columns = Columns([("a", shared, 1), ("b", shared, 1), ("c", shared, 2)])
    assert sorted(tuple(w.shape) for w in columns.trainable_variables) == [(), (2,)]
    target = np.random.default_rng(0).normal(size=(400, 4)) * [3.0, 0.001, 1.0, 1.0]
    output = tf.zeros([400, 4])
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(columns.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(columns.loss(target, output))
        optimizer.apply(tape.gradient(loss, columns.trainable_variables))

    for _ in range(100):
        step()
    a, b, c = (column["scale"] for column in columns.formula()["columns"])
    np.testing.assert_allclose([a, c], [3.0, 1.0], rtol=0.1)
    assert 0.1 < b < 0.11  # not 0.001


def test_columns_of_one_kind_are_computed_together():
    parts = [(f"x{i}", Gaussian(scale="learned"), 1) for i in range(40)]
    parts += [(f"c{i}", "categorical", 5) for i in range(40)]
    assert len(Columns(parts).groups) == 2


def test_a_weight_scales_the_loss_of_its_column_which_is_then_no_density():
    plain, output = Columns([("a", "gaussian", 1), ("b", "bernoulli", 1)]), outputs(3, 2)
    weighed = Columns([("a", "gaussian", 1), ("b", "bernoulli", 1, 0.25)])
    target = np.ones((3, 2), "float32")
    element = plain.elementwise_loss(target, output)
    np.testing.assert_allclose(weighed.elementwise_loss(target, output), element * [1.0, 0.25])
    assert plain.is_density
    assert not weighed.is_density
    assert weighed.sample(output, SEED).shape == (3, 2)


def test_errors_name_the_column_that_cannot_be_sampled():
    columns = Columns([("a", "gaussian", 1), ("b", Huber(), 1)])
    assert not columns.is_density
    with pytest.raises(ValueError, match="draw 'b' from"):
        columns.sample(outputs(2, 2), SEED)


def test_the_formula_for_devices_gives_the_same_loss():
    columns, output, target = Columns(PARTS), outputs(5, 12), np.tile(ROW, (5, 1))
    score = device.score({"score": [columns.formula()]}, target, columns.mean(output), {})
    np.testing.assert_allclose(score, columns.loss(target, output), rtol=1e-4)
    assert Columns([("n", "continuous_bernoulli", 1)]).formula() is None


def test_the_config_round_trips():
    columns = Columns([*PARTS, ("paid", "gaussian", 1, 2.0)])
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(columns)))
    again = likelihoods.get(config)
    assert again.get_config() == columns.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in columns.weights]
    assert again.columns[-1].weight == 2.0
    assert isinstance(again.columns[1].likelihood, Categorical)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([3], "Each of `parts`"),
        ([], "at least one column"),
        ([("a", "gaussian")], r"\(name, likelihood, width\)"),
        ([("a", "gaussian", 0)], "width of 'a'"),
        ([("a", "gaussian", 1, 0)], "weight of 'a'"),
        ([("a", "normal", 1)], "likelihood='normal'"),
        ([("a", "gaussian", 1), ("a", "gaussian", 1)], r"\['a'\] twice"),
    ],
)
def test_invalid_columns_are_refused_by_name(parts, message):
    with pytest.raises(ValueError, match=message):
        Columns(parts)


def test_missing_elements_add_no_loss_and_a_category_counts_as_a_whole():
    columns, output, target = Columns(PARTS), outputs(2, 12), np.tile(ROW, (2, 1)).astype("float32")
    observed = np.ones((2, 12), bool)
    observed[1, [0, 2, 4]] = False  # the height, one class of the port, the visits
    holes = np.where(observed, target, np.nan)
    loss = columns.loss(holes, output, tf.constant(observed))
    of_columns = columns.column_losses(columns.elementwise_loss(target, output)).numpy()
    np.testing.assert_allclose(loss, [of_columns[0].sum(), of_columns[1, 3:].sum()], rtol=1e-5)
