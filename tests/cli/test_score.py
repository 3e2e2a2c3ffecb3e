"""`tfae score RUN`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfae.cli.finished_run import read_run

TINY = "--latent-dim 2 --hidden-units 8 --epochs 1"


@pytest.fixture
def of_numbers(make, table):
    """A run on an array of six columns, in the folder "run"."""
    return make(f"variational --data {table} {TINY} --validation-split 0.5")


def test_the_oddest_rows_are_printed_and_nothing_is_written(tfae, of_numbers):
    x = np.random.default_rng(2).random((50, 6)).astype("float32") * 0.1
    x[[7, 33], 4] = 1.0
    np.save("new.npy", x)
    shown = tfae("score run --data new.npy").output
    scores = read_run(of_numbers)[0].anomaly_score(x)
    rows = [line.split("│")[1:-1] for line in shown.splitlines() if line.startswith("│")]
    order = np.argsort(-scores, kind="stable")[:10]
    assert [int(row[0]) for row in rows] == order.tolist()
    np.testing.assert_allclose([float(row[1]) for row in rows], scores[order], rtol=1e-5)
    assert "tfae fit run --false-positive-rate" in shown
    assert sorted(p.name for p in Path().iterdir()) == ["new.npy", "run"]


def test_with_a_threshold_anomalies_are_counted_and_marked(tfae, of_numbers):
    tfae("fit run --false-positive-rate 0.1")
    x = np.random.default_rng(2).random((50, 6)).astype("float32")
    np.save("new.npy", x)
    shown = " ".join(tfae("score run --data new.npy --out scores.csv").output.split())
    model = read_run(of_numbers)[0]
    assert f"{model.is_anomaly(x).sum()} of 50 are anomalies" in shown
    written = np.genfromtxt("scores.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    assert written.dtype.names == ("row", "anomaly_score", "is_anomaly", "worst_column")
    np.testing.assert_allclose(written["anomaly_score"], model.anomaly_score(x), rtol=1e-6)
    np.testing.assert_array_equal(written["is_anomaly"], model.is_anomaly(x))
    expected = model.anomaly_map(x).argmax(axis=1)
    np.testing.assert_array_equal(written["worst_column"], expected)
    tfae("score run --data new.npy --out scores.npy")
    np.testing.assert_array_equal(np.load("scores.npy"), model.anomaly_score(x))


def test_a_folder_of_images_gets_pictures_of_the_scores_by_pixel(tfae, make, photos):
    run = make(f"autoencoder --data {photos} {TINY}")
    tfae(f"score run --data {photos} --out maps")
    lines = Path("maps/scores.csv").read_text().splitlines()
    assert lines[0] == "path,anomaly_score"
    assert len(lines) == 13
    files = sorted(p.relative_to("maps").as_posix() for p in Path("maps").rglob("*.png"))
    assert files == [line.split(",")[0] for line in lines[1:]]
    maps = np.array([np.asarray(Image.open(f"maps/{file}")) for file in files])
    images = np.array([np.asarray(Image.open(photos / file)) for file in files])
    losses = read_run(run)[0].anomaly_map(images[..., None] / np.float32(255))[..., 0]
    np.testing.assert_allclose(maps, 255 * losses / losses.max(), atol=0.51)

    Path("maps/notes.txt").write_text("precious")
    Path("maps/scores.csv").write_text("old")
    again = f"score run --data {photos} --out maps"
    assert "maps exists already" in tfae(again, exit_code=2).output
    assert Path("maps/scores.csv").read_text() == "old"
    tfae(f"{again} --overwrite")
    assert Path("maps/notes.txt").read_text() == "precious"
    assert Path("maps/scores.csv").read_text().splitlines() == lines
    assert sorted(p.name for p in Path().iterdir()) == ["maps", "run"]
