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
def test_samples_follow_from_the_seed_and_a_shorter_draw_is_the_begin_of_a_longer(name):
    sample = prior(name).sample
    codes = sample(9, [3, 0]).numpy()
    assert codes.shape == (9, 2)
    assert codes.dtype == np.float32
    np.testing.assert_array_equal(codes, sample(9, [3, 0]))
    np.testing.assert_allclose(sample(5, [3, 0]), codes[:5], rtol=1e-6)
    assert (sample(9, [4, 0]).numpy() != codes).any()
    assert sample(0, [3, 0]).shape == (0, 2)


@every_prior
def test_the_density_integrates_to_one(name):
    if not tfae.priors.get(name).is_density:
        pytest.skip("has no density")
    line = np.linspace(-8.0, 8.0, 801, dtype="float32")
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    density = tf.exp(prior(name).log_density(grid))
    assert float(tf.reduce_sum(density)) * 0.02**2 == pytest.approx(1.0, abs=5e-3)


def test_a_name_that_is_none_is_refused_with_the_names_that_are():
    with pytest.raises(ValueError, match=r"`prior` must be one of .*'gaussian'.*'cauchy'"):
        tfae.priors.get("cauchy")
