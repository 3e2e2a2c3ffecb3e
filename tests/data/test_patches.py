"""Patches: cutting and preparing them, and undoing both."""

import numpy as np
import pytest

from tfae.data import patches


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


ARRAYS = [((9, 13), (4, 3)), ((9, 13, 3), (4, 3)), ((31,), (8,)), ((31, 2), 8), ((4, 3), (4, 3))]


@pytest.mark.parametrize("stride", [1, 2, 3, 100])
@pytest.mark.parametrize(("shape", "size"), ARRAYS)
def test_joining_a_grid_of_patches_gives_the_image_back(shape, size, stride):
    x = random(*shape)
    cut = patches.cut(x, size, stride=stride)
    size = (size,) if isinstance(size, int) else size
    assert cut.shape[1:] == (*size, *shape[len(size) :])
    assert cut.dtype == np.float32
    if len(cut) > 1 and stride > min(size):
        with pytest.raises(ValueError, match="leave gaps"):
            patches.join(cut, shape, size, stride)
    else:
        np.testing.assert_allclose(patches.join(cut, shape, size, stride), x, atol=1e-6)


def test_a_grid_goes_row_by_row_and_stops_at_the_border():
    x = np.arange(35.0).reshape(5, 7)
    cut = patches.cut(x, (2, 3), stride=2)
    firsts = [[0, 2, 4], [14, 16, 18], [21, 23, 25]]
    np.testing.assert_array_equal(cut[:, 0, 0], np.ravel(firsts))
    np.testing.assert_array_equal(cut[1], [[2, 3, 4], [9, 10, 11]])


def test_overlaps_are_averaged():
    two = np.stack([np.zeros(4), np.ones(4)])
    np.testing.assert_array_equal(patches.join(two, (6,), 4, stride=2), [0, 0, 0.5, 0.5, 1, 1])


@pytest.mark.parametrize("channels", [(), (3,)])
def test_drawn_patches_are_parts_of_the_image_and_determined_by_the_seed(channels):
    image = random(20, 30, *channels)
    cut = patches.cut(image, (5, 4), count=50, seed=3)
    everything = {p.tobytes() for p in patches.cut(image, (5, 4))}
    assert len(cut) == 50
    assert {p.tobytes() for p in cut} <= everything
    np.testing.assert_array_equal(cut, patches.cut(image, (5, 4), count=50, seed=3))
    assert (cut != patches.cut(image, (5, 4), count=50, seed=4)).any()


def test_every_position_in_every_image_is_as_likely():
    images = [np.zeros((8, 8)), np.ones((8, 22))]  # 1 and 15 positions for a patch of 8 x 8
    drawn = patches.cut(images, (8, 8), count=16_000, seed=0)[:, 0, 0]
    assert drawn.mean() == pytest.approx(15 / 16, abs=0.01)


def test_few_patches_of_a_large_image_copy_nothing_else(tmp_path):
    image = np.lib.format.open_memmap(tmp_path / "i.npy", "w+", np.uint8, (20_000, 20_000))
    image[-8:, -8:] = 1
    assert patches.cut(image, (8, 8), count=1000, seed=0).shape == (1000, 8, 8)
    assert patches.cut(image, (8, 8), stride=5000).max() == 1


def test_the_mean_of_a_patch_is_removed_and_added_again():
    x = random(10, 4, 4, 3) + 5
    centred, means = patches.remove_mean(x)
    np.testing.assert_allclose(centred.mean(axis=(1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(centred + means, x, rtol=1e-6)


def test_whitened_data_has_no_correlations_and_the_inverse_gives_the_data_back():
    x = (random(4000, 12) @ random(12, 12, seed=1) + 3).reshape(-1, 3, 4)
    whitening = patches.Whitening.fit(x, regularisation=1e-6)
    white = whitening(x)
    assert white.shape == x.shape
    np.testing.assert_allclose(np.cov(white.reshape(-1, 12).T), np.eye(12), atol=0.02)
    np.testing.assert_allclose(whitening.inverse(white), x, atol=1e-3)


def test_whitening_is_invertible_for_data_without_variance():
    x, _ = patches.remove_mean(random(500, 4, 4))  # the constant patch has none
    whitening = patches.Whitening.fit(x)
    np.testing.assert_allclose(whitening.inverse(whitening(x)), x, atol=1e-5)
    np.testing.assert_allclose(whitening.matrix, whitening.matrix.T, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: patches.cut(random(5, 5), (6, 3)), r"\(6, 3\) does not fit.*\(5, 5\)"),
        (lambda: patches.cut(random(2, 9, 9, 3), (4, 4)), r"list\(images\)"),
        (lambda: patches.cut([], (4, 4)), "received nothing"),
        (
            lambda: patches.cut(random(9, 9), (4, 4), count=0),
            "`count` must be an integer of at least 1",
        ),
        (
            lambda: patches.cut(random(9, 9), (4, 4), stride=0),
            "`stride` must be an integer of at least 1",
        ),
        (lambda: patches.cut(random(9, 9), (4, 4, 4)), r"`size` must be \(height, width\)"),
        (lambda: patches.join(random(5, 4, 4), (9, 9), (4, 4)), "all 36 of the grid.*received 5"),
        (lambda: patches.join(random(36, 4, 4), (9, 9, 3), (4, 4)), "must have shape"),
        (lambda: patches.Whitening.fit(np.ones((9, 4))), "all the same"),
        (
            lambda: patches.Whitening.fit(np.full((9, 4), np.nan)),
            "36 of 36 values are NaN or infinite",
        ),
        (lambda: patches.Whitening.fit(random(1, 4)), "at least two patches"),
    ],
)
def test_impossible_arguments_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()
