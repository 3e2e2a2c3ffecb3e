"""Builds the op library, tfae/ops/_tfae_ops.so. Everything else is in pyproject.toml.

Environment variables:
    TFAE_BUILD_KERNELS: 0 leaves the library out; with 1, a failure to build it is an error on every
        platform. If it is not set, a failure is an error on Linux x86-64. Elsewhere it is a
        message, and models then run on plain TensorFlow operations.
    TFAE_CUDA: 0 leaves out the kernels for NVIDIA GPUs; with 1, a missing nvcc is an error. If it
        is not set, they are built if there is an nvcc.
    CXX, CXXFLAGS, LDFLAGS: the compiler and additional flags, as usual. NVCC: CUDA's compiler.
"""

import glob
import hashlib
import json
import os
import platform
import runpy
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, ExecError

LIBRARY = Path("tfae/ops/_tfae_ops.so")  # the same on macOS: tf.load_op_library takes any name
BUILD_BASE = ".build"  # not "build", which on macOS would be the same name as Bazel's BUILD
OBJECTS = Path(BUILD_BASE, "kernels")  # in the source tree, so that the next build finds them

WITHOUT_LIBRARY = (
    "TFAE_BUILD_KERNELS=0 installs tfae without its op library: "
    "models then run on plain TensorFlow operations, slower."
)

CUDA = runpy.run_path("kernels/cuda.py")  # how nvcc is found, and its flags


def kernel_sources() -> list[str]:
    """Every C++ source of the op library, relative to the source tree."""
    sources = glob.glob("kernels/**/*.cc", recursive=True)
    sources = [source for source in sources if not source.endswith("_test.cc")]
    return sorted(sources, reverse=True)  # xla/ first, which takes the longest to compile


def failure_is_an_error() -> bool:
    """Whether a failure to build the library stops the installation."""
    forced = os.environ.get("TFAE_BUILD_KERNELS") == "1"
    return forced or (sys.platform == "linux" and platform.machine() == "x86_64")


class Toolchain:
    """A compiler, with flags for the TensorFlow that the library will run with."""

    def __init__(self):
        self.compiler = self._find_compiler()
        self.compiler_version = self._run([*self.compiler, "--version"]).splitlines()[0]
        self.tensorflow_version, self._tensorflow, flags = self._ask_tensorflow()

        # As system headers, TensorFlow's are neither warned about nor checked for changes.
        headers = [flag.replace("-I", "-isystem", 1) for flag in flags]
        self.compile_flags = [
            *headers,
            "-I.",
            "-std=c++17",
            "-O3",
            "-fPIC",
            "-DNDEBUG",  # as TensorFlow itself is built: some of its inline functions depend on it
            "-Wall",
            "-Wextra",
            f"-ffile-prefix-map={self._tensorflow}=tensorflow",
            *shlex.split(os.environ.get("CXXFLAGS", "")),
        ]
        self.link_flags = ["-shared", *shlex.split(os.environ.get("LDFLAGS", ""))]
        self.cuda = self._find_cuda()
        if self.cuda:
            self.compile_flags.append("-DTFAE_CUDA")
            # Before TensorFlow's libraries, which define functions with the same names as CUDA's
            # runtime.
            self.link_flags += self.cuda.link_flags
        if sys.platform == "darwin":
            self.link_flags += ["-undefined", "dynamic_lookup"]  # found in the loaded TensorFlow
        else:
            self.link_flags += [
                f"-L{self._tensorflow}",
                "-l:libtensorflow_cc.so.2",
                "-l:libtensorflow_framework.so.2",
                # For programs that load the library without importing TensorFlow first.
                "-Wl,-rpath,$ORIGIN/../../tensorflow",
            ]

    @staticmethod
    def _ask_tensorflow() -> tuple[str, str, list[str]]:
        # In another process, since TensorFlow writes to the terminal while it is imported.
        script = (
            "import json, os, tensorflow as tf; print(json.dumps([tf.__version__, "
            "os.path.dirname(tf.__file__), tf.sysconfig.get_compile_flags()]))"
        )
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        if result.returncode:
            raise CompileError(
                "the op library is compiled against TensorFlow, which cannot be imported: "
                f"{result.stderr.strip().splitlines()[-1]}. Install it, or leave out "
                f"--no-build-isolation, so that pip installs it. {WITHOUT_LIBRARY}"
            )
        return tuple(json.loads(result.stdout.splitlines()[-1]))

    @staticmethod
    def _find_cuda():
        try:
            found = CUDA["toolkit"]()
        except ValueError as error:
            raise CompileError(str(error)) from error
        if found and found.missing:
            print(f"CUDA {found.version} does not support the GPUs {', '.join(found.missing)}")
        return found

    @staticmethod
    def _find_compiler() -> list[str]:
        candidates = [os.environ["CXX"]] if "CXX" in os.environ else ["c++", "g++", "clang++"]
        for candidate in candidates:
            command = shlex.split(candidate)
            if command and shutil.which(command[0]):
                return command
        raise CompileError(
            f"no C++ compiler found (looked for {', '.join(candidates)}). "
            "Install one (Debian and Ubuntu: apt-get install g++), or name it in CXX. "
            + WITHOUT_LIBRARY
        )

    @staticmethod
    def _run(command: list[str]) -> str:
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise CompileError(f"{shlex.join(command)}\n{result.stdout}{result.stderr}")
        sys.stderr.write(result.stderr)  # warnings
        return result.stdout

    def compile(self, source: str) -> Path:
        """Compiles one file, unless its object file is up to date."""
        target = OBJECTS / Path(source.replace("/", "-")).with_suffix(".o")
        dependencies = target.with_suffix(".d")
        made_with = target.with_suffix(".key")
        command = self._command(source)
        key = self._key(command)
        if not _is_current(target, dependencies, made_with, key):
            print(f"compiling {source}", flush=True)
            made_with.unlink(missing_ok=True)  # an interrupted build must not look complete
            self._run([*command, "-MMD", "-MF", str(dependencies), "-o", str(target)])
            made_with.write_text(key)
        return target

    def _command(self, source: str) -> list[str]:
        if source.endswith(".cu"):
            return [self.cuda.nvcc, *self.cuda.compile_flags, "-c", source]
        return [*self.compiler, *self.compile_flags, "-c", source]

    def _key(self, command: list[str]) -> str:
        # Isolated builds install TensorFlow at a new path each time, so the path is left out.
        command = [part.replace(self._tensorflow, "tensorflow") for part in command]
        cuda_version = self.cuda.version if self.cuda else ""
        parts = [self.tensorflow_version, self.compiler_version, cuda_version, *command]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def build(self, sources: list[str], library: Path) -> None:
        """Compiles the sources, including those for GPUs, in parallel, and links them."""
        if self.cuda:
            sources = [*sources, *CUDA["SOURCES"]]
        OBJECTS.mkdir(parents=True, exist_ok=True)
        library.parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(self.compile, sources))
        print(f"linking {library}", flush=True)
        # Written under another name and renamed: a running program may have mapped the old library.
        new = library.with_suffix(f".{os.getpid()}.tmp")
        self._run([*self.compiler, *map(str, objects), *self.link_flags, "-o", str(new)])
        new.replace(library)


