"""What an operator needs beside a SavedModel: server configuration and a client."""

import importlib.metadata
import shutil
from pathlib import Path

import tensorflow as tf

from tfae.export.requests import EXAMPLES
from tfae.export.signatures import Signature

FOLDER = "serving"
"""Name of the folder, beside those of the versions."""


def write(folder: Path, model: str, version: int, signatures: dict[str, Signature]) -> None:
    """Writes models.config, batching.config, docker-compose.yml, client.py and README.md.

    Args:
        folder: Made here.
        model: Name under which the model is served.
        version: The one that the commands of README.md ask.
        signatures: That it has.
    """
    folder.mkdir()
    values = {
        "MODEL": model,
        "VERSION": str(version),
        "RELEASE": importlib.metadata.version("tensorflow-serving-api"),
        "DEFAULT": next(iter(signatures)),
        "EXAMPLES": EXAMPLES.as_posix(),
        "INPUTS": "\n".join(
            f"| `{name}` | {', '.join(map(_described, signature.inputs))} |"
            for name, signature in signatures.items()
        ),
    }
    for name, text in _FILES.items():
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        (folder / name).write_text(text)
    shutil.copy(Path(__file__).with_name("client.py"), folder)


def _described(spec: tf.TensorSpec) -> str:
    shape = ", ".join(["n", *(str(size or "any") for size in spec.shape[1:])])
    return f"`{spec.name}` {spec.dtype.name} ({shape})"


_FILES = {
    "models.config": """\
# Which model TensorFlow Serving serves, and which of its versions: the highest. To stay at
# version @VERSION@, put `model_version_policy { specific { versions: @VERSION@ } }` into `config`.
model_config_list {
  config {
    name: "@MODEL@"
    base_path: "/models/@MODEL@"
    model_platform: "tensorflow"
  }
}
""",
    "batching.config": """\
# Each row of an answer depends on its own row of the request alone, so the rows of several
# requests for one signature may run as one batch, of any size.

# Rows that run at once. On a GPU more may be faster.
max_execution_batch_size { value: 128 }
# A request may have more, and is split.
enable_large_batch_splitting { value: true }
max_batch_size { value: 4096 }
# How long a request waits for others: what batching adds to the latency of a lone one.
batch_timeout_micros { value: 1000 }
# Batches that wait before requests are refused as unavailable; more of them wait longer.
max_enqueued_batches { value: 100 }
# Batches that run at once are as many as the processor has cores: num_batch_threads is left out.
""",
    "docker-compose.yml": """\
# Stock TensorFlow Serving, with gRPC on port 8500 and REST on port 8501 of this machine alone.
services:
  serving:
    image: tensorflow/serving:@RELEASE@
    command:
      - --model_config_file=/models/@MODEL@/serving/models.config
      - --model_config_file_poll_wait_seconds=10
      - --enable_batching=true
      - --batching_parameters_file=/models/@MODEL@/serving/batching.config
    ports:
      - "127.0.0.1:8500:8500"
      - "127.0.0.1:8501:8501"
    volumes:
      - ..:/models/@MODEL@:ro
""",
    "README.md": """\
# @MODEL@

    docker compose up --detach                          # in this folder
    curl http://localhost:8501/v1/models/@MODEL@        # which versions are served

| signature | inputs |
|---|---|
@INPUTS@

`@DEFAULT@` is asked where a request names no signature. n is any number of rows.

REST: an example for each signature, and the answer to it up to rounding, are in the version's
folder.

    curl -d @../@VERSION@/@EXAMPLES@/@DEFAULT@.json http://localhost:8501/v1/models/@MODEL@/versions/@VERSION@:predict
    cat ../@VERSION@/@EXAMPLES@/@DEFAULT@.answer.json

gRPC: this asks for the highest version's warm-up requests and compares the answers.

    pip install tensorflow-serving-api
    python client.py localhost:8500
""",
}
