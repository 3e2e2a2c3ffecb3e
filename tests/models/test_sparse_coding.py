"""Sparse coding: what it learns, how, and what it refuses. Its solver is tested in tests/ops."""

import gc

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import sparse_encode

import tfae
from tfae.ops import atom_updates
from tfae.ops.atom_updates import (
    Replacement,
    SolvedBatch,
    descend,
    sample_by_error,
    swap,
    unit_norm,
)
from tfae.ops.lasso import lasso


def sparse_data(rows=4000, num_atoms=24, dimension=16, active=3, seed=0):
    """Returns sparse sums of true atoms, and these atoms."""
    random = np.random.default_rng(seed)
    atoms = random.normal(size=(num_atoms, dimension))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = np.zeros((rows, num_atoms))
    for row in codes:
        row[random.choice(num_atoms, active, replace=False)] = random.choice([-1, 1], active) * (
            1 + random.random(active)
        )
    return (codes @ atoms + 0.01 * random.normal(size=(rows, dimension))).astype("float32"), atoms


solved = tf.function(lasso)  # traced, as in training, since it takes many iterations


def learned(x, num_atoms=24, penalty=0.1, epochs=1, **arguments):
    model = tfae.SparseCoding(num_atoms, penalty, **{"seed": 0, **arguments})
    model.compile(jit_compile=False)
    model.fit(x, batch_size=100, epochs=epochs, verbose=0)
    return model


@pytest.fixture(scope="module")
def trained():
    """A trained model and its data, for tests that do not change them."""
    x, _ = sparse_data(200)
    return learned(x), x


# ---------------------------------------------------------------------------- what it learns


@pytest.mark.slow
def test_it_recovers_a_known_dictionary():
    x, atoms = sparse_data(num_atoms=40, dimension=32, active=2)
    model = learned(x, 40, penalty=0.3, epochs=8)
    cosines = np.abs(model.atoms @ atoms.T).max(axis=0)
    assert np.mean(cosines > np.cos(np.radians(10))) >= 0.95


@pytest.mark.parametrize(
    "atom_update", ["gradient", pytest.param("replace", marks=pytest.mark.slow)]
)
def test_training_lowers_the_objective_on_unseen_data(atom_update):
    x, _ = sparse_data()
    model = learned(x[:300], atom_update=atom_update)
    first = model.evaluate(x[3800:], verbose=0, return_dict=True)["loss"]
    # Swaps are rare: they are made only if they are certain to lower the objective.
    rows, epochs = {"gradient": (1500, 2), "replace": (3500, 6)}[atom_update]
    model.fit(x[:rows], batch_size=100, epochs=epochs, verbose=0)
    last = model.evaluate(x[3800:], verbose=0, return_dict=True)["loss"]
    assert last < {"gradient": 0.9, "replace": 1.0}[atom_update] * first


@pytest.mark.slow
def test_atoms_start_as_patches_and_stay_patches_under_replacement():
    x, _ = sparse_data(200)
    patches = x / np.linalg.norm(x, axis=1, keepdims=True)

    def distances(atoms):
        return 1 - np.max(atoms @ patches.T, axis=1)

    first = tfae.SparseCoding(24, 0.1, "replace", seed=0)
    first.compile(jit_compile=False)
    first.train_on_batch(x[:100])
    assert distances(first.atoms).max() < 1e-5
    model = learned(x, epochs=3, atom_update="replace")
    assert distances(model.atoms).max() < 1e-5
    assert (model.atoms != first.atoms).any()


@pytest.mark.parametrize(
    "atom_update", ["gradient", pytest.param("replace", marks=pytest.mark.slow)]
)
def test_dead_atoms_are_replaced_and_counted(atom_update):
    x, _ = sparse_data(1000)
    x[:, 0] = 0
    model = learned(x, atom_update=atom_update)
    atoms = model.atoms.copy()
    atoms[:5] = np.eye(16)[0]  # no patch has this component
    model.atoms = atoms
    history = model.fit(x, batch_size=100, epochs=4, verbose=0).history
    if atom_update == "gradient":  # "replace" swaps useless atoms before they are dead
        assert max(history["dead_atoms"]) > 0
    assert history["dead_atoms"][-1] == 0
    assert np.abs(model.atoms[:, 0]).max() < 0.5
    np.testing.assert_allclose(np.linalg.norm(model.atoms, axis=1), 1, atol=1e-5)


