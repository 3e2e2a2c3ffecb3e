"""What an operator needs besides a SavedModel: server configuration, clients, signatures."""

import importlib.metadata
import shutil
from pathlib import Path

import tensorflow as tf

from tfae.export.signatures import Signature

FOLDER = "serving"
"""Name of the folder, next to those of the versions."""


SIGNATURES = Path("assets.extra", "signatures.md")
"""Where a version's folder describes the version's signatures."""

_CLIENTS = Path(__file__).with_name("clients")


def write(folder: Path, model: str) -> None:
    """Writes server configuration, docker-compose.yml, README.md and clients.

    The files suit every version. They are written once, and belong to the operator from then on.

    Args:
        folder: The folder, which is created.
        model: Name under which the model is served.
    """
    folder.mkdir()
    release = importlib.metadata.version("tensorflow-serving-api")
    for name, text in _FILES.items():
        (folder / name).write_text(text.replace("@MODEL@", model).replace("@RELEASE@", release))
    for client in _CLIENTS.glob("*.*"):
        shutil.copy(client, folder)


def write_signatures(folder: Path, signatures: dict[str, Signature]) -> None:
    """Writes a description of a version's signatures into its folder."""
    lines = [
        f"`{next(iter(signatures))}` is the default, for requests that name no signature. n is any "
        "number of rows.",
        "",
        "| signature | inputs |",
        "|---|---|",
    ]
    lines += [
        f"| `{name}` | {', '.join(map(_described, signature.inputs))} |"
        for name, signature in signatures.items()
    ]
    (folder / SIGNATURES).write_text("\n".join(lines) + "\n")


def _described(spec: tf.TensorSpec) -> str:
    shape = ", ".join(["n", *(str(size or "any") for size in spec.shape[1:])])
    return f"`{spec.name}` {spec.dtype.name} ({shape})"


_FILES = {
    "models.config": """\
# The model that TensorFlow Serving serves, in its highest version. To stay at version 1, put
# `model_version_policy { specific { versions: 1 } }` into `config`.
model_config_list {
  config {
    name: "@MODEL@"
    base_path: "/models/@MODEL@"
    model_platform: "tensorflow"
  }
}
""",
    "batching.config": """\
# Each row of an answer depends only on its own row of the request, so the rows of several requests
# for one signature may run as one batch, of any size.

# Rows that run at once. On a GPU, more may be faster.
max_execution_batch_size { value: 128 }
# A request may have more rows; it is split then.
enable_large_batch_splitting { value: true }
max_batch_size { value: 4096 }
# How long a request waits for others. A single request takes that much longer.
batch_timeout_micros { value: 1000 }
# How many batches may wait before further requests are rejected as unavailable.
max_enqueued_batches { value: 100 }
# num_batch_threads is left out, so as many batches run at once as the processor has cores.
""",
    "docker-compose.yml": """\
# Stock TensorFlow Serving, with gRPC on port 8500 and REST on port 8501, for this machine only.
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

In a version's folder, `assets.extra/signatures.md` describes the version's signatures, and
`assets.extra/examples` has a REST request for each of them, with its answer.

The clients send the examples of the newest version. Those for REST compare the answers, need no
packages, and are short enough to be a start for your own:

    sh rest_client.sh                                   # with curl; prints the answers
    python rest_client.py http://localhost:8501
    node rest_client.mjs http://localhost:8501

gRPC is quicker for large arrays:

    pip install tensorflow-serving-api
    python grpc_client.py localhost:8500
""",
}
