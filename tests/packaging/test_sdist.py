"""What the source distribution contains."""

import tarfile

import pytest


@pytest.fixture
def names(sdist):
    with tarfile.open(sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "setup.py",
        "tfae/ops/__init__.py",
        "tfae/explore/package-lock.json",
        "tfae/explore/page/index.html",
        "tfae/explore/page/main.js",
        "kernels/core/gaussian_sample_kl.h",
        "kernels/core/gaussian_sample_kl_cpu.cc",
        "kernels/core/gaussian_sample_kl_cuda.cu",
        "kernels/cuda.py",
        "kernels/tensorflow/gaussian_sample_kl_op.cc",
        "kernels/xla/gaussian_sample_kl_xla.cc",
        "tests/packaging/test_sdist.py",
    ],
)
def test_the_sdist_has_what_pip_builds_and_the_tests(names, name):
    assert name in names


@pytest.mark.parametrize(
    "name",
    [
        ".bazelrc",
        "BUILD",
        "MODULE.bazel",
        "WORKSPACE",
        "third_party/cuda/repository.bzl",
        "third_party/tensorflow/repository.bzl",
        "third_party/debian/rules_cc/cc/defs.bzl",
    ],
)
def test_the_sdist_has_what_bazel_builds(names, name):
    assert name in names


def test_the_sdist_has_no_build_results(names):
    built = (".so", ".o", ".pyc", ".dylib")
    assert not [name for name in names if name.endswith(built) or name.startswith(".build/")]
