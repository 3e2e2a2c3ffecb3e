"""The scripts in examples/ run and do what they say."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "measure", "gain"), [("denoise_image", "psnr", 3), ("denoise_sound", "snr", 3)]
)
def test_denoising_by_sparse_coding_gains_decibels(name, measure, gain):
    if not FOLDER.exists():
        pytest.skip("examples/ is not here")
    names = runpy.run_path(FOLDER / f"{name}.py")
    before, after = (names[measure](names[x]) for x in ("noisy", "denoised"))
    assert after > before + gain
