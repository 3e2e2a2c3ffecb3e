"""What only a GPU can show: streams, graphs, memory, sizes, and NVIDIA's sanitizer."""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import philox_oracle
import pytest

DTYPES = ["float32", "float64", "float16", "bfloat16"]


def arrays_of(torch_op, results):
    return {name: torch_op.array(tensor) for name, tensor in results.items()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(50, 33), (64, 1024)], ids=str)
def test_gradients_may_overwrite_their_inputs(
    torch_op, make_problem, assert_same_bits, shape, dtype
):
    mean, log_variance, seed, z_gradient, kl_gradient = map(
        torch_op.tensor, make_problem(*shape, dtype)
    )
    apart = torch_op.run(mean, log_variance, seed, z_gradient, kl_gradient)
    z = apart["z"].clone()
    torch_op.backward(mean, log_variance, seed, z_gradient, kl_gradient, z_gradient[0], z[0])
    shared = {"mean_gradient": z_gradient[0], "log_variance_gradient": z[0]}
    expected = {name: apart[name] for name in shared}
    assert_same_bits(arrays_of(torch_op, shared), arrays_of(torch_op, expected))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_may_lie_anywhere(torch_op, make_problem, assert_same_bits, dtype):
    torch = torch_op.torch
    mean, log_variance, seed, z_gradient, kl_gradient = map(
        torch_op.tensor, make_problem(9, 64, dtype)
    )

    def shifted(tensor):
        moved = torch.empty(tensor.numel() + 1, dtype=tensor.dtype, device="cuda")[1:]
        return moved.view(tensor.shape).copy_(tensor)

    aligned = torch_op.run(mean, log_variance, seed, z_gradient, kl_gradient)
    moved = {name: shifted(tensor) for name, tensor in aligned.items()}
    for tensor in moved.values():
        tensor.zero_()
    z, kl, *gradients = moved.values()
    torch_op.forward(shifted(mean), shifted(log_variance), seed, z, kl)
    torch_op.backward(
        shifted(mean), shifted(log_variance), seed, shifted(z_gradient), kl_gradient, *gradients
    )
    assert_same_bits(arrays_of(torch_op, moved), arrays_of(torch_op, aligned))


def test_only_the_results_are_written(torch_op, make_problem):
    torch = torch_op.torch
    margin = 64
    for shape in [(3, 31), (128, 64), (2, 16387)]:
        arguments = list(map(torch_op.tensor, make_problem(*shape)))
        sizes = [arguments[3].shape, arguments[4].shape, arguments[0].shape, arguments[0].shape]
        padded = [torch.full((size.numel() + 2 * margin,), 7.0, device="cuda") for size in sizes]
        z, kl, *gradients = (
            tensor[margin:-margin].view(size) for tensor, size in zip(padded, sizes, strict=True)
        )
        torch_op.forward(*arguments[:3], z, kl, torch_op.workspace(1, arguments[0]))
        torch_op.backward(*arguments, *gradients)
        for tensor in padded:
            assert (tensor[:margin] == 7).all()
            assert (tensor[-margin:] == 7).all()
            assert not (tensor[margin:-margin] == 7).any()


def test_kernels_run_in_order_on_their_stream_and_do_not_block_the_host(torch_op, make_problem):
    torch = torch_op.torch
    problem = make_problem(64, 1024)
    mean, *others = map(torch_op.tensor, problem)
    late = torch.zeros_like(mean)
    torch_op.run(mean, *others)  # the kernels are loaded
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda._sleep(200_000_000)  # about 0.1 s
        late.copy_(mean)
        results = torch_op.run(late, *others)
        done = torch.cuda.Event()
        done.record()
        assert not done.query(), "the call waited for the GPU"
        done.synchronize()
    expected = philox_oracle.evaluate(*problem)
    np.testing.assert_allclose(torch_op.array(results["z"]), expected["z"], rtol=1e-5, atol=1e-5)


