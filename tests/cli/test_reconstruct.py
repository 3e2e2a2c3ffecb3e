"""`tfae reconstruct RUN`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfae.cli.finished_run import read_run

TINY = "--latent-dim 2 --hidden-units 8 --epochs 1"


@pytest.fixture
def of_photos(make, photos):
    return read_run(make(f"autoencoder --data {photos} {TINY}"))[0]


def test_an_array_comes_back_in_its_units_and_type(tfae, of_photos):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 6, 4), np.uint8)
    np.save("pixels.npy", pixels)
    tfae("reconstruct run --data pixels.npy")
    written = np.load("pixels.reconstructed.npy")
    assert written.dtype == np.uint8
    expected = of_photos.reconstruct(pixels[..., None] / np.float32(255)) * 255
    np.testing.assert_allclose(written, expected, atol=0.51)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_folder_of_images_gets_a_folder_of_images(tfae, of_photos, bits):
    dtype, limit = (np.uint8, 255) if bits == 8 else (np.uint16, 65535)
    rng = np.random.default_rng(0)
    for name in ("b/2.png", "a/1.png", *(["a/1.bmp"] if bits == 8 else [])):
        Path("new", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, limit, (6, 4)).astype(dtype)).save(Path("new", name))
    tfae("reconstruct run --data new")
    out = Path("new.reconstructed")
    names = {p.relative_to(out).as_posix() for p in out.rglob("*.*")}
    pictures = {"a/1.png", "b/2.png", *(["a/1.png.png"] if bits == 8 else [])}
    assert names == {"scores.csv", *pictures}
    image = np.asarray(Image.open("new/b/2.png"))[None, ..., None] / np.float32(limit)
    expected = of_photos.reconstruct(image)[0, ..., 0] * limit
    written = np.asarray(Image.open(out / "b/2.png"))
    assert written.dtype == dtype
    np.testing.assert_allclose(written, expected, atol=0.51 + limit / 2**15)
    header, *lines = (out / "scores.csv").read_text().splitlines()
    assert header == "path,anomaly_score"
    score = of_photos.anomaly_score(image)[0]
    assert float(lines[-1].split(",")[1]) == pytest.approx(score, rel=1e-5)
