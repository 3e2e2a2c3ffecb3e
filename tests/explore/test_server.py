"""The server: what it serves, to whom, and what it refuses."""

import http.client
import json
import re
import socket
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
def test_other_paths_are_not_found(ask, path):
    response, _ = ask("GET", path)
    assert response.status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_requests_under_another_name_are_refused(ask, method):
    """Otherwise another site could reach it by a name that resolves to 127.0.0.1."""
    response, _ = ask(method, "/run/about.json", Host="evil.example:80")
    assert response.status == 403


def test_it_only_listens_on_this_machine(prepared):
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
def test_rows_of_the_wrong_size_are_an_error(ask, rows, signature):
    response, body = post(ask, f"/{signature}", rows)
    assert response.status == 400
    assert json.loads(body)["error"]


def test_a_body_that_is_not_json_is_an_error(ask):
    response, _ = ask("POST", "/decode", "[[1, 2", Content_Type="application/json")
    assert response.status == 400


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/decode", {"Content_Type": "text/plain"}, 404),  # which any site may send without asking
        ("/reconstruct", {}, 404),
        ("/decode?label=1", {}, 400),  # the model takes no label
        ("/decode?label=one", {}, 400),
        ("/decode", {"Content_Length": str(2**40)}, 413),
        ("/decode", {"Content_Length": "two"}, 411),
    ],
)
def test_other_requests_are_refused(ask, path, headers, status):
    response, _ = post(ask, path, [[0, 0]], **headers)
    assert response.status == status


# ---------------------------------------------------------------------------- malformed requests

HOST = b"Host: 127.0.0.1:80\r\n"
JSON = b"Content-Type: application/json\r\n"


def posted(body, path=b"/decode", length=None):
    length = str(len(body)).encode() if length is None else length
    headers = HOST + JSON + b"Content-Length: " + length + b"\r\n\r\n"
    return b"POST " + path + b" HTTP/1.1\r\n" + headers + body


def got(path, version=b" HTTP/1.1"):
    return b"GET " + path + version + b"\r\n" + HOST + b"\r\n"


MALFORMED = {
    "no request line": b"\r\n\r\n",
    "one word": b"GET\r\n\r\n",
    "binary": bytes(range(128, 256)) + b"\r\n\r\n",
    "unknown method": b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",
    "version 0.9": got(b"/", b""),
    "version 7": got(b"/", b" HTTP/7.0"),
    "version of letters": got(b"/", b" HTTP/x.y"),
    "long line": got(b"/" + b"a" * 70000),
    "long name": got(b"/" + b"a" * 5000),
    "many headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    "long header": b"GET / HTTP/1.1\r\na: " + b"b" * 70000 + b"\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "host of bytes": b"GET / HTTP/1.1\r\nHost: \xff\xb2:80\r\n\r\n",
    "null byte": got(b"/%00"),
    "null byte in a folder": got(b"/run/%00"),
    "null byte, not encoded": got(b"/\0"),
    "surrogate": got(b"/%ed%a0%80"),
    "no UTF-8": got(b"/%ff"),
    "open bracket": got(b"//[/"),
    "open bracket in a folder": got(b"http://[::1/run/"),
    "open bracket, posted": posted(b"[[0, 0]]", b"//[/decode"),
    "bad date": b"GET / HTTP/1.1\r\n" + HOST + b"If-Modified-Since: \xff 99\r\n\r\n",
    "length of letters": posted(b"[[0, 0]]", length=b"two"),
    "length of superscripts": posted(b"[[0, 0]]", length=b"\xb2"),
    "length below zero": posted(b"[[0, 0]]", length=b"-1"),
    "length without end": posted(b"[[0, 0]]", length=b"9" * 5000),
    "no length": b"POST /decode HTTP/1.1\r\n" + HOST + JSON + b"\r\n",
    "chunks": b"POST /decode HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n0",
    "no UTF-8 in the body": posted(b"\xff\xfe"),
    "no body": posted(b""),
    "body cut short": posted(b"[[0, 0]", length=b"99"),
    "deep": posted(b"[" * 100000),
    "deep and closed": posted(b"[" * 5000 + b"]" * 5000),
    "integer too large": posted(b"[[" + b"9" * 400 + b", 0]]"),
    "number of too many digits": posted(b"[[" + b"9" * 5000 + b", 0]]"),
    "infinite": posted(b"[[1e999, 0]]"),
    "no number": posted(b"[[NaN, 0]]"),
    "one number": posted(b"1"),
    "truth": posted(b"[[true, null]]"),
    "object": posted(b'[{"code": 1}]'),
    "label too large": posted(b"[[0, 0]]", b"/decode?label=99999999999"),
    "label without end": posted(b"[[0, 0]]", b"/decode?label=" + b"9" * 5000),
    "label of superscripts": posted(b"[[0, 0]]", b"/decode?label=%c2%b2"),
    "label of nothing": posted(b"[[0, 0]]", b"/encode?label="),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_gets_a_reply_and_no_traceback(name, prepared, serve, capfd):
    address = urlsplit(serve(prepared))
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(MALFORMED[name])
        connection.shutdown(socket.SHUT_WR)
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    assert "Traceback" not in capfd.readouterr().err
    if name == "no request line":  # which HTTP allows a server to ignore
        return
    head = re.match(rb"HTTP/1\.1 (\d+) ", reply)
    if head is None:  # of an unknown version: a reply without a head
        assert re.search(rb"<!doctype html>|Error code: [45]\d\d", reply)
    else:
        status = int(head[1])
        exceptions = {"bad date": 200, "unknown method": 501}
        assert status == exceptions[name] if name in exceptions else 400 <= status < 500


def test_two_hundred_clients_at_once_lose_no_connection(prepared, serve):
    address = urlsplit(serve(prepared))
    connections = []
    try:
        for _ in range(200):  # all of them connect before one is served
            connections.append(socket.create_connection((address.hostname, address.port), 20))
        for connection in connections:
            connection.sendall(got(b"/icon.svg"))
        for connection in connections:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    finally:
        for connection in connections:
            connection.close()
