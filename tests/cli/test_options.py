"""What options of data accept, and how they reach it."""

import numpy as np
import pytest

from tfae import data
from tfae.cli import training
from tfae.cli.options import Column, ImageSize, open_data


@pytest.mark.parametrize(
    ("value", "column"), [("3", 3), ("-1", -1), ("²", "²"), ("none", "none"), ("a b", "a b")]
)
def test_a_column_is_a_number_or_a_name(value, column):
    assert Column().convert(value, None, None) == column


@pytest.mark.parametrize("value", ["²x3", "axb", "1x2x3", "-1x2"])
def test_an_image_size_is_two_numbers(value):
    with pytest.raises(Exception, match="HEIGHTxWIDTH"):
        ImageSize().convert(value, None, None)


def test_label_and_header_can_be_declined(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,2\n")
    config = {"data": str(tmp_path / "t.csv"), "label_column": "none"}  # as an older run has it
    assert open_data(config).describe().shape == (2,)
    (tmp_path / "t.csv").write_text("0,1,2\n3,4,5\n")
    source = open_data({**config, "header": False})
    np.testing.assert_array_equal(next(iter(source.load("train", 2, shuffle=False)))[0], [0, 1, 2])


def test_photos_are_no_input_of_a_network():
    photos = data.Description(9, (3000, 4000, 3), False, None, None)
    config = {
        "model": "vae",
        "hyperparameters": {},
        "training": {"seed": 0, "latent_dim": 2, "architecture": "mlp"},
    }
    with pytest.raises(ValueError, match=r"36,000,000 numbers.*--image-size 128x128"):
        training._new_model(config, photos)


def test_classes_are_counted_in_the_data():
    """Numeric labels have no names."""
    labelled = data.Description(9, (4,), True, None, 3)
    config = {
        "model": "conditional-variational",
        "hyperparameters": {"hidden_units": (2,)},
        "training": {"seed": 0, "latent_dim": 2, "architecture": "mlp"},
    }
    assert training._new_model(config, labelled).num_classes == 3
