"""The fused op on a GPU, compared with a copy and with what PyTorch and JAX users would write.

    python benchmarks/op_gpu.py [--rounds 20]

Needs a GPU, CUDA's compiler and PyTorch, but no TensorFlow; JAX is included if it is installed. The
kernels are those that tests/gpu tests, built for this GPU (kernels/cuda.py).

Every contender computes z, kl and, for given gradients of both, the gradients of the mean and the
log-variance, in float32, each time with new noise. The steps use several sets of tensors in turn,
together larger than the GPU's caches, so that tensors come from memory as they do in training;
steps in JAX loop over one set. They are queued before the GPU starts on them, so no CPU time is
included. Each figure is the median of all rounds.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

from _results import publish

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "gpu"))

import numpy as np
from op_bindings import JaxOp, TorchOp, Unavailable, torch_on_gpu

SHAPES = [(1024, 128), (64, 16384), (1024, 4096), (16384, 4096)]
# Tensors that a pass must read and write once.
FORWARD, BACKWARD = 3, 5


def tensors(torch, shape):
    """mean, log_variance, seed, and gradients of z and kl."""
    seed = torch.tensor([1, 2], device="cuda")
    mean, log_variance, z_gradient = torch.randn((3, *shape), device="cuda")
    return mean, log_variance, seed, z_gradient[None], torch.randn(shape[0], device="cuda")


class Timer:
    """The median time of a step on the GPU, in milliseconds; each function is one step."""

    def __init__(self, torch, rounds):
        self.torch = torch
        self.rounds = rounds

    def __call__(self, functions, steps=None):
        event = self.torch.cuda.Event
        times = []
        for _ in range(self.rounds + 2):
            self.torch.cuda.synchronize()
            self.torch.cuda._sleep(30_000_000)  # some 15 ms, during which the steps are queued
            begin, end = event(enable_timing=True), event(enable_timing=True)
            begin.record()
            for function in functions:
                function()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / (steps or len(functions)))
        return statistics.median(times[2:])

    def graph(self, functions):
        """The same, for functions captured in a CUDA graph."""
        torch = self.torch
        with torch.cuda.stream(torch.cuda.Stream()):
            for function in functions[:3]:
                function()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for function in functions:
                function()
        return self([graph.replay], steps=len(functions))


def tfae_steps(op, mean, log_variance, seed, z_gradient, kl_gradient):
    """Functions without arguments: the forward pass, the backward pass, both with a new seed."""
    empty = op.torch.empty_like
    z, kl, gradients = empty(z_gradient), empty(kl_gradient), (empty(mean), empty(mean))
    workspace = op.workspace(1, mean)

    def forward():
        op.forward(mean, log_variance, seed, z, kl, workspace)

    def backward():
        op.backward(mean, log_variance, seed, z_gradient, kl_gradient, *gradients)

    def both():
        seed.add_(1)
        forward()
        backward()

    return {
        "copy": lambda: gradients[0].copy_(mean),
        "forward": forward,
        "backward": backward,
        "tfae": both,
    }


def pytorch_sample(torch):
    """z and kl as a PyTorch user would write them."""

    def sample(mean, log_variance):
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        terms = mean**2 + torch.exp(log_variance) - 1 - log_variance
        return z, 0.5 * torch.sum(terms, dim=-1)

    return sample


def pytorch_step(torch, sample, mean, log_variance, _, z_gradient, kl_gradient):
    """A function without arguments: sampling, KL and the backward pass."""
    m, v = (tensor.clone().requires_grad_() for tensor in (mean, log_variance))

    def step():
        z, kl = sample(m, v)
        return z, kl, torch.autograd.grad([z, kl], [m, v], [z_gradient[0], kl_gradient])

    return step


def jax_milliseconds(device, arrays, rounds, steps=20):
    """A step in plain JAX, and one with the op as a foreign function, in loops inside one program.

    The loop keeps Python out of the measurement; a barrier makes it compute all results of every
    step.
    """
    op = JaxOp(device)
    import jax
    import jax.numpy as jnp

    mean, log_variance, _, z_gradient, kl_gradient = (
        jax.device_put(array, op.device) for array in arrays
    )

    def plain(key, mean, log_variance):
        def sample(mean, log_variance):
            noise = jax.random.normal(jax.random.key(key), mean.shape, mean.dtype)
            z = mean + jnp.exp(0.5 * log_variance) * noise
            return z, 0.5 * jnp.sum(mean**2 + jnp.exp(log_variance) - 1 - log_variance, axis=-1)

        (z, kl), backward = jax.vjp(sample, mean, log_variance)
        return z, kl, *backward((z_gradient[0], kl_gradient))

    def fused(key, mean, log_variance):
        seed = jnp.stack([key.astype("int64"), jnp.int64(1)])
        z, kl = op.forward(mean, log_variance, seed, 1)
        return z, kl, *op.backward(mean, log_variance, seed, z, z_gradient, kl_gradient)

    def loop(step):
        def body(i, carried):
            first, m, v, total = carried
            m, v = jax.lax.optimization_barrier((m, v))
            results = jax.lax.optimization_barrier(step(first + i, m, v))
            return first, m, v, total + sum(result.ravel()[0] for result in results)

        return jax.jit(
            lambda first, m, v: jax.lax.fori_loop(0, steps, body, (first, m, v, jnp.float32(0)))[3]
        )

    figures = {}
    for name, step in (("JAX\njit", plain), ("tfae in\nJAX", fused)):
        run = loop(step)
        times = []
        for turn in range(rounds + 1):
            begin = time.perf_counter()
            run(jnp.int32(turn * steps), mean, log_variance).block_until_ready()
            times.append(1e3 * (time.perf_counter() - begin) / steps)
        figures[name] = statistics.median(times[1:])
    return figures


def measure(op, timer, shape):
    """Milliseconds per step for each contender, for one shape."""
    torch = op.torch
    # Six tensors per step; together at least 256 MB, and at least 4 steps.
    count = int(max(4, min(64, 2**28 / (24 * np.prod(shape)))))
    sets = [tensors(torch, shape) for _ in range(count)]
    eager = pytorch_sample(torch)
    compiled = torch.compile(eager, dynamic=False)
    contenders = {
        "PyTorch\neager": [pytorch_step(torch, eager, *each) for each in sets],
        "torch\ncompile": [pytorch_step(torch, compiled, *each) for each in sets],
    }
    ours = [tfae_steps(op, *each) for each in sets]
    contenders.update({name: [each[name] for each in ours] for name in ours[0]})
    times = {name: timer(functions) for name, functions in contenders.items()}
    times["tfae,\ngraph"] = timer.graph(contenders["tfae"])
    times["PyTorch,\ngraph"] = timer.graph(contenders["PyTorch\neager"])
    try:
        arrays = [tensor.cpu().numpy() for tensor in sets[0]]
        times.update(jax_milliseconds("Cuda", arrays, timer.rounds))
    except Unavailable as missing:
        print(missing)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    try:
        torch = torch_on_gpu()
    except Unavailable as missing:
        raise SystemExit(f"Nothing can be measured: {missing}.") from missing
    op = TorchOp()
    timer = Timer(torch, arguments.rounds)

    rows, data = [], {}
    for shape in SHAPES:
        times = measure(op, timer, shape)
        data[f"{shape[0]}x{shape[1]}"] = times
        size = 4 * np.prod(shape)
        rates = {
            "copy": 2 * size / times["copy"],
            "forward": FORWARD * size / times["forward"],
            "backward": BACKWARD * size / times["backward"],
        }

        def ratio(name, ours, times=times):
            return f"{times[name] / times[ours]:.1f}x" if name in times else ""

        rows.append(
            [
                f"{shape[0]} x {shape[1]}",
                f"{times['tfae']:.4f}",
                *(f"{rate / 1e9:.2f}" for rate in rates.values()),  # of bytes per ms
                *(f"{rates[name] / rates['copy']:.0%}" for name in ("forward", "backward")),
                ratio("PyTorch\neager", "tfae"),
                ratio("torch\ncompile", "tfae"),
                ratio("PyTorch,\ngraph", "tfae,\ngraph"),
                ratio("JAX\njit", "tfae in\nJAX"),
            ]
        )
    publish(
        "op_gpu",
        "The op on a GPU, forward and backward (float32)",
        [
            "shape",
            "tfae\nms",
            *("copy\nTB/s", "forward\nTB/s", "backward\nTB/s"),
            *("forward\nby copy", "backward\nby copy"),
            *("against\nPyTorch eager", "against\ntorch.compile"),
            *("against PyTorch,\nboth in a CUDA graph", "against JAX jit,\nboth in JAX"),
        ],
        rows,
        data={"milliseconds": data},
        effort={"rounds": arguments.rounds},
        note=f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}. Rates count every "
        "tensor that must be read or written once; the copy is from one such tensor to another.",
    )


if __name__ == "__main__":
    main()
