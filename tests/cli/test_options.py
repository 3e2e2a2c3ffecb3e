"""What options of data accept, and how they reach it."""

import numpy as np
import pytest

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
