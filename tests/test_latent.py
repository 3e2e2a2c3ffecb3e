"""Interpolations and traversals of the latent space."""

import numpy as np
import pytest

import tfae
from tfae.latent import interpolate, traverse


@pytest.mark.parametrize("kind", ["linear", "spherical"])
def test_an_interpolation_starts_and_ends_at_the_given_codes(kind):
    a, b = np.random.default_rng(0).normal(size=(2, 4, 5))
    paths = interpolate(a, b, 7, kind)
    assert paths.shape == (4, 7, 5)
    assert paths.dtype == np.float32
    np.testing.assert_allclose(paths[:, 0], a, rtol=1e-6)
    np.testing.assert_allclose(paths[:, -1], b, rtol=1e-6)
    np.testing.assert_allclose(interpolate(a[2], b[2], 7, kind), paths[2])


def test_linear_interpolation_has_equal_steps():
    path = interpolate([0.0, 2.0], [4.0, 0.0], 5)
    np.testing.assert_allclose(path, [[0, 2], [1, 1.5], [2, 1], [3, 0.5], [4, 0]])


def test_spherical_interpolation_turns_evenly_and_keeps_the_length():
    path = interpolate([2.0, 0.0], [0.0, 2.0], 4, "spherical")
    angles = np.radians([0, 30, 60, 90])
    np.testing.assert_allclose(path, 2 * np.stack([np.cos(angles), np.sin(angles)], 1), atol=1e-6)


def test_spherical_interpolation_between_parallel_codes_is_linear():
    path = interpolate([1.0, 1.0], [3.0, 3.0], 3, "spherical")
    np.testing.assert_allclose(path, [[1, 1], [2, 2], [3, 3]])
    np.testing.assert_allclose(interpolate([1.0, 2.0], [1.0, 2.0], 2, "spherical"), [[1, 2]] * 2)


def test_a_traversal_changes_one_dimension():
    codes = traverse([1.0, 2.0, 3.0], 1, [-1.0, 0.0])
    np.testing.assert_array_equal(codes, [[1, -1, 3], [1, 0, 3]])


def test_interpolations_and_traversals_can_be_decoded(few_digits):
    model = tfae.Autoencoder.from_shape((8, 8, 1), 3, hidden_units=(8,), seed=0)
    a, b = model.encode(few_digits[:2])
    assert model.decode(interpolate(a, b, 5)).shape == (5, 8, 8, 1)
    assert model.decode(traverse(a, 2, np.linspace(-1, 1, 4))).shape == (4, 8, 8, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interpolate([1.0], [1.0, 2.0]), "of the same shape"),
        (lambda: interpolate(1.0, 2.0), "of the same shape"),
        (lambda: interpolate([1.0], [2.0], 1), "`steps`"),
        (lambda: interpolate([1.0], [2.0], kind="cubic"), r"\['linear', 'spherical'\].*'cubic'"),
        (lambda: interpolate([1.0, 0.0], [-2.0, 0.0], kind="spherical"), "opposite"),
        (lambda: interpolate([0.0, 0.0], [1.0, 0.0], kind="spherical"), "no direction"),
        (lambda: interpolate([np.nan], [1.0]), "`a` must be finite; 1 of 1 values"),
        (lambda: traverse([[1.0]], 0, [1.0]), "`code` must have shape"),
        (lambda: traverse([1.0, 2.0], 2, [1.0]), "`dimension` must be 0 to 1; received 2"),
        (lambda: traverse([1.0, 2.0], 1.0, [1.0]), "`dimension` must be a non-negative integer"),
        (lambda: traverse([1.0, 2.0], -1, [1.0]), "`dimension` must be a non-negative integer"),
    ],
)
def test_invalid_codes_and_options_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
