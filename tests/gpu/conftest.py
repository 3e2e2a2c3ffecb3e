"""The kernels in PyTorch and JAX, and problems for them. Nothing here needs TensorFlow.

On a machine with a GPU, CUDA's compiler, PyTorch and JAX:

    pytest tests/gpu

builds the kernels (kernels/cuda.py) and tests them. Elsewhere those tests skip and say why; JAX on
the CPU takes the part of the GPU for the tests' own sake.
"""

import os
import pathlib
import sys

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch needs memory, too

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import op_bindings

BACKENDS = {
    "C interface": op_bindings.TorchOp,
    "FFI on GPU": lambda: op_bindings.JaxOp("Cuda"),
    "FFI on CPU": lambda: op_bindings.JaxOp("Cpu"),
}


def _backend(name):
    try:
        return BACKENDS[name]()
    except op_bindings.Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session", params=BACKENDS)
def op(request):
    """The op through each interface."""
    return _backend(request.param)


@pytest.fixture(scope="session")
def torch_op():
    return _backend("C interface")


@pytest.fixture(scope="session")
def jax_op():
    return _backend("FFI on GPU")


@pytest.fixture
def make_problem():
    """Makes arrays of mean, log_variance, seed, z_gradient and kl_gradient."""

    def make(rows, columns, dtype="float32", samples=1, seed=(3, -5)):
        if dtype == "bfloat16":
            dtype = pytest.importorskip("ml_dtypes").bfloat16
        random = np.random.default_rng(0)
        return (
            random.normal(size=(rows, columns)).astype(dtype),
            random.normal(size=(rows, columns)).astype(dtype),
            np.array(seed, "int64"),
            random.normal(size=(samples, rows, columns)).astype(dtype),
            random.normal(size=rows).astype("float64" if dtype == "float64" else "float32"),
        )

    return make


@pytest.fixture
def assert_same_bits():
    def check(actual, expected):
        for name in expected:
            a, e = actual[name], expected[name]
            assert (a.shape, a.dtype, a.tobytes()) == (e.shape, e.dtype, e.tobytes()), name

    return check