def test_a_graph_of_launches_draws_new_noise_for_each_seed(torch_op, make_problem):
    torch = torch_op.torch
    problem = list(make_problem(1024, 128))
    arguments = list(map(torch_op.tensor, problem))
    torch_op.run(*arguments)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = torch_op.run(*arguments)
    for seed in [(3, -5), (11, 12)]:
        problem[2] = np.array(seed)
        arguments[2].copy_(torch.tensor(seed))
        graph.replay()
        torch.cuda.synchronize()
        for name, value in philox_oracle.evaluate(*problem).items():
            np.testing.assert_allclose(
                torch_op.array(results[name]), value, rtol=1e-5, atol=1e-5, err_msg=name
            )


def test_wrong_arguments_are_reported_and_launch_nothing(torch_op, make_problem):
    import op_bindings

    library = op_bindings.library()
    assert library.tfae_cuda_workspace_bytes(9, 1, 1, 1) == -1
    assert b"type" in library.tfae_cuda_gaussian_sample_kl(9, 1, 1, 1, *[None] * 7)
    assert b"negative" in library.tfae_cuda_gaussian_sample_kl(0, 1, -1, 1, *[None] * 7)
    mean, log_variance, seed, z, kl = map(torch_op.tensor, make_problem(1, 1 << 20))
    with pytest.raises(RuntimeError, match="workspace is NULL"):
        torch_op.forward(mean, log_variance, seed, z, kl)


@pytest.mark.parametrize("shape", [(1, 2**31 + 12), (2**31 // 3 + 5, 3)], ids=str)
def test_tensors_may_have_more_than_2_to_the_31_elements(torch_op, shape):
    torch = torch_op.torch
    needed = 5 * 2 * np.prod(shape)
    if torch.cuda.mem_get_info()[0] < needed + 2**30:
        pytest.skip(f"the GPU has less than {needed / 2**30:.0f} GiB of free memory")
    mean = torch.zeros(shape, dtype=torch.float16, device="cuda")
    seed = torch.tensor([3, -5], device="cuda")
    kl = torch.empty(shape[0], device="cuda")
    z = torch.empty((1, *shape), dtype=torch.float16, device="cuda")
    torch_op.forward(mean, mean, seed, z, kl, torch_op.workspace(1, mean))
    gradients = [torch.empty_like(mean) for _ in range(2)]
    torch_op.backward(mean, mean, seed, z, kl, *gradients)
    assert (kl == 0).all()
    for first in (0, 2**31 - 8, mean.numel() - 16):
        expected = philox_oracle.noise((3, -5), 16, first)
        part = slice(first, first + 16)
        np.testing.assert_allclose(z.view(-1)[part].cpu(), expected, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(
            gradients[1].view(-1)[part].cpu(), expected**2 / 2, rtol=4e-3, atol=4e-3
        )


EXERCISE = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import op_bindings

op = op_bindings.TorchOp()
random = np.random.default_rng(0)
for dtype in (op.torch.float32, op.torch.float64, op.torch.float16, op.torch.bfloat16):
    kl_dtype = op.torch.float64 if dtype == op.torch.float64 else op.torch.float32
    for samples, rows, columns in [(1, 1, 1), (3, 5, 7), (1, 40, 31), (1, 128, 64), (2, 3, 4097),
                                   (1, 2, 16384), (1, 1, 33001), (64, 1, 12)]:
        def normal(*shape, dtype=dtype):
            return op.tensor(random.normal(size=shape)).to(dtype)
        op.run(normal(rows, columns), normal(rows, columns), op.torch.tensor([1, 2]).cuda(),
               normal(samples, rows, columns), normal(rows, dtype=kl_dtype))
op.torch.cuda.synchronize()
"""


@pytest.mark.parametrize("tool", ["memcheck", "racecheck", "synccheck", "initcheck"])
def test_compute_sanitizer_finds_nothing(torch_op, tool):
    if shutil.which("compute-sanitizer") is None:
        pytest.skip("there is no compute-sanitizer on the PATH")
    import op_bindings

    environment = {
        "TFAE_KERNELS_LIBRARY": op_bindings.library()._name,
        "PYTORCH_NO_CUDA_MEMORY_CACHING": "1",  # each tensor is an allocation with bounds
    }
    checker = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "9"]
    result = subprocess.run(
        [*checker, sys.executable, "-c", EXERCISE, pathlib.Path(__file__).parent],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
