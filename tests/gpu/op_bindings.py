"""The op's kernels in PyTorch, through their C interface, and in JAX, as foreign functions.

Neither needs TensorFlow. Tensors are those of kernels/c/tfae_cuda.h: mean and log_variance
`[rows, columns]`, z `[samples, rows, columns]`, an int64 seed `[2]`.
"""

import ctypes
import functools
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[2]


class Unavailable(Exception):
    """Says what is missing."""


@functools.cache
def library():
    """The kernels' library: tfae's own or, where there is no TensorFlow, one that is built now.

    TFAE_KERNELS_LIBRARY names another.
    """
    path = os.environ.get("TFAE_KERNELS_LIBRARY")
    if path is None and importlib.util.find_spec("tensorflow") is not None:
        from tfae import ops

        path = pathlib.Path(ops.__file__).with_name("_tfae_ops.so")
        if not ops.kernel_available():
            raise Unavailable(f"{path} cannot be used")
    if path is None:
        path = os.path.join(tempfile.mkdtemp(), "tfae_kernels.so")
        subprocess.run([sys.executable, ROOT / "kernels" / "cuda.py", path], check=True)
    loaded = ctypes.CDLL(os.fspath(path))
    if hasattr(loaded, "tfae_cuda_workspace_bytes"):
        int32, int64, pointer = ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p
        sizes = [int32, int64, int64, int64]
        loaded.tfae_cuda_workspace_bytes.argtypes = sizes
        loaded.tfae_cuda_workspace_bytes.restype = int64
        for function, pointers in (
            (loaded.tfae_cuda_gaussian_sample_kl, 7),
            (loaded.tfae_cuda_gaussian_sample_kl_gradient, 8),
        ):
            function.argtypes = [*sizes, *[pointer] * pointers]
            function.restype = ctypes.c_char_p
    return loaded


def torch_on_gpu():
    """The module torch, where it and the kernels can use a GPU."""
    if importlib.util.find_spec("torch") is None:
        raise Unavailable("PyTorch is not installed")
    import torch

    if not torch.cuda.is_available():
        raise Unavailable("PyTorch sees no GPU")
    if not hasattr(library(), "tfae_cuda_workspace_bytes"):
        raise Unavailable("the library was built without CUDA")
    return torch


class TorchOp:
    """The op on PyTorch's tensors, on its current stream."""

    def __init__(self):
        self.torch = torch_on_gpu()
        torch = self.torch
        self._types = {torch.float32: 0, torch.float64: 1, torch.float16: 2, torch.bfloat16: 3}

    def _sizes(self, samples, mean):
        return self._types[mean.dtype], samples, *mean.shape

    def _check(self, error):
        if error:
            raise RuntimeError(error.decode())

    def _stream(self):
        return self.torch.cuda.current_stream().cuda_stream

    def workspace(self, samples, mean):
        """What the forward pass needs besides; None for most shapes."""
        size = library().tfae_cuda_workspace_bytes(*self._sizes(samples, mean))
        return self.torch.empty(size, dtype=self.torch.uint8, device="cuda") if size else None

    def forward(self, mean, log_variance, seed, z, kl, workspace=None):
        """Sets z and kl."""
        self._check(
            library().tfae_cuda_gaussian_sample_kl(
                *self._sizes(z.shape[0], mean),
                *(tensor.data_ptr() for tensor in (mean, log_variance, seed, z, kl)),
                None if workspace is None else workspace.data_ptr(),
                self._stream(),
            )
        )

    def backward(
        self,
        mean,
        log_variance,
        seed,
        z_gradient,
        kl_gradient,
        mean_gradient,
        log_variance_gradient,
    ):
        """Sets both gradients."""
        tensors = (mean, log_variance, seed, z_gradient, kl_gradient)
        results = (mean_gradient, log_variance_gradient)
        self._check(
            library().tfae_cuda_gaussian_sample_kl_gradient(
                *self._sizes(z_gradient.shape[0], mean),
                *(tensor.data_ptr() for tensor in (*tensors, *results)),
                self._stream(),
            )
        )

    def run(self, mean, log_variance, seed, z_gradient, kl_gradient):
        """Both passes on tensors of the GPU; new tensors by name."""
        empty = self.torch.empty_like
        results = {
            "z": empty(z_gradient),
            "kl": empty(kl_gradient),
            "mean_gradient": empty(mean),
            "log_variance_gradient": empty(mean),
        }
        z, kl, *gradients = results.values()
        workspace = self.workspace(len(z), mean)
        self.forward(mean, log_variance, seed, z, kl, workspace)
        self.backward(mean, log_variance, seed, z_gradient, kl_gradient, *gradients)
        return results

    def tensor(self, array):
        """A NumPy array on the GPU."""
        torch = self.torch
        if array.dtype.name == "bfloat16":
            return torch.from_numpy(array.view("int16").copy()).cuda().view(torch.bfloat16)
        return torch.from_numpy(array.copy()).cuda()

    def array(self, tensor):
        """A tensor as a NumPy array."""
        if tensor.dtype == self.torch.bfloat16:
            import ml_dtypes

            return tensor.cpu().view(self.torch.int16).numpy().view(ml_dtypes.bfloat16)
        return tensor.cpu().numpy()

    def evaluate(self, *arrays):
        """`run` from NumPy to NumPy."""
        results = self.run(*map(self.tensor, arrays))
        return {name: self.array(tensor) for name, tensor in results.items()}


