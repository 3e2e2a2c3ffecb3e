"""A server that knows nothing of this package gives its clients the model's answers."""

import importlib.util
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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


@pytest.fixture(scope="module", params=[True], ids=["batched"])
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


@pytest.mark.parametrize(
    "served",
    [pytest.param(False, marks=pytest.mark.slow, id="unbatched"), pytest.param(True, id="batched")],
    indirect=True,
)
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


def run(directory, *command):
    """Returns what a command prints, run in the folder beside the versions."""
    result = subprocess.run(
        command, cwd=directory / "serving", capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


SIGNATURES = ("decode", "encode", "generate", "reconstruct", "score")


def test_the_grpc_client_beside_the_model_finds_every_answer_as_expected(
    served, monkeypatch, capsys
):
    """In this process: another one would only import TensorFlow again."""
    _, directory, port, _ = served
    monkeypatch.chdir(directory / "serving")
    monkeypatch.setattr(sys, "argv", ["grpc_client.py", f"127.0.0.1:{port}"])
    runpy.run_path("grpc_client.py", run_name="__main__")
    said = capsys.readouterr().out
    for name in SIGNATURES:
        assert len(re.findall(rf"^{name}: .* as expected$", said, re.MULTILINE)) == 2


@pytest.mark.parametrize(
    "client", [(sys.executable, "-I", "-S", "rest_client.py"), ("node", "rest_client.mjs")]
)
def test_the_rest_clients_beside_the_model_find_every_answer_as_expected(served, client):
    if shutil.which(client[0]) is None:
        pytest.skip("needs Node.js (Debian: apt install nodejs)")
    _, directory, _, port = served
    said = run(directory, *client, f"http://127.0.0.1:{port}")
    assert re.findall(r"^(\w+): \d+ numbers as expected$", said, re.MULTILINE) == [*SIGNATURES]


def test_the_curl_client_beside_the_model_prints_the_answers(served):
    _, directory, _, port = served
    url = f"http://127.0.0.1:{port}"
    assert re.findall(
        r"^(\w+):$", run(directory, "sh", "rest_client.sh", "*", url), re.MULTILINE
    ) == [*SIGNATURES]
    name, answer = run(directory, "sh", "rest_client.sh", "encode", url).split("\n", 1)
    assert name == "encode:"
    expected = (directory / "1/assets.extra/examples/encode.answer.json").read_text()
    np.testing.assert_allclose(
        json.loads(answer)["outputs"]["code"], json.loads(expected)["outputs"]["code"], rtol=1e-4
    )


def test_a_rest_client_fails_if_an_answer_differs_from_the_recorded_one(served, tmp_path):
    _, directory, _, port = served
    shutil.copytree(directory, tmp_path / directory.name)
    examples = tmp_path / directory.name / "1" / "assets.extra" / "examples"
    for file in examples.glob("[a-r]*"):
        file.unlink()
    (examples / "score.answer.json").write_text('{"outputs": [1.0]}')
    for client in ([sys.executable, "rest_client.py"], ["node", "rest_client.mjs"]):
        if shutil.which(client[0]):
            result = subprocess.run(
                [*client, f"http://127.0.0.1:{port}"],
                cwd=tmp_path / directory.name / "serving",
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert result.returncode == 1
            assert "score" in result.stderr


@pytest.fixture(scope="module")
def python_client():
    """The REST client as a module."""
    path = Path(tfae.export.__file__).parent / "clients" / "rest_client.py"
    spec = importlib.util.spec_from_file_location("rest_client", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_python_client_returns_infinite_scores_and_the_reason_of_a_refusal(
    served, python_client
):
    _, directory, _, port = served
    url = f"http://127.0.0.1:{port}/v1/models/{directory.name}"
    assert python_client.predict(url, "score", {"x": np.full((1, 8, 8, 1), 9).tolist()}) == [np.inf]
    with pytest.raises(RuntimeError, match=r"Shape of tensor .* is not compatible"):
        python_client.predict(url, "score", {"x": np.zeros((1, 8, 8)).tolist()})


def test_the_javascript_client_reads_infinity_but_leaves_strings_alone():
    if shutil.which("node") is None:
        pytest.skip("needs Node.js (Debian: apt install nodejs)")
    client = Path(tfae.export.__file__).parent / "clients" / "rest_client.mjs"
    text = json.dumps({"a": [np.inf, -np.inf, np.nan, 1.5], "NaN": 'Infinity, "NaN"'})
    program = f"""
        import {{ parse }} from {json.dumps(client.as_uri())};
        const {{ a, NaN: text }} = parse({json.dumps(text)});
        console.log(a.map(String).join(), text);
    """
    said = subprocess.run(
        ["node", "--input-type=module", "-e", program], capture_output=True, text=True, check=True
    ).stdout
    assert said == 'Infinity,-Infinity,NaN,1.5 Infinity, "NaN"\n'


@pytest.mark.slow
def test_a_server_gives_the_decisions_of_a_model_with_a_threshold(
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
        run(directory, sys.executable, "grpc_client.py", f"127.0.0.1:{port}")
        run(directory, sys.executable, "rest_client.py", f"http://127.0.0.1:{rest_port}")
        examples = directory / "1" / "assets.extra" / "examples"
        url = f"http://127.0.0.1:{rest_port}/v1/models/digits:predict"
        request = urllib.request.Request(url, (examples / "score.json").read_bytes())
        with urllib.request.urlopen(request, timeout=30) as response:
            given = json.load(response)["outputs"]
        expected = json.loads((examples / "score.answer.json").read_text())["outputs"]
        assert given["is_anomaly"] == expected["is_anomaly"]
        assert all(type(value) is bool for value in given["is_anomaly"])
        assert given["anomaly_score"] == pytest.approx(expected["anomaly_score"], rel=1e-4)


def test_the_clients_beside_the_model_do_not_need_this_package():
    clients = Path(tfae.export.__file__).parent / "clients"
    needed = {}
    for name in ("grpc_client.py", "rest_client.py"):
        source = (clients / name).read_text()
        needed[name] = set(re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE))
    libraries = {"grpc", "numpy", "tensorflow", "tensorflow_serving"}
    assert needed["grpc_client.py"] - sys.stdlib_module_names == libraries
    assert needed["rest_client.py"] <= sys.stdlib_module_names


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
    _, directory, port, rest_port = served
    readme = (directory / "serving" / "README.md").read_text()
    lines = re.findall(r"^    ((?:curl|sh|python|node) .*)$", readme, re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        command = line.replace("localhost:8501", f"127.0.0.1:{rest_port}")
        command = shlex.split(command.replace("localhost:8500", f"127.0.0.1:{port}"), comments=True)
        if command[0] == "sh":
            command += ["encode", f"http://127.0.0.1:{rest_port}"]
        elif command[0] == "curl":
            command += ["--fail", "--silent", "--max-time", "30"]
        elif command[0] == "python":
            command[0] = sys.executable
        if command[1] == "grpc_client.py":
            continue  # has its own test
        if shutil.which(command[0]):
            assert run(directory, *command)


def test_the_files_beside_the_versions_stay_valid_for_a_second_version_of_8_bit_images(
    make_model, tmp_path
):
    model = make_model(tfae.Autoencoder)
    saved_model(model, tmp_path / "m")
    before = {file.name: file.read_bytes() for file in (tmp_path / "m" / "serving").iterdir()}
    saved_model(model, tmp_path / "m", 2, uint8=True)
    assert before == {f.name: f.read_bytes() for f in (tmp_path / "m" / "serving").iterdir()}
    told = [(tmp_path / "m" / v / "assets.extra" / "signatures.md").read_text() for v in "12"]
    assert "| `score` | `x` float32 (n, 8, 8, 1) |" in told[0]
    assert "| `score` | `x` uint8 (n, 8, 8, 1) |" in told[1]
    assert "`reconstruct` is the default" in told[0]


@pytest.mark.slow
def test_the_clients_ask_for_the_newest_version(make_model, serve, tmp_path):
    for version, uint8 in ((1, False), (2, True)):
        saved_model(make_model(tfae.Autoencoder), tmp_path / "m", version, uint8)
    with serve(tmp_path / "m") as (_, port):
        url = f"http://127.0.0.1:{port}"
        said = run(tmp_path / "m", sys.executable, "rest_client.py", url)
        assert said.count("as expected") == 4
        assert "outputs" in run(tmp_path / "m", "sh", "rest_client.sh", "score", url)


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


def test_a_server_can_read_the_version_policy_that_models_config_describes(exported):
    _, directory = exported(tfae.Autoencoder)
    text = (directory / "serving" / "models.config").read_text()
    (policy,) = re.findall(r"`(model_version_policy .*)` into", text)
    text = text.replace('platform: "tensorflow"', f'platform: "tensorflow" {policy}')
    (config,) = text_format.Parse(text, ModelServerConfig()).model_config_list.config
    assert list(config.model_version_policy.specific.versions) == [1]


def test_batching_takes_batches_of_any_size_and_splits_large_ones(exported):
    _, directory = exported(tfae.Autoencoder)
    text = (directory / "serving" / "batching.config").read_text()
    values = dict(re.findall(r"^(\w+) \{ value: (\w+) \}$", text, re.MULTILINE))
    assert values["enable_large_batch_splitting"] == "true"
    assert int(values["max_execution_batch_size"]) < int(values["max_batch_size"])
    # The model takes batches of any size, so padding them to fixed sizes would be wasted work.
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
