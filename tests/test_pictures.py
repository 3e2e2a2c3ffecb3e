"""Figures: their shape and what is in them."""

import numpy as np
import pytest

from tfae import pictures


def pixels(figure):
    """What a figure looks like, (height, width, 3)."""
    figure.canvas.draw() if hasattr(figure.canvas, "draw") else None
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255


def images_in(figure):
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_image_grid_shows_all_images_row_by_row():
    images = np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1) / 8 * np.ones((5, 4, 6, 1))
    (grid,) = images_in(pictures.image_grid(images, columns=3))
    height, width = 4 + 1, 6 + 1
    assert grid.shape == (2 * height, 3 * width)
    for i in range(5):
        tile = grid[i // 3 * height :, i % 3 * width :][:4, :6]
        np.testing.assert_allclose(tile, i / 8)
    assert (grid[height:, 2 * width :] == 1).all()  # white where there is none


@pytest.mark.parametrize("shape", [(7, 8, 8), (7, 8, 8, 1), (7, 9, 5, 3), (1, 2, 2, 1)])
def test_grey_and_colour(shape):
    figure = pictures.image_grid(np.random.default_rng(0).random(shape), title="some")
    assert pixels(figure).std() > 0.1


def test_rows_of_images_have_their_names_beside_them():
    images = np.arange(6).reshape(2, 3, 1, 1) / 8 * np.ones((2, 3, 4, 6))
    figure = pictures.image_rows(images, ["first", "second"], "ways")
    (grid,) = images_in(figure)
    assert grid.shape == (2 * 5, 3 * 7)
    assert grid[5, 7] == pytest.approx(4 / 8)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["first", "second"]
    heights = [text.get_position()[1] for text in axes.texts]
    assert heights == [pytest.approx(2.25), pytest.approx(7.25)]
    assert axes.get_position().x0 > 0.1
    assert pixels(figure).std() > 0.1


def test_reconstructions_stand_under_their_originals():
    originals = np.linspace(0, 1, 5)[:, None, None, None] * np.ones((5, 4, 4, 1))
    figure = pictures.reconstructions(originals, 1 - originals, columns=3)
    first, second = images_in(figure)
    assert first[0, 0] == 0
    assert first[5, 0] == 1
    assert second[0, 0] == pytest.approx(0.75)
    assert second[5, 0] == pytest.approx(0.25)
    with pytest.raises(ValueError, match="same shape"):
        pictures.reconstructions(originals, originals[:2])


@pytest.mark.parametrize("shape", [(3,), (3, 4), (0, 4, 4, 1), (3, 4, 4, 2), (1, 3, 4, 4, 1)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="images must have shape"):
        pictures.image_grid(np.zeros(shape))


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_latent_map_in_any_dimension(dimensions):
    codes = np.random.default_rng(0).normal(size=(60, dimensions))
    labels = np.arange(60) % 4 - 1
    figure = pictures.latent_map(codes, labels, ("a", "b", "c"), "codes")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["unlabelled", "a", "b", "c"]
    if dimensions == 2:
        shown = np.concatenate([c.get_offsets() for c in figure.axes[0].collections])
        np.testing.assert_allclose(np.sort(shown, axis=0), np.sort(codes, axis=0))
    assert pixels(pictures.latent_map(codes)).std() > 0.05


def test_latent_plane_has_the_second_dimension_upwards():
    def decode(codes):
        return np.clip(codes[:, 1], 0, 1)[:, None, None, None] * np.ones((len(codes), 4, 4, 1))

    (grid,) = images_in(pictures.latent_plane(decode, size=5, extent=2.0))
    assert grid[0, 0] == 1
    assert grid[-2, 0] == 0


def test_curves_pair_training_and_validation():
    history = {"loss": [3.0, 2.0], "val_loss": [3.5, 2.5], "kl_loss": [0.1, 0.2]}
    lines = pictures.curves(history, "losses").axes[0].lines
    assert [line.get_label() for line in lines] == ["loss", "val_loss", "kl_loss"]
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    np.testing.assert_array_equal(lines[1].get_xydata(), [[1, 3.5], [2, 2.5]])
