"""`setup.py` builds the op library, leaves it out, or fails."""

import os
import runpy
import subprocess
import sys
import time
import zipfile

import pytest

ELSEWHERE = "import platform; platform.machine = lambda: 'riscv64'; "
RUN_SETUP = (
    "import runpy, sys; sys.argv[0] = 'setup.py'; runpy.run_path('setup.py', run_name='__main__')"
)


def build_wheel(prelude="", **environment):
    """Runs `setup.py bdist_wheel` in the current folder and returns the finished process."""
    command = [sys.executable, "-c", prelude + RUN_SETUP, "-q", "bdist_wheel"]
    environment = {**os.environ, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def only_wheel(source_tree):
    (wheel,) = (source_tree / "dist").iterdir()
    return wheel


def test_a_missing_compiler_is_an_error_that_says_what_to_do(source_tree):
    result = build_wheel(CXX="no-such-compiler", TFAE_BUILD_KERNELS="1")
    assert result.returncode != 0
    assert "no C++ compiler found (looked for no-such-compiler)" in result.stderr
    assert "apt-get install g++" in result.stderr
    assert "TFAE_BUILD_KERNELS=0" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere failures are messages")
def test_on_linux_x86_64_a_failed_build_is_an_error_by_default(source_tree):
    here = "import platform; platform.machine = lambda: 'x86_64'; "
    result = build_wheel(here, CXX="no-such-compiler", TFAE_BUILD_KERNELS="")
    assert result.returncode != 0


def test_elsewhere_a_failed_build_gives_one_message_and_a_pure_python_wheel(source_tree):
    result = build_wheel(ELSEWHERE, CXX="no-such-compiler", TFAE_BUILD_KERNELS="")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("tfae is installed without its op library: no C++ compiler") == 1
    wheel = only_wheel(source_tree)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "tfae/ops/_tfae_ops.so" not in zipfile.ZipFile(wheel).namelist()


def test_the_library_can_be_left_out(source_tree):
    result = build_wheel(CXX="no-such-compiler", TFAE_BUILD_KERNELS="0")
    assert result.returncode == 0, result.stderr
    wheel = only_wheel(source_tree)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "tfae/ops/_tfae_ops.so" not in zipfile.ZipFile(wheel).namelist()


@pytest.fixture
def cuda(source_tree):
    """`kernels/cuda.py` as a dictionary."""
    return runpy.run_path("kernels/cuda.py")


@pytest.mark.slow
def test_if_kernels_for_gpus_are_required_nvcc_is_needed(source_tree):
    result = build_wheel(NVCC="no-such-nvcc", TFAE_CUDA="1", TFAE_BUILD_KERNELS="1")
    assert result.returncode != 0
    assert "TFAE_CUDA is 1, but there is no no-such-nvcc" in result.stderr


@pytest.mark.parametrize(("wanted", "nvcc"), [("0", "nvcc"), ("", "no-such-nvcc")])
def test_kernels_for_gpus_can_be_left_out_or_missing(cuda, monkeypatch, wanted, nvcc):
    monkeypatch.setenv("TFAE_CUDA", wanted)
    monkeypatch.setenv("NVCC", nvcc)
    assert cuda["toolkit"]() is None


NVCC = """#!/bin/sh
case $1 in
--version) echo 'Cuda compilation tools, release 1.2, V1.2.3' ;;
--list-gpu-code) printf 'sm_%s\\n' {codes} ;;
--dryrun) echo '#$ LIBRARIES= "-L/cuda/lib/stubs" "-L/cuda/lib"' >&2 ;;
esac
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codes", "built", "missing"),
    [
        ("50 70 72 75 80 86 90", ["sm_70", "sm_80", "sm_90", "compute_90"], []),
        ("75 80 86 90 100", ["sm_75", "sm_80", "sm_90", "compute_90"], ["7.0"]),
        ("60 70 75 80 86", ["sm_70", "sm_80", "compute_80"], ["9.0"]),
    ],
)
def test_code_is_generated_for_the_gpus_that_nvcc_knows(
    cuda, monkeypatch, tmp_path, codes, built, missing
):
    nvcc = tmp_path / "nvcc"
    nvcc.write_text(NVCC.replace("{codes}", codes))
    nvcc.chmod(0o755)
    monkeypatch.setenv("NVCC", str(nvcc))
    monkeypatch.delenv("TFAE_CUDA", raising=False)
    toolkit = cuda["toolkit"]()
    assert (toolkit.version, toolkit.missing) == ("V1.2.3", missing)
    assert [flag.split(",code=")[1] for flag in toolkit.compile_flags if ",code=" in flag] == built
    assert [flag for flag in toolkit.link_flags if flag.startswith("-L")] == ["-L/cuda/lib"]


def test_modules_deleted_since_the_last_build_are_not_packed_again(source_tree):
    deleted = source_tree / "tfae" / "deleted.py"
    deleted.touch()
    assert build_wheel(TFAE_BUILD_KERNELS="0").returncode == 0
    deleted.unlink()
    assert build_wheel(TFAE_BUILD_KERNELS="0").returncode == 0
    assert "tfae/deleted.py" not in zipfile.ZipFile(only_wheel(source_tree)).namelist()


@pytest.fixture
def toolchain(setup_py, monkeypatch, tmp_path):
    """The real compiler, with two small sources and no TensorFlow."""
    monkeypatch.setattr(
        setup_py.Toolchain, "_ask_tensorflow", lambda self: ("2.21.0", "/no/such/tensorflow", [])
    )
    (tmp_path / "sources").mkdir()
    monkeypatch.chdir(tmp_path / "sources")
    for name, text in {
        "one.h": "int one();\n",
        "one.cc": '#include "one.h"\nint one() { return 1; }\n',
        "two.cc": "int two() { return 2; }\n",
    }.items():
        (tmp_path / "sources" / name).write_text(text)
    setup_py.OBJECTS.mkdir(parents=True)
    return setup_py.Toolchain


def compiled(toolchain, capsys):
    """Compiles both sources and returns the names of those that were not up to date."""
    capsys.readouterr()
    time.sleep(0.02)  # file times are not more precise
    for source in ("one.cc", "two.cc"):
        toolchain.compile(source)
    return capsys.readouterr().out.replace("compiling ", "").split()


def test_only_changed_sources_are_compiled_again(toolchain, capsys, monkeypatch, tmp_path):
    assert compiled(toolchain(), capsys) == ["one.cc", "two.cc"]
    assert compiled(toolchain(), capsys) == []

    (tmp_path / "sources" / "one.h").touch()
    assert compiled(toolchain(), capsys) == ["one.cc"]

    monkeypatch.setenv("CXXFLAGS", "-DOTHER")
    assert compiled(toolchain(), capsys) == ["one.cc", "two.cc"]


def test_an_error_in_a_source_names_it_and_leaves_no_object(toolchain, setup_py, tmp_path):
    (tmp_path / "sources" / "one.cc").write_text("int one() { return missing; }\n")
    with pytest.raises(setup_py.CompileError, match=r"one\.cc.*missing"):
        toolchain().compile("one.cc")
    assert not list(setup_py.OBJECTS.glob("one.o"))
