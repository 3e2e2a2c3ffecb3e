"""Clients of a server that knows nothing of this package get the model's answers."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
import yaml
from google.protobuf import text_format
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

import tfae
from tfae.export import saved_model

pytestmark = pytest.mark.xdist_group("serving")  # one server for all


@pytest.fixture(scope="module", params=[False, True], ids=["unbatched", "batched"])
def served(request, exported, serve):
    """A model, its folder, and the gRPC and REST ports where it is served."""
    model, directory = exported(tfae.VariationalAutoencoder)
    with serve(directory, batching=request.param) as ports:
        yield model, directory, *ports


def ask(stub, directory, signature, **inputs):
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = directory.name, signature
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    response = stub.Predict(request, timeout=30)
    assert response.model_spec.version.value == 1
    return {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}


def test_many_clients_at_once_get_the_answers_to_their_own_rows(served, digits):
    model, directory, port, _ = served
    codes, scores = model.encode(digits), model.anomaly_score(digits)
    generated = {seed: model.generate(1, seed=seed)[0] for seed in range(8)}

    def client(number):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = PredictionServiceStub(channel)
            for i in range(8):
                rows = slice(20 * number + i, 20 * number + i + 1 + i % 3)
                code = ask(stub, directory, "encode", x=digits[rows])["code"]
                np.testing.assert_allclose(code, codes[rows], rtol=0, atol=1e-5)
                score = ask(stub, directory, "score", x=digits[rows])["anomaly_score"]
                np.testing.assert_allclose(score, scores[rows], rtol=1e-5)
                row = ask(stub, directory, "generate", seed=np.array([i]))["x"][0]
                np.testing.assert_allclose(row, generated[i], rtol=0, atol=1e-5)
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(client, range(8))) == list(range(8))


def test_the_client_beside_the_model_finds_every_answer_as_expected(served):
    _, directory, port, _ = served
    command = [sys.executable, directory / "serving" / "client.py", f"127.0.0.1:{port}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    for name in ("reconstruct", "encode", "decode", "generate", "score"):
        assert len(re.findall(rf"^{name}: .* as expected$", result.stdout, re.MULTILINE)) == 2


@pytest.mark.slow
def test_a_model_with_a_threshold_is_warmed_up_asked_and_answered(
    make_model, serve, digits, tmp_path
):
    model = make_model(tfae.Autoencoder)
    threshold = model.fit_threshold(digits, 0.2)
    directory = tmp_path / "digits"
    saved_model(model, directory)
    with serve(directory, batching=True) as (port, rest_port):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = ask(PredictionServiceStub(channel), directory, "score", x=digits[:99])
        np.testing.assert_array_equal(answer["is_anomaly"], answer["anomaly_score"] > threshold)
        assert 0 < answer["is_anomaly"].sum() < 99
        command = [sys.executable, directory / "serving" / "client.py", f"127.0.0.1:{port}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        examples = directory / "1" / "assets.extra" / "examples"
        url = f"http://127.0.0.1:{rest_port}/v1/models/digits:predict"
        request = urllib.request.Request(url, (examples / "score.json").read_bytes())
        with urllib.request.urlopen(request, timeout=30) as response:
            given = json.load(response)["outputs"]
        expected = json.loads((examples / "score.answer.json").read_text())["outputs"]
        assert given["is_anomaly"] == expected["is_anomaly"]
        assert all(type(value) is bool for value in given["is_anomaly"])
        assert given["anomaly_score"] == pytest.approx(expected["anomaly_score"], rel=1e-4)


def test_the_client_beside_the_model_needs_nothing_of_ours():
    source = importlib.util.find_spec("tfae.export.client").loader.get_source("tfae.export.client")
    imported = set(re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE))
    assert imported == {"argparse", "pathlib", "grpc", "numpy", "tensorflow", "tensorflow_serving"}


def test_every_rest_example_gets_its_answer(served):
    _, directory, _, port = served
    examples = directory / "1" / "assets.extra" / "examples"
    for file in examples.glob("*.answer.json"):
        body = (examples / file.name.replace(".answer", "")).read_bytes()
        url = f"http://127.0.0.1:{port}/v1/models/{directory.name}/versions/1:predict"
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as response:
            answer = json.load(response)["outputs"]
        expected = json.loads(file.read_text())["outputs"]
        tf.nest.assert_same_structure(answer, expected)
        for a, b in zip(tf.nest.flatten(answer), tf.nest.flatten(expected), strict=True):
            assert a == pytest.approx(b, rel=1e-4, abs=1e-5)


def test_the_commands_of_the_readme_beside_the_model_run(served):
    _, directory, _, port = served
    readme = (directory / "serving" / "README.md").read_text()
    commands = [shlex.split(line, comments=True) for line in readme.splitlines() if "curl" in line]
    assert len(commands) == 2
    for command in commands:
        command = [a.replace("localhost:8501", f"127.0.0.1:{port}") for a in command]
        result = subprocess.run(
            [*command, "--fail", "--silent", "--max-time", "30"],
            cwd=directory / "serving",
            capture_output=True,
            check=True,
        )
        assert set(json.loads(result.stdout)) & {"model_version_status", "outputs"}
    (cat,) = re.findall(r"^ *cat (.*)$", readme, re.MULTILINE)
    assert json.loads((directory / "serving" / cat).read_text())["outputs"]


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [
        ("imagine", {"x": np.zeros((1, 8, 8, 1), "float32")}),
        ("encode", {"y": np.zeros((1, 8, 8, 1), "float32")}),
        ("encode", {"x": np.zeros((1, 8, 7, 1), "float32")}),
        ("score", {"x": np.zeros((1, 8, 8), "float32")}),
        ("score", {"x": np.zeros((1, 64), "float32")}),
        ("encode", {"x": np.zeros((1, 8, 8, 1), "float64")}),
    ],
    ids=["signature", "name", "size", "rank", "flat", "type"],
)
def test_a_bad_request_is_refused_and_the_next_one_is_answered(served, signature, inputs):
    _, directory, port, _ = served
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            ask(stub, directory, signature, **inputs)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        code = np.zeros((1, 3), "float32")
        assert ask(stub, directory, "decode", code=code)["x"].shape == (1, 8, 8, 1)


# ---------------------------------------------------------------------------- configuration


def test_models_config_names_the_model_and_the_folder_of_its_versions(exported):
    _, directory = exported(tfae.Autoencoder)
    text = (directory / "serving" / "models.config").read_text()
    (config,) = text_format.Parse(text, ModelServerConfig()).model_config_list.config
    assert config.name == directory.name
    assert config.base_path == f"/models/{directory.name}"
    assert config.model_platform == "tensorflow"


def test_the_way_back_that_models_config_describes_is_one_that_a_server_reads(exported):
    _, directory = exported(tfae.Autoencoder)
    text = (directory / "serving" / "models.config").read_text()
    (policy,) = re.findall(r"`(model_version_policy .*)` into", text)
    text = text.replace('platform: "tensorflow"', f'platform: "tensorflow" {policy}')
    (config,) = text_format.Parse(text, ModelServerConfig()).model_config_list.config
    assert list(config.model_version_policy.specific.versions) == [1]


def test_batching_joins_rows_freely_and_splits_what_is_large(exported):
    _, directory = exported(tfae.Autoencoder)
    text = (directory / "serving" / "batching.config").read_text()
    values = dict(re.findall(r"^(\w+) \{ value: (\w+) \}$", text, re.MULTILINE))
    assert values["enable_large_batch_splitting"] == "true"
    assert int(values["max_execution_batch_size"]) < int(values["max_batch_size"])
    # The batch is free: padding to fixed sizes would be work for nothing.
    assert "allowed_batch_sizes" not in text


def test_docker_compose_starts_a_stock_server_on_the_files_beside_it(exported):
    _, directory = exported(tfae.Autoencoder)
    (service,) = yaml.safe_load((directory / "serving" / "docker-compose.yml").read_text())[
        "services"
    ].values()
    assert re.fullmatch(r"tensorflow/serving:2\.21\.\d+", service["image"])
    (volume,) = service["volumes"]
    source, target, mode = volume.split(":")
    assert (source, mode) == ("..", "ro")
    for option in service["command"]:
        name, value = option.split("=")
        if name.endswith("_file"):
            inside = value.removeprefix(f"{target}/")
            assert (directory / "serving" / source / inside).is_file()
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_table_of_the_readme_beside_the_model_has_every_signature(make_model, tmp_path):
    model = make_model(tfae.VariationalAutoencoder)
    saved_model(model, tmp_path / "m", uint8=True)
    text = (tmp_path / "m" / "serving" / "README.md").read_text()
    assert "| `score` | `x` uint8 (n, 8, 8, 1) |" in text
    assert "| `generate` | `seed` int64 (n) |" in text
