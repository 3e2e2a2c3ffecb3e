"""Asks TensorFlow Serving by REST for what the exporter asked, and compares the answers.

    python rest_client.py [http://localhost:8501] [--version N]

It needs Python's standard library only, and lies in the folder `serving` of the model. For a
program of your own, copy `predict`.
"""

import argparse
import json
import math
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODEL = Path(__file__).resolve().parents[1]


def predict(url: str, signature: str, inputs: dict[str, list]) -> Any:
    """Asks for a signature's answer.

    Args:
        url: Such as http://localhost:8501/v1/models/digits, or .../digits/versions/2.
        signature: Its name, such as "encode".
        inputs: By name, nested lists whose first axis is the batch.

    Returns:
        The outputs by name, or one output alone, as nested lists.

    Raises:
        RuntimeError: If the server refuses the request; it has the server's reason.
    """
    body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
    request = urllib.request.Request(f"{url}:predict", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)["outputs"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode()) from error


def numbers(value: Any) -> Iterator[Any]:
    """All numbers and text in nested lists and dictionaries, in the order of the keys."""
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, list):
        for part in value:
            yield from numbers(part)
    else:
        yield value


def main() -> None:
    """Asks for every example and fails where an answer is not the expected one."""
    versions = [int(path.name) for path in MODEL.iterdir() if path.name.isdigit()]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("server", nargs="?", default="http://localhost:8501")
    parser.add_argument("--version", type=int, default=max(versions))
    arguments = parser.parse_args()
    url = f"{arguments.server}/v1/models/{MODEL.name}/versions/{arguments.version}"
    examples = MODEL / str(arguments.version) / "assets.extra" / "examples"
    for file in sorted(examples.glob("*.answer.json")):
        signature = file.name.removesuffix(".answer.json")
        request = json.loads((examples / f"{signature}.json").read_text())
        given = list(numbers(predict(url, signature, request["inputs"])))
        expected = list(numbers(json.loads(file.read_text())["outputs"]))
        scale = max((abs(x) for x in expected if not isinstance(x, str)), default=0)
        for a, b in zip(given, expected, strict=True):
            if a != b and (
                isinstance(b, str) or not math.isclose(a, b, rel_tol=0, abs_tol=1e-4 * scale)
            ):
                raise SystemExit(f"{signature}: {a} instead of {b}")
        print(f"{signature}: {len(given)} numbers as expected")


if __name__ == "__main__":
    main()
