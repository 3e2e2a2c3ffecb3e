"""Finds the CUDA compiler, and builds a library of the GPU kernels without TensorFlow.

    python kernels/cuda.py               prints the CUDA toolkit as JSON (for Bazel)
    python kernels/cuda.py LIBRARY.so    builds a library for the GPU of this machine

The library has the C interface (kernels/c/tfae_cuda.h) and, if JAX is installed, foreign functions
for JAX (kernels/xla/gaussian_sample_kl_ffi.h).

It needs only Python's standard library. Environment variables:
    TFAE_CUDA: 0 leaves the kernels out, 1 makes a missing nvcc an error.
    NVCC: the compiler, if it is not on the PATH.
"""

import dataclasses
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = ["kernels/core/gaussian_sample_kl_cuda.cu"]

# Code for 7.0 also runs on 7.5, and code for 8.0 on 8.6 and 8.9. For later GPUs, drivers compile
# the PTX of the last architecture.
ARCHITECTURES = (70, 75, 80, 90)

FLAGS = [
    "-std=c++17",
    "-O3",
    "-I.",
    "--prec-sqrt=false",  # 1 ulp, with less than half the instructions
    "-Xcompiler=-fPIC,-Wall,-Wextra",
    "-Xptxas=--warn-on-spills",  # there must be none
]


@dataclasses.dataclass
class Toolkit:
    """A CUDA toolkit.

    Attributes:
        nvcc: Path of the compiler.
        version: Version of the compiler.
        missing: The architectures that it no longer supports, such as "7.0".
        compile_flags: Flags for .cu files, with code for all other `ARCHITECTURES`.
        link_flags: Flags for the linker, which must come before those of TensorFlow's libraries,
            since these define functions with the names of CUDA's runtime. They link that runtime
            statically, for this library only.
    """

    nvcc: str
    version: str
    missing: list[str]
    compile_flags: list[str]
    link_flags: list[str]


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _find_nvcc() -> str | None:
    wanted = os.environ.get("TFAE_CUDA") or None
    if wanted not in (None, "0", "1"):
        raise ValueError(f"TFAE_CUDA must be 0 or 1, not {wanted!r}")
    if wanted == "0":
        return None
    name = os.environ.get("NVCC", "nvcc")
    nvcc = shutil.which(name)
    if nvcc is None and wanted == "1":
        raise ValueError(
            f"TFAE_CUDA is 1, but there is no {name}. Install the CUDA toolkit and put its bin "
            "folder on the PATH, or name the compiler in NVCC. TFAE_CUDA=0 leaves out the kernels "
            "for GPUs."
        )
    return nvcc


def toolkit() -> Toolkit | None:
    """Returns the CUDA toolkit to build with, or None.

    Raises:
        ValueError: If TFAE_CUDA asks for one and there is none.
    """
    nvcc = _find_nvcc()
    if nvcc is None:
        return None
    version = re.search(r"release \S+ (\S+)", _output(nvcc, "--version"))[1]
    available = {int(code) for code in re.findall(r"sm_(\d+)\b", _output(nvcc, "--list-gpu-code"))}
    wanted = [code for code in ARCHITECTURES if code != 75 or 70 not in available]
    built = [code for code in wanted if code in available]
    flags = [f"-gencode=arch=compute_{code},code=sm_{code}" for code in built]
    flags.append(f"-gencode=arch=compute_{built[-1]},code=compute_{built[-1]}")

    # nvcc shows the folders of its libraries only in the commands that it would run.
    dry_run = subprocess.run(
        [nvcc, "--dryrun", "--link", "none.o"], capture_output=True, text=True, check=True
    )
    folders = re.findall(r'"-L([^"]+)"', dry_run.stderr)
    folders = [folder for folder in dict.fromkeys(folders) if not folder.endswith("stubs")]
    return Toolkit(
        nvcc=nvcc,
        version=version,
        missing=[f"{code / 10:.1f}" for code in wanted if code not in built],
        compile_flags=[*FLAGS, "--threads=0", *flags],
        link_flags=[
            *(f"-L{folder}" for folder in folders),
            "-lcudart_static",
            "-Wl,--exclude-libs,libcudart_static.a",
            *("-Wl,--as-needed", "-ldl", "-lrt", "-lpthread"),
        ],
    )


def build_standalone(library: str) -> None:
    """Builds the library of `python kernels/cuda.py LIBRARY.so`."""
    found = toolkit()
    if found is None:
        raise SystemExit("there is no nvcc on the PATH")
    os.chdir(Path(__file__).parents[1])
    sources = [*SOURCES, "kernels/c/tfae_cuda.cc"]
    flags = [*FLAGS, "-arch=native", "-DTFAE_CUDA", "-DNDEBUG", "-w"]
    jaxlib = importlib.util.find_spec("jaxlib")
    if jaxlib is not None:
        flags += ["-isystem", os.path.join(*jaxlib.submodule_search_locations, "include")]
        sources += [
            "kernels/xla/gaussian_sample_kl_ffi.cc",
            "kernels/core/gaussian_sample_kl_cpu.cc",
            "kernels/core/parallel_for_cpu.cc",
            "kernels/core/sample_arguments.cc",
        ]
    command = [found.nvcc, *flags, "-shared", "--cudart=static", *sources, "-o", library]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        build_standalone(os.path.abspath(sys.argv[1]))
    else:
        found = toolkit()
        print(json.dumps(found and dataclasses.asdict(found)))
