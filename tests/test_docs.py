"""What the README and the documentation show is what happens."""

import importlib.util
import re
from pathlib import Path

import matplotlib.image
import pytest

ROOT = Path(__file__).parents[1]


def _examples():
    spec = importlib.util.spec_from_file_location("examples", ROOT / "docs" / "examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


examples = _examples()
every_page = pytest.mark.parametrize("page", examples.PAGES, ids=lambda page: page.stem)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in examples.PAGES if examples.example(page)], ids=lambda page: page.stem
)
def test_the_example_of_a_page_draws_the_pictures_that_it_shows(page, tmp_path):
    names = examples.run(page, tmp_path)
    if page.name == "README.md":
        assert len(examples.example(page).strip().splitlines()) == 10
        assert names["model"].history.history["loss"][-1] < 25
    made = {path.name for path in tmp_path.glob("*.png")}
    assert made >= {path.name for path in examples.pictures(page)}
    for name in made:
        picture = matplotlib.image.imread(tmp_path / name)
        assert picture[..., :3].std() > 0.05, f"{name} shows nothing"


@every_page
def test_the_files_it_names_exist(page):
    links = r'(?:\]\(|src(?:set)?=")(?!http|#)([^)"#]+)'
    for path in re.findall(links, page.read_text()):
        assert (page.parent / path).exists(), path


def test_the_page_of_results_is_what_the_benchmarks_kept(monkeypatch):
    folder = ROOT / "benchmarks"
    if not folder.exists():
        pytest.skip("benchmarks/ is not here")
    monkeypatch.syspath_prepend(str(folder))
    import _results

    assert _results.PAGE.read_text() == _results.page()
