"""What every prior promises."""

import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.priors import PRIORS

every_prior = pytest.mark.parametrize("name", PRIORS)


def prior(name, latent_dim=2):
    built = tfae.priors.get(name)
    built.build((None, latent_dim))
    return built


@every_prior
def test_samples_follow_from_the_seed_and_do_not_depend_on_how_many_follow(name):
    sample = prior(name).sample
    codes = sample(9, [3, 0]).numpy()
    assert codes.shape == (9, 2)
    assert codes.dtype == np.float32
    np.testing.assert_array_equal(codes, sample(9, [3, 0]))
    np.testing.assert_allclose(sample(5, [3, 0]), codes[:5], rtol=1e-5, atol=1e-6)
    assert (sample(9, [4, 0]).numpy() != codes).any()
    assert sample(0, [3, 0]).shape == (0, 2)


@every_prior
def test_samples_under_xla_agree_with_eager_ones(name):
    built = prior(name)
    compiled = tf.function(lambda seed: built.sample(50, seed), jit_compile=True)
    seed = tf.constant([5, 6], tf.int64)
    np.testing.assert_allclose(compiled(seed), built.sample(50, seed), atol=1e-5)


@every_prior
def test_the_density_integrates_to_one(name):
    if not tfae.priors.get(name).is_density:
        pytest.skip("has no density")
    line = np.linspace(-8.01, 8.01, 802, dtype="float32")
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    density = tf.exp(prior(name).log_density(grid))
    assert float(tf.reduce_sum(density)) * 0.02**2 == pytest.approx(1.0, abs=5e-3)


def test_an_unknown_name_is_refused_with_all_names():
    with pytest.raises(ValueError, match=r"`prior` must be one of .*'gaussian'.*'cauchy'"):
        tfae.priors.get("cauchy")


# ---------------------------------------------------------------------------- priors with classes

with_classes = pytest.mark.parametrize(
    "name", [name for name in PRIORS if tfae.priors.get(name).num_classes]
)


@with_classes
def test_labels_choose_a_component_and_minus_one_any_component(name):
    built = prior(name)
    each = [built.sample(200, [1, 0], tf.fill([200], k)).numpy() for k in range(10)]
    middles = np.array([codes.mean(axis=0) for codes in each])
    for codes, middle in zip(each, middles, strict=True):
        assert (np.linalg.norm(codes - middle, axis=1).mean()) < 0.7
    distances = np.linalg.norm(middles[:, None] - middles[None], axis=-1)
    assert distances[np.triu_indices(10, 1)].min() > 0.2
    anything = built.sample(500, [1, 0], tf.fill([500], -1))
    np.testing.assert_array_equal(anything, built.sample(500, [1, 0]))
    nearest = np.linalg.norm(anything[:, None] - middles, axis=-1).argmin(axis=1)
    assert np.bincount(nearest, minlength=10).min() > 15


def test_the_ring_has_its_petals_in_two_dimensions_and_noise_in_the_others():
    built = prior("gaussian_ring", 4)
    codes = built.sample(4000, [1, 0], tf.fill([4000], 0)).numpy()
    np.testing.assert_allclose(codes.mean(axis=0), [2, 0, 0, 0], atol=0.06)
    np.testing.assert_allclose(codes.std(axis=0), [0.5, 0.15, 1, 1], rtol=0.05)


def test_the_rings_density_is_that_of_its_samples():
    """The mean of -log p over samples is the entropy, here of nearly disjoint components."""
    built = tfae.priors.GaussianRing(along=0.1, across=0.1)
    built.build((None, 3))
    entropy = np.log(10) + 1.5 * np.log(2 * np.pi * np.e) + 2 * np.log(0.1)
    mean = -np.mean(built.log_density(built.sample(4000, [2, 0])))
    assert mean == pytest.approx(entropy, abs=0.06)


def test_the_swiss_roll_is_a_spiral_of_pieces_of_equal_length():
    built = tfae.priors.SwissRoll(noise=0.0)
    built.build((None, 2))
    codes = built.sample(2000, [1, 0]).numpy()
    radius = np.linalg.norm(codes, axis=1)
    turn = np.arctan2(codes[:, 1], codes[:, 0]) / (2 * np.pi)
    assert radius.max() <= 3.0
    np.testing.assert_allclose((radius / 3.0 * 2.0 - turn + 0.5) % 1.0, 0.5, atol=1e-4)
    lengths = []
    for k in range(10):
        piece = built.sample(1000, [1, 0], tf.fill([1000], k)).numpy()
        piece = piece[np.argsort(np.linalg.norm(piece, axis=1))]
        lengths.append(np.linalg.norm(np.diff(piece, axis=0), axis=1).sum())
    assert max(lengths) / min(lengths) < 1.25


