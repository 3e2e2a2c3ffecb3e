"""On the device, where NumPy and ai-edge-litert are: encodes, decodes, finds anomalies.

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
    low, high = model.metadata["data_range"]
    if x.min() < low or x.max() > high:
        sys.exit(f"{data_file} must lie in [{low:g}, {high:g}].")

    code = model.encode(x)["code"]
    print(f"{len(x)} images became codes of {code.shape[1]} numbers; the first: {code[0].round(2)}")
    print("It, and what its code decodes to:")
    for rows in zip(shown(x[0]), shown(model.decode(code[:1])[0]), strict=True):
        print("    ", "    ".join(rows))

    threshold = model.metadata["threshold"]
    scores = model.anomaly_score(x)
    for name, part in (("first", scores[: len(x) // 2]), ("second", scores[len(x) // 2 :])):
        found = np.sum(part > threshold)
        print(f"anomalies in the {name} half: {found} of {len(part)} (score > {threshold:.1f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