def test_the_logs_agree_with_their_definitions(trained):
    model, x = trained
    logs = model.evaluate(x, batch_size=200, verbose=0, return_dict=True)
    codes = model.encode(x)
    error = 0.5 * ((x - codes @ model.atoms) ** 2).sum(axis=1).mean()
    assert logs["reconstruction_loss"] == pytest.approx(error, rel=1e-4)
    assert logs["sparsity_loss"] == pytest.approx(0.1 * np.abs(codes).sum(axis=1).mean(), rel=1e-4)
    assert logs["loss"] == pytest.approx(logs["reconstruction_loss"] + logs["sparsity_loss"])
    assert logs["loss"] == pytest.approx(model.anomaly_score(x).mean(), rel=1e-5)
    assert logs["active_coefficients"] == pytest.approx((codes != 0).sum(axis=1).mean(), rel=1e-4)
    assert 0 < logs["duality_gap"] <= 1e-6 * logs["loss"]
    assert logs["dead_atoms"] == 0


# ---------------------------------------------------------------------------- updates


def test_descent_never_raises_the_error_and_keeps_atoms_at_length_one():
    x, true = sparse_data(300)
    random = np.random.default_rng(1)
    atoms = unit_norm(tf.constant(true + 0.5 * random.normal(size=true.shape), tf.float32))
    codes = solved(x, atoms, 0.1, 1e-3).codes
    codes = codes * tf.cast(tf.range(24) != 7, tf.float32)  # one atom is never used
    error = [float(tf.reduce_sum((x - codes @ atoms) ** 2))]
    statistics = tf.transpose(codes) @ codes, tf.transpose(codes) @ x
    for block_size in (1, 5, 32):
        after = descend(atoms, *statistics, block_size)
        np.testing.assert_allclose(after, descend(atoms, *statistics), atol=1e-4)
    for _ in range(5):
        after = descend(atoms, *statistics)
        np.testing.assert_allclose(tf.norm(after, axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(after[7], atoms[7])
        atoms = after
        error.append(float(tf.reduce_sum((x - codes @ atoms) ** 2)))
    assert (np.diff(error) <= 1e-4 * error[0]).all()
    assert error[-1] < 0.8 * error[0]


def with_solution(x, atoms, penalty=0.1, tolerance=1e-7):
    solution = solved(x, atoms, penalty, tolerance)
    residual = x - solution.codes @ atoms
    return SolvedBatch(x, solution.codes, residual, solution.gap, tf.ones(len(x)))


def least_objective(x, atoms, penalty=0.1):
    return float(np.mean(solved(x, atoms, penalty, 1e-7).objective))


def swap_data(num_rows=200):
    """Returns patches, eight bad atoms, and a pool of better ones."""
    x, true = sparse_data(num_rows)
    atoms = unit_norm(tf.constant(np.random.default_rng(1).normal(size=(8, 16)), tf.float32))
    pool = unit_norm(tf.constant(np.concatenate([true, x[:20], np.zeros((4, 16))]), tf.float32))
    return x, atoms, pool


def test_swaps_never_raise_the_minimal_objective_of_the_batch():
    x, atoms, pool = swap_data()
    update = Replacement(8, 0.1)
    update.build((8, 16))
    objectives, num_swaps = [least_objective(x, atoms)], 0
    for i in range(5):
        update.pool.assign(tf.roll(pool, 8 * i, axis=0)[:8])
        batch = with_solution(x, atoms, tolerance=1e-3)  # as in training
        atoms, is_new = update.improve(atoms, batch, tf.zeros([]), update.pool)
        num_swaps += np.sum(is_new)
        objectives.append(least_objective(x, atoms))
    assert num_swaps > 2
    assert np.diff(objectives).max() <= 1e-6
    assert objectives[-1] < 0.95 * objectives[0]


def test_every_swap_lowers_the_objective_given_the_swaps_before_it():
    x, before, pool = swap_data()
    batch = with_solution(x, before)
    after, replaced, worth, decrease = swap(before, batch, pool, tf.constant(0.1), tf.zeros(8))
    assert np.sum(replaced) > 2
    # The same by definition: one atom after another, with all codes fixed but those of the atom.
    atoms, codes = np.array(before), np.array(batch.codes)

    def objective():
        return 0.5 * np.sum((x - codes @ atoms) ** 2) + 0.1 * np.abs(codes).sum()

    objectives = [objective()]
    for k in np.argsort(np.mean(codes**2, axis=0), kind="stable"):
        without = x - np.delete(codes, k, axis=1) @ np.delete(atoms, k, axis=0)
        product = without @ np.array(after[k])
        best = np.sign(product) * np.maximum(np.abs(product) - 0.1, 0)
        np.testing.assert_allclose(worth[k], np.mean(0.5 * best**2), rtol=1e-3)
        if replaced[k]:
            atoms[k], codes[:, k] = after[k], best
            objectives.append(objective())
    assert np.diff(objectives).max() < 0
    assert float(decrease) == pytest.approx((objectives[0] - objectives[-1]) / len(x), rel=1e-3)


def test_swaps_take_patches_from_the_pool_and_leave_other_atoms_alone():
    x, atoms, pool = swap_data()
    batch = with_solution(x, atoms)
    after, replaced, *_ = swap(atoms, batch, pool, tf.constant(0.1), tf.zeros(8))
    assert np.sum(replaced) > 2
    np.testing.assert_array_equal(after[~replaced], atoms[~replaced])
    taken = [row.tobytes() for row in after[replaced].numpy()]
    assert set(taken) <= {row.tobytes() for row in pool[:44].numpy()}
    assert len(set(taken)) == len(taken), "a patch was taken twice"
    # Atoms stay if they were more useful in the past than any patch is on this batch.
    same, replaced, *_ = swap(atoms, batch, pool, tf.constant(0.1), tf.fill([8], 1e3))
    assert not np.any(replaced)
    np.testing.assert_array_equal(same, atoms)


@pytest.mark.parametrize("is_lower", [True, False])
def test_swaps_within_the_duality_gap_are_checked_by_solving_again(is_lower, monkeypatch):
    x, atoms, pool = swap_data()
    update = Replacement(8, 0.1)
    update.build((8, 16))
    update.pool.assign(pool[:8])
    batch = with_solution(x, atoms)
    decrease = float(swap(atoms, batch, update.pool, tf.constant(0.1), tf.zeros(8)).decrease)
    batch = batch._replace(gap=tf.fill([200], decrease * 1.01))
    if not is_lower:  # solving again finds no lower objective
        monkeypatch.setattr(
            atom_updates, "lasso", lambda x, *_, **__: lasso(x, atoms, tf.constant(0.1), 1e-7)
        )
    after, is_new = update.improve(atoms, batch, tf.zeros([]), update.pool)
    assert np.any(is_new) == is_lower
    assert np.any(after != atoms) == is_lower


def test_examples_are_sampled_in_proportion_to_their_error():
    x = tf.reshape(tf.range(1.0, 5.0), [4, 1])
    errors = tf.constant([0.0, 1.0, 3.0, 0.0])
    first = [int(sample_by_error(x, errors, 1, [0, i])[0][0, 0]) for i in range(400)]
    assert set(first) == {2, 3}
    assert np.mean(np.array(first) == 3) == pytest.approx(0.75, abs=0.06)
    drawn, count = sample_by_error(x, errors, 6, [0, 0])
    assert int(count) == 2
    assert sorted(drawn[:2, 0].numpy()) == [2, 3]
    assert not np.any(drawn[2:])


# ---------------------------------------------------------------------------- as a model


def test_encode_agrees_with_scikit_learn_for_given_atoms():
    x, atoms = sparse_data(100)
    model = tfae.SparseCoding(24, 0.3, tolerance=1e-8)
    model.atoms = atoms.reshape(24, 4, 4)
    expected = sparse_encode(x.astype("float64"), atoms, algorithm="lasso_lars", alpha=0.3)
    codes = model.encode(x.reshape(-1, 4, 4))
    np.testing.assert_allclose(codes, expected, atol=1e-4)
    np.testing.assert_allclose(
        model.decode(codes).reshape(-1, 16), codes @ atoms, rtol=0, atol=1e-5
    )
    assert model.atoms.shape == (24, 4, 4)
    np.testing.assert_array_equal(model.features(x.reshape(-1, 4, 4))["codes"], codes)


@pytest.mark.parametrize(
    "atom_update", ["gradient", pytest.param("replace", marks=pytest.mark.slow)]
)
def test_a_loaded_model_continues_training_identically(atom_update, tmp_path):
    x, _ = sparse_data(100)
    model = learned(x, atom_update=atom_update)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.encode(x), model.encode(x))
    for m in (model, loaded):
        m.fit(x, batch_size=100, epochs=3, initial_epoch=1, verbose=0)
    for a, b in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_codes_depend_on_the_weights_and_not_on_how_the_model_is_compiled(trained, tmp_path):
    model, x = trained
    model.save_weights(tmp_path / "m.weights.h5")
    codes = model.encode(x)
    for options in (None, {"jit_compile": True}):
        loaded = tfae.SparseCoding(24, 0.1)
        loaded.build((None, 16))
        loaded.load_weights(tmp_path / "m.weights.h5")
        if options is not None:
            loaded.compile(**options)
        np.testing.assert_array_equal(loaded.encode(x), codes)
        np.testing.assert_array_equal(loaded.anomaly_score(x), model.anomaly_score(x))


@pytest.mark.slow
@pytest.mark.parametrize("atom_update", ["gradient", "replace"])
def test_xla_and_graph_train_alike(atom_update):
    x, _ = sparse_data(512)
    atoms = []
    for jit_compile in (True, False):
        model = tfae.SparseCoding(24, 0.1, atom_update, seed=0)
        model.compile(jit_compile=jit_compile, steps_per_execution=4)
        model.fit(x, batch_size=64, epochs=2, verbose=0)
        atoms.append(model.atoms)
    # Hundreds of iterations amplify rounding, so most atoms agree, but not all.
    assert np.mean(np.sum(atoms[0] * atoms[1], axis=1) > 0.99) > 0.9


@pytest.mark.slow
def test_mixed_precision_solves_in_float32():
    x, _ = sparse_data(300)
    plain, mixed = learned(x), learned(x, dtype="mixed_float16")
    np.testing.assert_array_equal(plain.atoms, mixed.atoms)
    assert mixed.encode(x).dtype == np.float32
    np.testing.assert_array_equal(plain.predict(x, verbose=0), mixed.predict(x, verbose=0))
    assert learned(x[:100], dtype="float64").encode(x[:5]).dtype == np.float64


def test_examples_of_weight_zero_teach_nothing():
    x, _ = sparse_data(200)
    model = learned(x[:100])
    before = [np.array(w) for w in (model._atoms, *model._update.weights)]
    model.fit(x, sample_weight=np.zeros(200), verbose=0)
    for a, b in zip(before, (model._atoms, *model._update.weights), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(x, sample_weight=np.ones(200), verbose=0)
    assert (model.atoms != before[0]).any()


def test_constant_patches_have_empty_codes_and_become_no_atoms():
    x, _ = sparse_data(400)
    x[::2] = 0  # constant patches after subtracting their mean
    model = learned(x)
    codes = model.encode(x)
    assert not codes[::2].any()
    np.testing.assert_allclose(np.linalg.norm(model.atoms, axis=1), 1, atol=1e-5)


def test_atoms_keep_length_one_as_part_of_another_model(tmp_path):
    x, _ = sparse_data(200)
    inner = learned(x)
    inputs = keras.Input((16,))
    outer = keras.Model(inputs, keras.layers.Rescaling(2.0)(inner(inputs)))
    outer.compile("adam", "mse")
    before = inner.atoms
    outer.fit(x, x, verbose=0)
    assert (inner.atoms != before).any()
    np.testing.assert_allclose(np.linalg.norm(inner.atoms, axis=1), 1, atol=1e-5)


# ---------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0.1), "`num_atoms` must be an integer.*received 0"),
        ((2.5, 0.1), "`num_atoms` must be an integer.*received 2.5"),
        ((8, 0), "`penalty` must be a positive number; received 0"),
        ((8, -1.0), "`penalty`"),
        ((8, float("nan")), "`penalty`.*nan"),
        ((8, "much"), "`penalty`.*'much'"),
        ((8, 0.1, "swap"), r"`atom_update` must be one of \['gradient', 'replace'\].*'swap'"),
        ((8, 0.1, "gradient", 0.0), "`tolerance`"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tfae.SparseCoding(*arguments)


def test_invalid_data_and_atoms_are_refused():
    x, atoms = sparse_data(100)
    model = tfae.SparseCoding(24, 0.1)
    with pytest.raises(AttributeError, match="Call fit"):
        model.atoms  # noqa: B018
    with pytest.raises(ValueError, match="no optimizer"):
        model.compile("adam")
    model.compile(jit_compile=False)
    with pytest.raises(ValueError, match="20 patches, but the initial atoms are 24"):
        model.fit(x[:20], verbose=0)
    with pytest.raises(ValueError, match="no other target"):
        model.fit(x, x, verbose=0)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full_like(x, np.nan), verbose=0)
    model.fit(x, verbose=0)
    with pytest.raises(ValueError, match=r"must have shape \(n, 16\)"):
        model.encode(x[:, :15])
    with pytest.raises(ValueError, match="length one"):
        model.atoms = 2 * atoms
    with pytest.raises(ValueError, match=r"\(24, \*patch_shape\)"):
        model.atoms = atoms[:5]
    with pytest.raises(NotImplementedError, match="no distribution over codes"):
        model.generate(3)


@pytest.mark.parametrize(
    "atom_update", ["gradient", pytest.param("replace", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_a_model_learns_after_another_one_of_equal_shape_was_deleted(atom_update):
    x = np.random.default_rng(0).normal(size=(100, 16)).astype("float32")
    learned = []
    for _ in range(2):
        model = tfae.SparseCoding(24, 0.5, atom_update=atom_update, seed=1)
        model.compile()
        model.fit(x, epochs=2, batch_size=100, verbose=0)
        learned.append(model.atoms)
        del model
        keras.backend.clear_session()
        gc.collect()
    np.testing.assert_array_equal(*learned)


@pytest.mark.slow
@pytest.mark.parametrize("atom_update", ["gradient", "replace"])
def test_an_interrupted_run_resumes_to_the_same_atoms(atom_update, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    x = np.random.default_rng(0).normal(size=(600, 16)).astype("float32")

    def run(*callbacks):
        model = tfae.SparseCoding(24, 0.5, atom_update=atom_update, seed=1)
        model.compile()
        model.fit(x, epochs=4, batch_size=100, verbose=0, callbacks=list(callbacks))
        return model.atoms

    with pytest.raises(KeyboardInterrupt):
        run(keras.callbacks.BackupAndRestore(tmp_path), Stop())
    resumed = run(keras.callbacks.BackupAndRestore(tmp_path))
    np.testing.assert_allclose(resumed, run(), rtol=0, atol=1e-6)
