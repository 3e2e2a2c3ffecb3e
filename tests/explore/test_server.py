"""The server: what it gives, to whom, and what it turns away."""

import http.client
import json
from urllib.parse import urlsplit

import numpy as np
import pytest

from tfae.explore import PageServer


@pytest.fixture(scope="module")
def ask(serve, prepared, tmp_path_factory):
    web_runtime = tmp_path_factory.mktemp("litert")
    (web_runtime / "a.wasm").write_bytes(b"\0asm")
    address = urlsplit(serve(prepared, web_runtime)).netloc

    def request(method, path, body=None, **headers):
        connection = http.client.HTTPConnection(address, timeout=20)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        response = connection.getresponse()
        return response, response.read()

    return request


def post(ask, path, value, **headers):
    return ask("POST", path, json.dumps(value), **{"Content_Type": "application/json", **headers})


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/style.css", "text/css"),
        ("/main.js", "text/javascript"),
        ("/icon.svg", "image/svg+xml"),
        ("/litert/a.wasm", "application/wasm"),
        ("/run/about.json", "application/json"),
        ("/run/model.tflite", "application/octet-stream"),
    ],
)
def test_files_have_their_types(ask, path, kind):
    response, body = ask("GET", path)
    assert (response.status, response.headers["Content-Type"]) == (200, kind)
    assert body
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/run/",
        "/litert/",
        "/../server.py",
        "/run/../../server.py",
        "/run/%2e%2e/x",
        "/favicon.ico",
    ],
)
def test_there_is_nothing_else(ask, path):
    response, _ = ask("GET", path)
    assert response.status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_requests_under_another_name_are_refused(ask, method):
    """A page elsewhere could else reach it by a name that leads to 127.0.0.1."""
    response, _ = ask(method, "/run/about.json", Host="evil.example:80")
    assert response.status == 403


def test_it_listens_on_this_machine_only(prepared):
    with PageServer(prepared) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_it_encodes_and_decodes_as_the_model_does(ask, vae, digits):
    x, z = digits[:3], np.float32([[0, 0], [1, -2]])
    response, body = post(ask, "/encode", x.reshape(3, -1).tolist())
    assert response.status == 200
    np.testing.assert_allclose(json.loads(body)["code"], vae.encode(x), rtol=1e-4, atol=1e-5)
    assert "log_variance" in json.loads(body)
    _, body = post(ask, "/decode", z.tolist())
    decoded = np.reshape(json.loads(body)["x"], (2, 8, 8, 1))
    np.testing.assert_allclose(decoded, vae.decode(z), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "rows", [[[1, 2, 3]], [["a", "b"]], "x", 3, None, [], {"code": [1, 2]}, [[1, 2], [1]]]
)
@pytest.mark.parametrize("signature", ["encode", "decode"])
def test_rows_that_do_not_fit_are_an_error(ask, rows, signature):
    response, body = post(ask, f"/{signature}", rows)
    assert response.status == 400
    assert json.loads(body)["error"]


def test_a_body_that_is_no_json_is_an_error(ask):
    response, _ = ask("POST", "/decode", "[[1, 2", Content_Type="application/json")
    assert response.status == 400


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/decode", {"Content_Type": "text/plain"}, 404),  # what any site may send unasked
        ("/reconstruct", {}, 404),
        ("/decode?label=1", {}, 400),  # of a model that takes none
        ("/decode?label=one", {}, 400),
        ("/decode", {"Content_Length": str(2**40)}, 413),
    ],
)
def test_other_requests_are_turned_away(ask, path, headers, status):
    response, _ = post(ask, path, [[0, 0]], **headers)
    assert response.status == status
