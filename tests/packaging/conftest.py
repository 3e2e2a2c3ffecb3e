"""The source distribution, which most of these tests look at or build from."""

import importlib.util
import os
import pathlib
import subprocess
import sys
import tarfile

import pytest

CHECKOUT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="session")
def sdist(tmp_path_factory):
    """The archive in the folder that TFAE_DIST names, or one made from this checkout."""
    folder = os.environ.get("TFAE_DIST")
    if folder is None:
        if not (CHECKOUT / "setup.py").exists():
            pytest.fail(
                "these tests run in a checkout, or with TFAE_DIST naming a folder with an sdist"
            )
        folder = tmp_path_factory.mktemp("dist")
        command = [sys.executable, "setup.py", "-q", "sdist", "--dist-dir", os.fspath(folder)]
        subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    (archive,) = pathlib.Path(folder).glob("*.tar.gz")
    return archive


@pytest.fixture
def source_tree(sdist, tmp_path, monkeypatch):
    """The unpacked source distribution, as the current folder."""
    with tarfile.open(sdist) as archive:
        # Python 3.11 has filters only since 3.11.4.
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path, **safely)
    (tree,) = tmp_path.iterdir()
    monkeypatch.chdir(tree)
    return tree


@pytest.fixture
def setup_py(source_tree):
    """`setup.py` as a module."""
    spec = importlib.util.spec_from_file_location("tfae_setup", source_tree / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
