"""A benchmark's result is never replaced by one of less effort."""

import ast
import json
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="benchmarks/ is not here")

COLUMNS = ["contender", "ms"]
ROWS = [["tfae", 1.0], ["PyTorch", 2.0]]


@pytest.fixture
def results(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(FOLDER))
    import _results

    monkeypatch.setattr(_results, "FOLDER", tmp_path)
    return _results


def publish(results, columns=COLUMNS, rows=ROWS, seeds=(0, 1), rounds=5):
    """Publishes a result and returns whether it was kept."""
    title = f"{columns} {rows} {seeds} {rounds}"
    said = results.publish(
        "speed", title, columns, rows, seeds=seeds, effort={"rounds": rounds, "images": 100}
    )
    kept = json.loads((results.FOLDER / "speed.json").read_text())["title"]
    assert said == (kept == title)
    return said


@pytest.mark.parametrize(
    ("lesser", "named"),
    [
        ({"rounds": 4}, "rounds (5, not 4)"),
        ({"seeds": (0,)}, "seeds (2, not 1)"),
        ({"rows": ROWS[:1]}, "rows (2, not 1)"),
        ({"columns": COLUMNS[:1]}, "columns (2, not 1)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_published_result_is_not_replaced_by_one_of_less_effort(results, lesser, named, capsys):
    assert publish(results)
    assert not publish(results, **lesser)
    assert named in capsys.readouterr().out


def test_a_result_of_equal_or_more_effort_is_published(results):
    for better in ({}, {}, {"rounds": 6}, {"rounds": 6, "seeds": (0, 1, 2)}):
        assert publish(results, **better)
    assert not publish(results)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_every_benchmark_publishes_its_effort(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    published = [node for node in calls if ast.unparse(node.func).endswith("publish")]
    assert all("effort" in [keyword.arg for keyword in node.keywords] for node in published)
    assert published or path.name == "report.py"


def test_every_published_result_records_its_effort():
    for path in (FOLDER / "results").glob("*.json"):
        assert json.loads(path.read_text())["effort"], path
