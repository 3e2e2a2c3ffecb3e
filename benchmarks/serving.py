"""Requests per second to an exported model over gRPC and their latency, batched and not.

    python benchmarks/serving.py [--requests N]

The server is tests/serving/server.py: TensorFlow Serving's interface and batch scheduler around the
SavedModel, in a process without tfae and Keras. Its protocol code is in Python, so the figures are
a lower bound for `tensorflow_model_server`.
"""

import _results  # before anything else: it notes when the program began

# isort: split

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

import tfae

SERVER = Path(__file__).parents[1] / "tests" / "serving" / "server.py"
CLIENTS = (1, 8, 32)
SEED = 0


@contextlib.contextmanager
def served(directory, batching):
    """Runs a server in the context, and yields its port."""
    command = [sys.executable, SERVER, directory]
    if batching:
        command += ["--batching", directory / "serving" / "batching.config"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as server:
        yield int(server.stdout.readline().split()[0])
        server.stdin.close()


def predict_request(model, signature, name, array):
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return request


def latencies(port, request, clients, number):
    """Seconds that each of `number` requests from several clients took, and all together."""
    seconds = [[] for _ in range(clients)]
    ready = threading.Barrier(clients + 1)

    def client(own):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = PredictionServiceStub(channel)
            stub.Predict(request, timeout=30)  # connects
            ready.wait()
            for _ in range(number // clients):
                begun = time.perf_counter()
                stub.Predict(request, timeout=30)
                own.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=client, args=(own,)) for own in seconds]
    for thread in threads:
        thread.start()
    ready.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    return np.concatenate(seconds), time.perf_counter() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=3200, help="requests per row of the table")
    arguments = parser.parse_args()
    image = np.random.default_rng(SEED).random((1, 28, 28, 1), "float32")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, "vae")
        model = tfae.VariationalAutoencoder.from_shape(
            (28, 28, 1), 20, hidden_units=(400,), seed=SEED
        )
        tfae.export.saved_model(model, directory)
        requests = {
            "encode": predict_request("vae", "encode", "x", image),
            "generate": predict_request("vae", "generate", "seed", np.array([SEED])),
        }
        for batching in (False, True):
            with served(directory, batching) as port:
                for signature, request in requests.items():
                    for clients in CLIENTS:
                        each, all_seconds = latencies(port, request, clients, arguments.requests)
                        rows.append(
                            (
                                signature,
                                "on" if batching else "off",
                                clients,
                                round(len(each) / all_seconds),
                                *(f"{1e3 * np.quantile(each, q):.1f}" for q in (0.5, 0.99)),
                            )
                        )
    _results.publish(
        "serving",
        "One-row requests to a served VAE 784-400-20 by gRPC",
        ("signature", "batching", "clients", "requests per second", "p50 ms", "p99 ms"),
        sorted(rows, key=lambda row: row[0]),
        seeds=[SEED],
        effort={"requests": arguments.requests},
        note="Clients and server share the machine, and both speak gRPC in Python, so the "
        "figures are lower bounds for TensorFlow Serving. Batching uses TensorFlow Serving's "
        "scheduler and the exported batching.config, with which a lone request waits 1 ms for "
        "others.",
    )


if __name__ == "__main__":
    main()
