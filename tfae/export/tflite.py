"""One .tflite file for LiteRT on phones, boards and in browsers."""

import os
from pathlib import Path

from tfae.export.conversion import convert
from tfae.models.autoencoding import Autoencoding


def tflite(
    model: Autoencoding,
    path: str | os.PathLike,
    quantize: str | None = None,
    calibration: None = None,
    batch_size: int = 1,
    float_io: bool = False,
) -> None:
    """First version: float32 and float16."""
    path = Path(path)
    model.data_contract()
    content = convert(model, quantize, batch_size, calibration, float_io)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    os.replace(new, path)
