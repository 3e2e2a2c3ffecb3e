"""Installing LiteRT for the web into the cache."""

import json
from pathlib import Path

import pytest

import tfae.explore
from tfae.explore import install

CORE = "node_modules/@litertjs/core"


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Replaces npm by a script, and the cache by an empty folder."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def write(script):
        file = tmp_path / "bin" / "npm"
        file.write_text(f"#!/bin/sh\necho called >> {tmp_path}/calls\n{script}\n")
        file.chmod(0o755)

    return write


def cached(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache" / "tfae").iterdir())


def test_it_is_only_installed_once(npm, tmp_path):
    npm(f"mkdir -p {CORE} && cp package.json {CORE}")
    folder = install()
    assert (folder / "core" / "package.json").exists()
    assert install() == folder
    assert (tmp_path / "calls").read_text() == "called\n"
    assert len(cached(tmp_path)) == 1


def test_a_failure_is_reported_and_leaves_no_files(npm, tmp_path):
    npm("mkdir node_modules; echo 'npm error network is unreachable' >&2; exit 1")
    with pytest.raises(OSError, match="npm could not install it: network is unreachable"):
        install()
    assert cached(tmp_path) == []


def test_without_npm_the_error_says_so(npm, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="npm was not found"):
        install()


def test_an_installed_version_is_used_without_npm(npm, monkeypatch, tmp_path):
    npm(f"mkdir -p {CORE}")
    folder = install()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install() == folder


def test_another_process_may_install_it_at_the_same_time(npm, tmp_path):
    npm(f"mkdir -p {CORE}")
    folder = install()
    version = folder.parents[1]
    version.rename(tmp_path / "done")
    npm(f"mkdir -p {CORE} && cp -r {tmp_path / 'done'} {version}")
    assert install() == folder
    assert cached(tmp_path) == [version.name]


def test_the_version_is_pinned_with_its_checksum():
    folder = Path(tfae.explore.__file__).parent
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
        assert locked[f"node_modules/{name}"]["integrity"].startswith("sha512-")


def test_a_folder_that_cannot_be_written_is_an_error(npm, tmp_path):
    npm("exit 0")
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OSError, match="cache"):
        install()
