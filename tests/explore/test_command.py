"""The command `tfae explore`: what it prints, and what it refuses."""

import errno
import os
import shlex
import shutil
import signal
import socket

import keras
import pytest
from click.testing import CliRunner

from tfae.cli import main
from tfae.cli.commands import explore
from tfae.explore import PageServer


@pytest.fixture
def tfae(monkeypatch, tmp_path):
    """Runs `tfae explore ...` until it listens; without npm, in an empty folder."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def interrupted(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", interrupted)

    def run(command, exit_code=0):
        arguments = ["explore", *shlex.split(command)]
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == exit_code, result.output
        assert not list((tmp_path / "temporary").glob("tfae-explore-*"))
        return " ".join(result.output.split())

    return run


@pytest.fixture
def already_prepared(prepared, monkeypatch):
    """The files of the page are only copied, since making them takes most of the time."""

    def copy(model, config, folder, **_):
        shutil.copytree(prepared, folder, dirs_exist_ok=True)

    monkeypatch.setattr(explore, "_prepare", copy)


@pytest.fixture
def vae_run(run, tmp_path):
    """A run in the folder `vae`, which a test may damage."""
    return shutil.copytree(run, tmp_path / "vae")


def test_it_prints_the_address_and_why_the_browser_does_not_decode(tfae, vae_run, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    said = tfae("vae --no-browser")
    assert "npm was not found" in said
    assert "http://127.0.0.1:" in said
    assert said.endswith("Stopped.")
    assert opened == []


@pytest.mark.slow
def test_it_opens_the_page_at_the_port_that_is_given(tfae, vae_run, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = tfae(f"vae --port {port}")
    assert opened == [f"http://127.0.0.1:{port}/"]
    assert opened[0] in said


@pytest.mark.usefixtures("already_prepared")
def test_a_port_in_use_is_refused(tfae, vae_run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = tfae(f"vae --no-browser --port {port}", exit_code=2)
    assert f"Error: Port {port} is in use; choose another with --port" in said


@pytest.mark.usefixtures("already_prepared")
def test_a_port_that_the_user_may_not_use_is_refused(tfae, vae_run, monkeypatch):
    def refused(server, *arguments):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(PageServer, "__init__", refused)
    said = tfae("vae --no-browser --port 80", exit_code=2)
    assert "Error: Port 80 is not allowed for this user; choose another with --port" in said


@pytest.mark.usefixtures("already_prepared")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_it_leaves_no_temporary_folder(tfae, vae_run, monkeypatch, name):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    seen = []

    def ended(server):
        seen.extend(os.listdir("temporary"))
        signal.raise_signal(number)

    monkeypatch.setattr(PageServer, "serve_forever", ended)
    tfae("vae --no-browser", exit_code=128 + number)
    assert len(seen) == 1  # and the fixture sees that it is gone
    assert signal.getsignal(number) is before


def test_a_folder_that_is_not_a_run_is_refused(tfae):
    assert "nothing is not the folder of a run" in tfae("nothing --no-browser", exit_code=2)
    os.mkdir(".vae.partial")
    assert "add --resume to its command to continue" in tfae("vae --no-browser", exit_code=2)


def test_a_half_written_model_is_refused(tfae, vae_run):
    content = (vae_run / "model.keras").read_bytes()
    (vae_run / "model.keras").write_bytes(content[: len(content) // 2])
    assert "model.keras is missing or damaged" in tfae("vae --no-browser", exit_code=2)


def test_a_model_without_a_decoder_is_refused(tfae, vae_run):
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()]).save(vae_run / "model.keras")
    said = tfae("vae --no-browser", exit_code=2)
    assert "Sequential does not decode codes" in said
