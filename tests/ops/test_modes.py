"""Results are bit-identical eagerly, in graphs, under XLA, and for any number of threads."""

import hashlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae import ops

DTYPES = ["float32", "float64", "float16", "bfloat16"]
SHAPES = [(1,), (4097,), (7, 1), (10, 100), (33, 1025), (2, 3, 5), (2, 1, 2, 31), (0, 5), (3, 0)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_eager_graph_and_xla_give_the_same_bits(make_problem, assert_same_bits, dtype):
    for shape in SHAPES:
        for num_samples in (None, 3):
            problem = make_problem(shape, dtype, num_samples)
            eager = problem.run()
            for jit_compile in (False, True):
                compiled = tf.function(problem.function(), jit_compile=jit_compile)
                assert_same_bits(compiled(*problem.tensors()), eager)


def test_traced_functions_contain_the_kernel(make_problem):
    problem = make_problem((2, 3))
    graph = tf.function(problem.function()).get_concrete_function(*problem.tensors()).graph
    types = {operation.type for operation in graph.get_operations()}
    assert {"Tfae>GaussianSampleKl", "Tfae>GaussianSampleKlGrad"} <= types
    assert not {name for name in types if "Random" in name}


@pytest.mark.parametrize("seed_dtype", ["int32", "int64"])
def test_any_seed_gives_the_same_bits_in_graph_and_xla(make_problem, assert_same_bits, seed_dtype):
    seeds = [(0, 0), (-1, -7), (2**31 - 1, -(2**31))]
    if seed_dtype == "int64":
        seeds += [(2**40 + 3, -(2**62)), (-(2**63), 2**63 - 1)]
    step = make_problem((5, 33)).function()
    compiled = [tf.function(step, jit_compile=jit_compile) for jit_compile in (False, True)]
    for seed in seeds:
        problem = make_problem((5, 33), seed=seed, seed_dtype=seed_dtype)
        for function in compiled:
            assert_same_bits(function(*problem.tensors()), problem.run())


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_a_loop_draws_new_noise_for_each_seed(jit_compile):
    zeros = tf.zeros((4, 5))

    @tf.function(jit_compile=jit_compile)
    def total(first):
        result = zeros
        for i in tf.range(first, first + 4):
            result += ops.gaussian_sample_kl(zeros, zeros, tf.stack([i, 7]))[0]
        return result

    noise = [ops.gaussian_sample_kl(zeros, zeros, tf.constant([i, 7]))[0] for i in range(10, 14)]
    np.testing.assert_allclose(total(tf.constant(10)), tf.add_n(noise), rtol=0, atol=1e-6)


@pytest.mark.parametrize("num_samples", [None, 3])
def test_shapes_may_be_unknown_until_run_time(make_problem, assert_same_bits, num_samples):
    problem = make_problem((6, 5), num_samples=num_samples)
    known = [(None, 5), (None, 5), (2,), None, (None,)]
    for shapes in (known, [None] * 5):
        signature = [
            tf.TensorSpec(shape, tensor.dtype)
            for shape, tensor in zip(shapes, problem.tensors(), strict=True)
        ]
        function = tf.function(problem.function(), input_signature=signature)
        assert_same_bits(function(*problem.tensors()), problem.run())


def test_shapes_are_inferred_as_far_as_they_are_known():
    def shapes(mean_shape, num_samples=None):
        spec = tf.TensorSpec(mean_shape)
        seed = tf.TensorSpec(None, tf.int32)
        function = tf.function(lambda m, v, s: ops.gaussian_sample_kl(m, v, s, num_samples))
        z, kl = function.get_concrete_function(spec, spec, seed).outputs
        return z.shape, kl.shape

    assert shapes((4, 5)) == ((4, 5), (4,))
    z, kl = shapes((None, 5), 3)
    assert z.as_list() == [3, None, 5]
    assert kl.as_list() == [None]
    z, kl = shapes(None, 3)
    assert z.rank is kl.rank is None


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
def test_replicas_give_the_same_bits_as_one_device(
    make_problem, assert_same_bits, two_replicas, compiled
):
    problems = [make_problem((8, 5), seed=(i, 1)) for i in range(2)]
    strategy = two_replicas

    def per_replica(index):
        return strategy.experimental_distribute_values_from_function(
            lambda context: problems[context.replica_id_in_sync_group].tensors()[index]
        )

    arguments = [per_replica(index) for index in range(5)]
    step = problems[0].function()

    def distributed(*arguments):
        return strategy.run(step, arguments)

    results = (tf.function(distributed) if compiled else distributed)(*arguments)
    for replica, problem in enumerate(problems):
        local = {k: strategy.experimental_local_results(v)[replica] for k, v in results.items()}
        assert_same_bits(local, problem.run())


def digest_of_shared_work():
    """Returns a digest of eager and XLA results that are large enough for several threads."""

    def step(mean, log_variance, seed, weight):
        with tf.GradientTape() as tape:
            tape.watch([mean, log_variance])
            z, kl = ops.gaussian_sample_kl(mean, log_variance, seed)
        return [z, kl, *tape.gradient([z, kl], [mean, log_variance], [weight, kl])]

    digest = hashlib.sha256()
    for shape in ((1001, 65), (3, 70001)):
        random = np.random.default_rng(1)
        mean, log_variance, weight = (
            tf.constant(random.normal(size=shape), "float32") for _ in range(3)
        )
        for function in (step, tf.function(step, jit_compile=True)):
            for result in function(mean, log_variance, tf.constant([1, 2]), weight):
                digest.update(result.numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.slow
def test_the_number_of_threads_does_not_change_a_bit():
    root = str(pathlib.Path(tfae.__file__).parents[1])
    other = "1" if os.cpu_count() > 1 else "4"
    process = subprocess.run(
        [sys.executable, __file__, other],
        env=os.environ | {"PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert process.stdout.split()[-1] == digest_of_shared_work()


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
    print(digest_of_shared_work())
