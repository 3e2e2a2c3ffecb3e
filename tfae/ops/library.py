"""Finds and loads the compiled library, or warns why it cannot."""

import ctypes
import functools
import os
import pathlib
import re
import types
import warnings

import tensorflow as tf

# This environment variable names a library elsewhere, such as one that Bazel built.
_PATH_VARIABLE = "TFAE_OPS_LIBRARY"
_DEFAULT_PATH = pathlib.Path(__file__).with_name("_tfae_ops.so")
# The library contains this text (kernels/tensorflow/gaussian_sample_kl_op.cc). Each minor version
# of TensorFlow has another graph version.
_BUILT_FOR = re.compile(rb"tfae ops built for TensorFlow graph version (\d+)")
_FUNCTIONS_OF_DEVICES = {"CPU": "TfaeGaussianSampleKlCpu", "GPU": "TfaeGaussianSampleKlCuda"}

_REBUILD = (
    "Samples, KL and gradients are computed by plain TensorFlow instead: the same values, more "
    "slowly. To build the library for this TensorFlow, install a C++17 compiler and run "
    "`pip install --force-reinstall --no-deps .` in tfae's source folder."
)


def _load(path: pathlib.Path) -> types.ModuleType:
    """Loads the library at `path`, or raises an `OSError` that says why it cannot."""
    if not path.is_file():
        raise OSError(f"there is no file {path}: it was not built, or not for this platform")
    # TensorFlow's C++ interface changes between minor versions in ways that the dynamic linker may
    # not notice, so versions are compared before any code of the library runs.
    built_for = _BUILT_FOR.search(path.read_bytes())
    if built_for is None:
        raise OSError(f"{path} is not a library of tfae ops")
    if int(built_for[1]) != tf.version.GRAPH_DEF_VERSION:
        raise OSError(
            f"{path} was built for another TensorFlow, of graph version {int(built_for[1])}; this "
            f"is TensorFlow {tf.__version__}, of graph version {tf.version.GRAPH_DEF_VERSION}"
        )
    try:
        return tf.load_op_library(os.fspath(path))
    except (tf.errors.OpError, OSError) as error:
        raise OSError(f"{path} cannot be loaded: {error}") from error


def _path() -> pathlib.Path:
    return pathlib.Path(os.environ.get(_PATH_VARIABLE) or _DEFAULT_PATH)


def _has_kernel(device: str) -> bool:
    # TensorFlow has no public way to list an op's kernels. A library with kernels for a device also
    # exports the functions for XLA on that device, under these names.
    function = _FUNCTIONS_OF_DEVICES.get(device)
    return function is not None and hasattr(ctypes.CDLL(os.fspath(_path())), function)


@functools.cache
def operations() -> types.ModuleType | None:
    """The compiled ops as TensorFlow wraps them; None, after one warning, if there are none."""
    path = _path()
    try:
        loaded = _load(path)
        # XLA would refuse to compile for a GPU, and data would go to the CPU and back.
        if tf.config.list_physical_devices("GPU") and not _has_kernel("GPU"):
            raise OSError(
                f"{path} has no GPU kernel, and this machine has a GPU (to build the kernel, put "
                "CUDA's compiler, nvcc, on the PATH)"
            )
        return loaded
    except OSError as error:
        warnings.warn(f"tfae runs without its compiled ops: {error}. {_REBUILD}", stacklevel=3)
        return None


def kernel_available(device: str = "CPU") -> bool:
    """Whether the compiled kernel of `gaussian_sample_kl` is loaded and covers a device type.

    Args:
        device: A device type as TensorFlow names it, "CPU" or "GPU".

    Returns:
        True if the compiled kernel samples tensors on such devices, False if plain TensorFlow does.
        If the library cannot be loaded, the first call warns and says why.
    """
    return operations() is not None and _has_kernel(device.upper())
