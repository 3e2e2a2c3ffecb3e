"""Installs LiteRT for the web with npm, into the user's cache, at first use."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import platformdirs

from tfae.files import atomic_write

_HERE = Path(__file__).parent
_MANIFESTS = ("package.json", "package-lock.json")
_SECONDS = 180


def install() -> Path:
    """Finds LiteRT for the web in the cache, or installs the version that package.json pins.

    Returns:
        The folder of `@litertjs/core` and `@litertjs/wasm-utils`.

    Raises:
        OSError: If it is not there and cannot be installed; the message says why.
    """
    manifests = [_HERE / name for name in _MANIFESTS]
    version = hashlib.sha256(b"".join(file.read_bytes() for file in manifests)).hexdigest()[:16]
    installed = platformdirs.user_cache_path("tfae", appauthor=False) / f"litert-web-{version}"
    if not installed.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise OSError("npm was not found; install Node.js")
        installed.parent.mkdir(parents=True, exist_ok=True)
        try:
            with atomic_write(installed) as new:
                new.mkdir()
                for file in manifests:
                    shutil.copy(file, new)
                _run_npm(npm, new)
        except ValueError:
            if not installed.exists():  # otherwise another process was faster
                raise
    return installed / "node_modules" / "@litertjs"


def _run_npm(npm: str, folder: Path) -> None:
    options = [
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=1",
        "--prefer-offline",
    ]
    try:
        result = subprocess.run(
            [npm, "ci", *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"npm did not finish within {_SECONDS} seconds") from error
    if result.returncode:
        lines = [line.removeprefix("npm error").strip() for line in result.stderr.splitlines()]
        said = " ".join(line for line in lines if line and "complete log" not in line)
        raise OSError(f"npm could not install it: {said[:300]}")