def _is_current(target: Path, dependencies: Path, made_with: Path, key: str) -> bool:
    try:
        if made_with.read_text() != key:
            return False
        # "target.o: a.cc b.h \\\n c.h", as make reads it.
        inputs = dependencies.read_text().split(":", 1)[1].replace("\\\n", " ").split()
        made = target.stat().st_mtime_ns
        return all(Path(name).stat().st_mtime_ns < made for name in inputs)
    except FileNotFoundError:
        return False


class BuildLibrary(build_ext):
    """Builds the library where setuptools expects an extension module."""

    def run(self) -> None:
        """Builds the library; where failure is allowed, reports it and leaves the library out."""
        try:
            super().run()
        except (CompileError, ExecError) as error:
            if failure_is_an_error():
                raise
            print(f"tfae is installed without its op library: {error}", file=sys.stderr)
            self.extensions = []
            self.distribution.ext_modules = []  # the wheel is then pure Python
            package_root = "." if self.editable_mode else self.build_lib
            Path(package_root, LIBRARY).unlink(missing_ok=True)  # from an earlier build

    def build_extension(self, ext: Extension) -> None:
        """Compiles and links."""
        toolchain = Toolchain()
        library = Path(self.get_ext_fullpath(ext.name))
        try:
            toolchain.build(ext.sources, library)
        except CompileError as error:
            without_cuda = "TFAE_CUDA=0 leaves out the kernels for GPUs. " if toolchain.cuda else ""
            raise CompileError(
                f"the op library did not compile with {toolchain.compiler_version}; the compiler's "
                f"messages are below. {without_cuda}{WITHOUT_LIBRARY}\n{error}"
            ) from error

    def get_ext_filename(self, fullname: str) -> str:
        """A name without an ABI tag: the library does not depend on Python's binary interface."""
        return os.path.join(*fullname.split(".")) + ".so"


class TagWheel(bdist_wheel):
    """Tags the wheel with the platform only, or with nothing if it has no library."""

    def run(self) -> None:
        """Builds the library first, since the kind of wheel depends on whether that works."""
        # Otherwise modules that have been deleted since an earlier build would be packed again.
        shutil.rmtree(self.get_finalized_command("build").build_lib, ignore_errors=True)
        self.run_command("build")
        self.skip_build = True
        self.root_is_pure = not self.distribution.has_ext_modules()
        super().run()

    def get_tag(self) -> tuple[str, str, str]:
        """Any Python 3 works: the library does not use its binary interface."""
        platform_tag = super().get_tag()[2]
        return "py3", "none", platform_tag


def main() -> None:
    """Runs setuptools, with the library as an extension module unless it is left out."""
    build = os.environ.get("TFAE_BUILD_KERNELS")
    if build not in (None, "", "0", "1"):
        raise SystemExit(f"TFAE_BUILD_KERNELS must be 0 or 1, not {build!r}")
    name = ".".join(LIBRARY.with_suffix("").parts)
    setup(
        ext_modules=[] if build == "0" else [Extension(name, kernel_sources())],
        options={"build": {"build_base": BUILD_BASE}},
        cmdclass={"build_ext": BuildLibrary, "bdist_wheel": TagWheel},
    )


if __name__ == "__main__":
    main()
