"""What is installed: the distribution's tags and requirements, and the compiled library."""

import importlib.metadata
import json
import pathlib
import platform
import re
import subprocess
import sys

import pytest

import tfae.ops

LIBRARY = pathlib.Path(tfae.ops.__file__).with_name("_tfae_ops.so")

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files")
x86_64_only = pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64's instruction sets")


@pytest.fixture(scope="module")
def distribution():
    return importlib.metadata.distribution("keras-autoencoders")


def is_editable(distribution):
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    return origin.get("dir_info", {}).get("editable", False)


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_package_in_use_is_the_installed_one(distribution):
    if is_editable(distribution):
        pytest.skip("an editable install is used from its sources")
    assert pathlib.Path(tfae.__file__) == distribution.locate_file("tfae/__init__.py")


def test_the_wheel_is_tagged_with_the_platform_and_any_python_3(distribution):
    if is_editable(distribution):
        pytest.skip("an editable install is no wheel")
    tags = re.findall("^Tag: (.*)$", distribution.read_text("WHEEL"), re.MULTILINE)
    machine = platform.machine()
    assert tags == [tag for tag in tags if re.fullmatch(rf"py3-none-\w+_{machine}", tag)] != []


def test_the_command_is_installed(distribution):
    (command,) = distribution.entry_points.select(group="console_scripts")
    assert (command.name, command.value) == ("tfae", "tfae.cli:main")


@linux_only
def test_the_library_needs_only_tensorflow_and_the_system():
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-d", str(LIBRARY))))
    # CUDA's runtime, which is linked statically, needs the last three on older systems.
    system = {"libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "libc.so.6"}
    system |= {"libdl.so.2", "librt.so.1", "libpthread.so.0"}
    assert needed - system == {
        "libtensorflow_cc.so.2",
        "libtensorflow_framework.so.2",
    } | {name for name in needed if name.startswith("ld-linux")}


@linux_only
def test_the_library_finds_an_installed_tensorflow_beside_it():
    dynamic = output_of("readelf", "-d", str(LIBRARY))
    assert re.search(r"\(RUNPATH\).*\[(.*)\]", dynamic)[1] == "$ORIGIN/../../tensorflow"


@linux_only
def test_the_cuda_runtime_inside_does_not_clash_with_that_of_a_framework():
    symbols = output_of("nm", "--dynamic", str(LIBRARY))
    assert not re.findall(r"\w+ \w (?:__)?cuda[A-Z]\w*$", symbols, re.MULTILINE)
    assert not re.findall(r"U (?:__)?cuda[A-Z]\w*$", symbols, re.MULTILINE)


@pytest.fixture(scope="module")
def vector_registers_of():
    """Returns the vector registers that each function of the library uses.

    "vex" stands for an instruction in the encoding that came with AVX, whatever its registers.
    """
    functions = {}
    for line in output_of("objdump", "-d", "--no-show-raw-insn", str(LIBRARY)).splitlines():
        if match := re.fullmatch(r"[0-9a-f]+ <(.*)>:", line):
            function = match[1]
            functions.setdefault(function, set())
        elif "%" in line:
            functions[function] |= set(re.findall(r"%([xyz]mm)\d", line))
            if re.search(r":\s+v\w+\s.*%[xyz]mm", line):
                functions[function].add("vex")
    return functions


WIDEST_REGISTERS = {"avx512": "zmm", "avx2": "ymm", "baseline": "xmm"}


@linux_only
@x86_64_only
@pytest.mark.parametrize("namespace", WIDEST_REGISTERS)
def test_there_are_kernels_for_each_instruction_set(vector_registers_of, namespace):
    mangled = f"{len(namespace)}{namespace}"
    used = [registers for name, registers in vector_registers_of.items() if mangled in name]
    assert max(set().union(*used)) == WIDEST_REGISTERS[namespace]


@linux_only
@x86_64_only
def test_all_other_code_runs_on_the_baseline(vector_registers_of):
    wide = [name for name, registers in vector_registers_of.items() if registers - {"xmm"}]
    assert [name for name in wide if "6avx512" not in name and "4avx2" not in name] == []