def test_class_and_style_are_independent():
    built = tfae.priors.ClassAndStyle(4, tfae.priors.get("uniform"))
    built.build((None, 6))
    codes = built.sample(4000, [1, 0]).numpy()
    classes = codes[:, :4]
    np.testing.assert_array_equal(np.sort(classes, axis=1), np.tile([0, 0, 0, 1], (4000, 1)))
    np.testing.assert_allclose(classes.mean(axis=0), 0.25, atol=0.03)
    for k in range(4):
        np.testing.assert_allclose(codes[classes[:, k] == 1, 4:].mean(axis=0), 0.0, atol=0.08)
    assert (built.sample(5, [1, 0], tf.fill([5], 2)).numpy().argmax(axis=1) == 2).all()


@pytest.mark.parametrize(
    ("make", "latent_dim", "message"),
    [
        (lambda: tfae.priors.get("swiss_roll"), 3, "two dimensions; received latent_dim=3"),
        (lambda: tfae.priors.get("gaussian_ring"), 1, "at least 2 dimensions"),
        (lambda: tfae.priors.get(lambda n, seed: tf.zeros([n, 3])), 2, r"shape \(n, 2\).*\(2, 3\)"),
        (lambda: tfae.priors.Uniform(1.0, 1.0), 2, "`low` must be a number below `high`"),
        (lambda: tfae.priors.GaussianRing(1), 2, "num_components"),
        (lambda: tfae.priors.GaussianRing(across=0.0), 2, "`across` must be a positive number"),
        (lambda: tfae.priors.SwissRoll(noise=-1.0), 2, "`noise`"),
        (lambda: tfae.priors.Sampler("heart"), 2, "`function` must be a function"),
    ],
)
def test_invalid_priors_are_refused(make, latent_dim, message):
    with pytest.raises(ValueError, match=message):
        make().build((None, latent_dim))


def test_a_custom_sampler_may_have_classes():
    def on_a_line(n, seed, label):
        return tf.cast(label, tf.float32)[:, None] * tf.ones([n, 2])

    built = tfae.priors.Sampler(on_a_line, num_classes=3)
    built.build((None, 2))
    np.testing.assert_array_equal(built.sample(2, [0, 0], tf.constant([2, 1])), [[2, 2], [1, 1]])
    np.testing.assert_array_equal(built.sample(1, [0, 0]), [[-1, -1]])


# ---------------------------------------------------------------------------- expectations


def posteriors():
    """Means and log-variances, from wide to very sharp."""
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(6, 3)).astype("float32")
    log_variance = np.linspace(1, -14, 6).astype("float32")[:, None] + rng.normal(
        size=(6, 3)
    ).astype("float32")
    return tf.constant(mean), tf.constant(log_variance)


def test_the_expected_log_density_under_a_gaussian_prior_is_exact():
    mean, log_variance = posteriors()
    tril = np.array([[1, 0, 0], [0.5, 2, 0], [-1, 0.3, 0.7]])
    of_mean = np.array([0.3, -1, 2])
    precision = np.linalg.inv(tril @ tril.T)
    difference = mean.numpy() - of_mean
    at_mean = -0.5 * np.einsum("ni,ij,nj->n", difference, precision, difference)
    at_mean -= np.log(np.diag(tril)).sum() + 1.5 * np.log(2 * np.pi)
    expected = at_mean - 0.5 * np.exp(log_variance) @ np.diag(precision)
    full = tfae.priors.FittedGaussian([1.0], [of_mean], [tril])
    np.testing.assert_allclose(full.expected_log_density(mean, log_variance), expected, rtol=1e-5)

    kl = tfae.losses.gaussian_kl(mean, log_variance)
    entropy = tfae.losses.gaussian_entropy(log_variance)
    one = tfae.priors.LearnedMixture(1)
    for standard in (prior("gaussian", 3), one):
        standard.build((None, 3))
        if standard is one:
            one.mean.assign(tf.zeros((1, 3)))
        found = -entropy - standard.expected_log_density(mean, log_variance)
        np.testing.assert_allclose(found, kl, rtol=1e-5, atol=1e-4)


def test_the_expected_log_density_under_a_mixture_agrees_with_sigma_points():
    mean, log_variance = posteriors()
    mixture = prior("learned_mixture", 3)
    mixture.log_variance.assign(tf.random.stateless_normal((10, 3), [0, 1]))
    mixture.logits.assign(tf.random.stateless_normal((10,), [0, 2]))
    points = tfae.priors.Prior.expected_log_density(mixture, mean, log_variance)
    np.testing.assert_allclose(
        mixture.expected_log_density(mean, log_variance), points, rtol=1e-5, atol=1e-5
    )


def test_the_expected_gaussian_log_density_agrees_with_monte_carlo():
    mean, log_variance, of_mean, of_log_variance = np.array([[0.5], [0.3], [-1.0], [0.7]])
    z = mean + np.exp(0.5 * log_variance) * np.random.default_rng(0).normal(size=(400_000, 1))
    draws = tfae.losses.gaussian_log_density(tf.constant(z), of_mean, of_log_variance)
    exact = tfae.losses.expected_gaussian_log_density(
        *map(tf.constant, (mean, log_variance, of_mean, of_log_variance))
    )
    assert float(exact) == pytest.approx(np.mean(draws), abs=0.01)
