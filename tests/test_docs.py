"""The programs, pictures and statements in the README and the documentation are true."""

import ast
import importlib.util
import re
from pathlib import Path

import keras
import matplotlib.image
import numpy as np
import pytest

import tfae

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
def test_the_example_of_a_page_draws_and_prints_what_the_page_shows(page, tmp_path, capsys):
    names = examples.run(page, tmp_path)
    if examples.output(page) is not None:
        printed, shown = (
            re.split(r"(-?\d+(?:\.\d+)?)", text)
            for text in (capsys.readouterr().out, examples.output(page))
        )
        assert [part.split() for part in printed[::2]] == [part.split() for part in shown[::2]]
        numbers = [np.array(list(map(float, text[1::2]))) for text in (printed, shown)]
        np.testing.assert_allclose(*numbers, rtol=0.1, atol=0.05)
    if page.name == "README.md":
        assert len(examples.example(page).strip().splitlines()) == 10
        assert names["model"].history.history["loss"][-1] < 25
    made = {path.name for path in tmp_path.glob("*.png")}
    assert made >= {path.name for path in examples.pictures(page)}
    for name in made:
        picture = matplotlib.image.imread(tmp_path / name)
        assert picture[..., :3].std() > 0.05, f"{name} shows nothing"


@every_page
def test_the_files_that_a_page_links_to_exist(page):
    links = r'(?:\]\(|src(?:set)?=")(?!http|#)([^)"#]+)'
    for path in re.findall(links, page.read_text()):
        assert (page.parent / path).exists(), path


def test_the_page_of_results_shows_the_published_results(monkeypatch):
    folder = ROOT / "benchmarks"
    if not folder.exists():
        pytest.skip("benchmarks/ is not here")
    monkeypatch.syspath_prepend(str(folder))
    import _results

    assert _results.PAGE.read_text() == _results.page()


SERVING_ALL = {"arguments", "attributes", "endings", "files", "internals"}
STRUCTURE = ROOT / "docs" / "structure.md"


def test_the_variant_on_the_structure_page_is_a_complete_model(tmp_path):
    names = examples.run(STRUCTURE, tmp_path)
    model, logs = names["model"], names["logs"]
    assert logs["loss"][-1] < logs["loss"][0]
    np.testing.assert_allclose(
        np.add(logs["reconstruction_loss"], 0.1 * np.array(logs["code_loss"])), logs["loss"], 1e-5
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.code_weight == 0.1
    np.testing.assert_allclose(loaded.generate(10, seed=1), names["images"], atol=1e-6)


def test_imports_follow_the_directions_on_the_structure_page():
    package = Path(tfae.__file__).parent
    table = re.findall(r"^\| `tfae/(\w+)/` \|.*\|(.*)\|$", STRUCTURE.read_text(), re.MULTILINE)
    rooms = {name: set(re.findall(r"`(\w+)`", imports)) for name, imports in table}
    assert {"ops", "bases", "models", "export"} <= set(rooms)
    rooms["models"] |= rooms["bases"]
    for room, allowed in rooms.items():
        imported = {name for path in (package / room).rglob("*.py") for name in _imported(path)}
        assert imported <= {room, *SERVING_ALL, *allowed}, room


def _imported(path):
    """The parts of the package that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tfae":
            parts = node.module.split(".")[1:2]
            yield from parts or [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("tfae."))
