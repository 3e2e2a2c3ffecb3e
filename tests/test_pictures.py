"""Figures: their shapes and their content."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tfae import pictures


def pixels(figure):
    """Returns the rendered figure, (height, width, 3)."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255


def images_in(figure):
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_image_grid_shows_all_images_row_by_row():
    images = np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1) / 8 * np.ones((5, 4, 6, 1))
    (grid,) = images_in(pictures.image_grid(images, columns=3))
    height, width = 4 + 1, 6 + 1
    assert grid.shape == (2 * height - 1, 3 * width - 1), "there is a gap at the border"
    for i in range(5):
        tile = grid[i // 3 * height :, i % 3 * width :][:4, :6]
        np.testing.assert_allclose(tile, i / 8)
    assert (grid[height:, 2 * width :] == 1).all()  # white where there is no image


@pytest.mark.parametrize("shape", [(7, 8, 8), (7, 8, 8, 1), (7, 9, 5, 3), (1, 2, 2, 1)])
def test_image_grid_draws_grey_and_colour_images(shape):
    figure = pictures.image_grid(np.random.default_rng(0).random(shape), title="some")
    assert pixels(figure).std() > 0.1


def test_image_rows_labels_each_row():
    images = np.arange(6).reshape(2, 3, 1, 1) / 8 * np.ones((2, 3, 4, 6))
    figure = pictures.image_rows(images, ["first", "second"], "paths")
    (grid,) = images_in(figure)
    assert grid.shape == (2 * 5 - 1, 3 * 7 - 1)
    assert grid[5, 7] == pytest.approx(4 / 8)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["first", "second"]
    heights = [text.get_position()[1] for text in axes.texts]
    assert heights == pytest.approx([0.775, 0.275])
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
def test_arrays_that_are_no_images_are_refused(shape):
    with pytest.raises(ValueError, match="images must have shape"):
        pictures.image_grid(np.zeros(shape))


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_latent_map_shows_codes_of_any_dimension(dimensions):
    codes = np.random.default_rng(0).normal(size=(60, dimensions))
    labels = np.arange(60) % 4 - 1
    figure = pictures.latent_map(codes, labels, ("a", "b", "c"), "codes")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["unlabelled", "a", "b", "c"]
    if dimensions == 2:
        shown = np.concatenate([c.get_offsets() for c in figure.axes[0].collections])
        np.testing.assert_allclose(np.sort(shown, axis=0), np.sort(codes, axis=0))
    assert pixels(pictures.latent_map(codes)).std() > 0.05


def test_latent_plane_has_the_second_dimension_pointing_up():
    def decode(codes):
        return np.clip(codes[:, 1], 0, 1)[:, None, None, None] * np.ones((len(codes), 4, 4, 1))

    (grid,) = images_in(pictures.latent_plane(decode, size=5, extent=2.0))
    assert grid[0, 0] == 1
    assert grid[-1, 0] == 0


def test_curves_have_a_panel_per_loss_with_training_and_validation():
    history = {"loss": [3.0, 2.0], "val_loss": [3.5, 2.5], "kl_loss": [0.1, 0.2]}
    panels = pictures.curves(history, "losses").axes
    labels = [[line.get_label() for line in axes.lines] for axes in panels]
    assert labels == [["loss", "val_loss"], ["kl_loss"]]
    first, second = panels[0].lines
    assert first.get_color() == second.get_color() != panels[1].lines[0].get_color()
    assert first.get_linestyle() != second.get_linestyle()
    np.testing.assert_array_equal(second.get_xydata(), [[1, 3.5], [2, 2.5]])
    (only,) = pictures.curves({"loss": [1.0]}).axes
    assert only.lines[0].get_marker() == "o", "a line of one epoch is invisible"


# ---------------------------------------------------------------------------- legibility


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 4, 12), (5, 12, 4), (3, 1, 40)])
def test_images_fill_the_figure_in_their_own_proportions(shape):
    figure = pictures.image_grid(np.zeros(shape))
    (axes,) = figure.axes
    assert axes.get_position().bounds == pytest.approx((0, 0, 1, 1))
    width, height = figure.get_size_inches()
    rows, columns = axes.images[0].get_array().shape
    if shape[1] > 1:  # strips are drawn higher, or they would be invisible
        assert width / columns == pytest.approx(height / rows)
    corners = pixels(figure)[[1, 1, -2, -2], [1, -2, 1, -2]]
    filled = shape[0] == 1 or shape[0] % 2 == 0
    np.testing.assert_array_equal(corners[:3], 0)
    assert filled or (corners[3] == 1).all()


@pytest.mark.parametrize(
    "title", ["a", "reconstructions of examples that it never saw", "Donaudampfschifffahrtsgesell"]
)
@pytest.mark.parametrize("n", [1, 3])
def test_titles_are_not_cut(title, n):
    images = np.zeros((n, 8, 8))
    for figure in (
        pictures.image_grid(images, title=title),
        pictures.image_rows(images[None], ["row"], title),
        pictures.reconstructions(images, images, title=title),
        pictures.curves({"loss": [1, 2]}, title),
    ):
        pixels(figure)
        text = figure._suptitle.get_window_extent()
        assert text.x0 >= 0
        assert text.x1 <= figure.bbox.width
        assert text.y1 <= figure.bbox.height
        below = max(axes.get_window_extent().y1 for axes in figure.axes)
        assert text.y0 >= below - 1


def test_no_class_of_the_latent_map_hides_another():
    """If two classes lie at the same points, about as many pixels show one as the other."""
    codes = np.repeat(np.random.default_rng(0).normal(size=(400, 2)), 2, axis=0)
    for labels in (np.tile([0, 1], 400), np.tile([1, 0], 400)):
        shown = pixels(pictures.latent_map(codes, labels))
        is_blue = (shown[..., 2] > 0.5) & (shown[..., 0] < 0.45)
        is_orange = (shown[..., 0] > 0.8) & (shown[..., 2] < 0.5)
        assert 0.5 < is_blue.sum() / is_orange.sum() < 2


def test_figures_show_in_notebooks_and_windows_and_none_stays_open(monkeypatch):
    picture = pictures.image_grid(np.zeros((1, 8, 8)))
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert not plt.get_fignums()
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.extend(map(plt.figure, plt.get_fignums())))
    picture.show()
    assert shown == [picture]
    assert not plt.get_fignums()
