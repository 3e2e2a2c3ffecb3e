"""Encodes, decodes and finds anomalies on the device; needs only NumPy and ai-edge-litert.

python run.py digits.tflite digits.npy
"""

import sys

import numpy as np
from device import DeviceModel


def shown(image):
    return ["".join(" .:*#"[int(4.99 * value)] * 2 for value in row) for row in image[..., 0]]


def main(model_file, data_file):
    model = DeviceModel(model_file)
    x = np.load(data_file)

    code = model.encode(x)["code"]
    print(f"{len(x)} images became codes of {code.shape[1]} numbers. The first: {code[0].round(2)}")
    print("The first image, and what its code decodes to:")
    for rows in zip(shown(x[0]), shown(model.decode(code[:1])[0]), strict=True):
        print("    ", "    ".join(rows))

    anomalous = model.is_anomaly(x)
    for name, part in zip(("first", "second"), np.array_split(anomalous, 2), strict=True):
        print(f"anomalies in the {name} half: {part.sum()} of {len(part)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
