"""Trains an autoencoder of digits and fills a folder for the device; needs tfae.

    python examples/device/export.py FOLDER

The folder gets `digits.tflite`, in int8; `device.py` and `run.py`, which run it; and `digits.npy`,
64 digits that the model has not seen, the last 32 of them with shuffled pixels.
"""

import shutil
import sys
from pathlib import Path

import keras
import numpy as np

import tfae.device


def images(split):
    return np.concatenate(list(tfae.data.load("digits", split, batch_size=256).as_numpy_iterator()))


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(0)
    train, unseen = images("train"), images("test")
    normal, for_device = unseen[64:], unseen[:64].copy()
    model = tfae.VariationalAutoencoder.from_shape((8, 8, 1), 8, architecture="conv", seed=0)
    model.compile()
    model.fit(train, epochs=40, verbose=0)
    model.fit_threshold(normal, false_positive_rate=0.05)
    report = tfae.export.tflite(
        model,
        folder / "digits.tflite",
        quantize="int8",
        calibration=train,
        validation=normal,
        labels=[str(digit) for digit in range(10)],
    )
    print(report)
    damaged = np.random.default_rng(0).permuted(for_device[32:].reshape(32, 64), axis=1)
    for_device[32:] = damaged.reshape(32, 8, 8, 1)
    np.save(folder / "digits.npy", for_device)
    for program in (tfae.device.__file__, Path(__file__).with_name("run.py")):
        shutil.copy(program, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
