"""What the README shows is what happens."""

import re
from pathlib import Path

import matplotlib.image
import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture
def example() -> str:
    if not README.exists():
        pytest.fail("README.md must lie beside tests/")
    return re.search(r"```python\n(import tfae\n.*?)```", README.read_text(), re.DOTALL)[1]


def test_the_example_is_ten_lines_and_draws_its_picture(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(example.strip().splitlines()) == 10
    names = {}
    exec(example.replace("epochs=60", "epochs=60, verbose=0"), names)
    picture = matplotlib.image.imread("digits.png")
    assert picture.ndim == 3
    assert picture[..., 0].std() > 0.1, "digits, not one grey"
    assert names["model"].history.history["loss"][-1] < 25


def test_the_files_it_names_exist():
    text = README.read_text()
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
        assert (README.parent / path).is_file(), path
