"""A static server for one page on this machine, which can also run the model with LiteRT."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
import threading
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from tfae.device import DeviceModel

PAGE = Path(__file__).parent / "page"
_LARGEST_REQUEST = 2**26  # bytes
_TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    "": "application/octet-stream",
}


class PageServer(ThreadingHTTPServer):
    """Serves the page to this machine only, until `shutdown`.

    Args:
        run: Folder that `prepare` has written.
        web_runtime: Folder that `install` returned, or `None` to run the model in this process.
        port: Port to listen on; 0 for a free one.

    Raises:
        OSError: If the port is in use.
    """

    daemon_threads = True
    request_queue_size = 512  # waiting connections; the system drops any more

    def __init__(self, run: Path, web_runtime: Path | None = None, port: int = 0):
        self.folders = {"run": run, **({"litert": web_runtime} if web_runtime else {})}
        self.policy = _content_security_policy()
        self._model = DeviceModel(run / "model.tflite")
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores connections that end early: closing a page while it loads is not an error."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def run_model(
        self, signature: str, rows: Any, label: int | None = None
    ) -> dict[str, list[list[float]]]:
        """Runs a signature on rows of flat values, and returns its outputs in the same form.

        Args:
            signature: "encode" or "decode".
            rows: Lists of numbers.
            label: Class of all rows, for a conditional model.

        Raises:
            ValueError: If the rows or the label do not fit the signature.
        """
        values = np.asarray(rows, np.float32)
        labels = {} if label is None else {"label": np.full(len(values), label, np.int32)}
        with self._lock:  # an interpreter can only run in one thread at a time
            if signature == "encode":
                x = values.reshape(len(values), *self._model.metadata["input_shape"])
                outputs = self._model.encode(x, **labels)
            else:
                outputs = {"x": self._model.decode(values, **labels)}
        return {name: output.reshape(len(rows), -1).tolist() for name, output in outputs.items()}


class _Handler(SimpleHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that a silent connection keeps its thread
    disable_nagle_algorithm = True  # or an answer waits 40 ms until its header is acknowledged
    extensions_map = _TYPES

    def do_GET(self) -> None:
        if self._is_acceptable():
            super().do_GET()

    def do_HEAD(self) -> None:
        if self._is_acceptable():
            super().do_HEAD()

    def do_POST(self) -> None:
        """Runs a signature: rows of numbers in, the outputs' rows out, as JSON.

        The class of all rows comes as `?label=3`.
        """
        if not self._is_acceptable():
            return
        url = urlsplit(self.path)
        signature = url.path.removeprefix("/")
        length = self.headers.get("Content-Length", "")
        is_json = self.headers.get_content_type() == "application/json"
        if signature not in ("encode", "decode") or not is_json:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif not re.fullmatch("[0-9]+", length):
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
        elif len(length) > 18 or int(length) > _LARGEST_REQUEST:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            try:
                rows = json.loads(self.rfile.read(int(length)))
                label = parse_qs(url.query).get("label")
                outputs = self.server.run_model(signature, rows, label and int(label[0]))
                body = json.dumps(outputs, allow_nan=False)
            except (ValueError, TypeError, OverflowError, RecursionError) as error:
                self._send_json(json.dumps({"error": str(error)}), HTTPStatus.BAD_REQUEST)
            else:
                self._send_json(body)

    def translate_path(self, path: str) -> str:
        """Returns the file of a URL: a part of the page, or a file in the server's folders."""
        self.directory = str(PAGE)
        first, _, rest = path.removeprefix("/").partition("/")
        if first in self.server.folders:
            self.directory, path = str(self.server.folders[first]), f"/{rest}"
        return super().translate_path(path)

    def list_directory(self, path: str) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")  # another run may have this port next
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...

    def _is_acceptable(self) -> bool:
        """Rejects requests that are malformed, or addressed to another host name.

        Otherwise the page of another site could send requests here under a name of its own.
        """
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in ("127.0.0.1", "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN)
            return False
        try:
            os.fsencode(self.translate_path(urlsplit(self.path).path))
        except ValueError:  # a surrogate, or a bracket that is not closed
            self.send_error(HTTPStatus.BAD_REQUEST)
            return False
        if "\0" in unquote(self.path):
            self.send_error(HTTPStatus.BAD_REQUEST)
            return False
        return True

    def _send_json(self, content: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        body = content.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _content_security_policy() -> str:
    """Makes the policy by which the page loads nothing from elsewhere, and runs only its files."""
    (import_map,) = re.findall(
        r'<script type="importmap">(.*?)</script>', (PAGE / "index.html").read_text(), re.DOTALL
    )
    digest = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    return (
        "default-src 'self'; img-src 'self' blob: data:; "
        f"script-src 'self' 'wasm-unsafe-eval' 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