class JaxOp:
    """The op on JAX's arrays; `device` is "Cpu" or "Cuda"."""

    def __init__(self, device):
        if importlib.util.find_spec("jax") is None:
            raise Unavailable("JAX is not installed")
        import jax

        jax.config.update("jax_enable_x64", True)
        platform = {"Cpu": "cpu", "Cuda": "cuda"}[device]
        try:
            self.device = jax.devices(platform)[0]
        except RuntimeError as error:
            raise Unavailable(f"JAX sees no {platform} device") from error
        if not hasattr(library(), f"TfaeGaussianSampleKl{device}"):
            raise Unavailable("the library was built without CUDA, or without JAX")
        self.jax = jax
        for name in ("TfaeGaussianSampleKl", "TfaeGaussianSampleKlGrad"):
            function = getattr(library(), name + device)
            jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(function), platform=platform)

    def forward(self, mean, log_variance, seed, samples):
        """Returns z and kl."""
        kl_dtype = "float64" if mean.dtype == "float64" else "float32"
        call = self.jax.ffi.ffi_call(
            "TfaeGaussianSampleKl",
            (
                self.jax.ShapeDtypeStruct((samples, *mean.shape), mean.dtype),
                self.jax.ShapeDtypeStruct(mean.shape[:-1], kl_dtype),
            ),
        )
        return call(mean, log_variance, seed)

    def backward(self, mean, log_variance, seed, z, z_gradient, kl_gradient):
        """Returns both gradients."""
        shape = self.jax.ShapeDtypeStruct(mean.shape, mean.dtype)
        call = self.jax.ffi.ffi_call("TfaeGaussianSampleKlGrad", (shape, shape))
        return call(mean, log_variance, seed, z, z_gradient, kl_gradient)

    @functools.cached_property
    def run(self):
        """Both passes in one compiled function; new arrays by name."""

        @self.jax.jit
        def run(mean, log_variance, seed, z_gradient, kl_gradient):
            z, kl = self.forward(mean, log_variance, seed, z_gradient.shape[0])
            gradients = self.backward(mean, log_variance, seed, z, z_gradient, kl_gradient)
            return {
                "z": z,
                "kl": kl,
                "mean_gradient": gradients[0],
                "log_variance_gradient": gradients[1],
            }

        return run

    def evaluate(self, *arrays):
        """`run` from NumPy to NumPy."""
        import numpy as np

        arguments = [self.jax.device_put(array, self.device) for array in arrays]
        return {name: np.asarray(array) for name, array in self.run(*arguments).items()}
