"""A small model, and the browser that looks at it."""

import importlib.util
import json
import os
import shutil
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

import tfae
from tfae.explore import PageServer, install, prepare


def _browser_module():
    spec = importlib.util.spec_from_file_location("browser", Path(__file__).parent / "browser.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def need(program: str | None, reason: str) -> None:
    """Skips the test where there is no such program, but never under continuous integration."""
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium for all tests of a process."""
    module = _browser_module()
    need(module.find(), "needs Chromium (Debian: apt install chromium)")
    with module.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def web_runtime():
    """The folder of LiteRT for the web."""
    need(shutil.which("npm"), "needs npm (Debian: apt install npm)")
    return install()


@pytest.fixture(scope="session")
def vae(digits) -> keras.Model:
    """A variational model of 8x8 digits with a code of two numbers."""
    model = tfae.VariationalAutoencoder.from_shape(
        (8, 8, 1), latent_dim=2, hidden_units=(64,), seed=0
    )
    model.compile(jit_compile=False)
    model.fit(digits[:1400], epochs=8, batch_size=64, verbose=0)
    return model


@pytest.fixture(scope="session")
def run(vae, tmp_path_factory) -> Path:
    """The folder of a run of that model."""
    folder = tmp_path_factory.mktemp("runs") / "digits-vae"
    folder.mkdir()
    vae.save(folder / "model.keras")
    of_data = dict.fromkeys(["data_dir", "binarize", "image_size", "channels", "label_column"])
    of_data |= {"data": "digits", "scale": "auto", "labels": False, "validation_split": 0.0}
    training = {"epochs": 1, "batch_size": 128, "seed": 0}
    config = {"model": "variational", "hyperparameters": {}, "data": of_data, "training": training}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def serve():
    """Serves in a thread, a folder once: `serve(folder, web_runtime)` returns the URL."""
    servers = {}

    def start(folder: Path, web_runtime: Path | None = None) -> str:
        key = folder, web_runtime
        if key not in servers:
            servers[key] = PageServer(folder, web_runtime)
            threading.Thread(target=servers[key].serve_forever, daemon=True).start()
        return servers[key].url

    yield start
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def prepared(vae, digits, tmp_path_factory) -> Path:
    """The page's files of the variational model, to be decoded by the server."""
    folder = tmp_path_factory.mktemp("prepared")
    labels = np.arange(397) % 10
    names = {"run": "digits-vae", "data": "digits test", "server_reason": "npm was not found"}
    prepare(vae, digits[1400:], folder, labels, **names)
    return folder
