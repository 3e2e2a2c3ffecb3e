"""If the library cannot be used, one warning says why, and plain TensorFlow takes over."""

import ast
import pathlib
import re
import warnings

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels

from tfae import ops
from tfae.ops import library

BUILT = pathlib.Path(library.__file__).with_name("_tfae_ops.so")
MARK = rb"(tfae ops built for TensorFlow graph version )(\d+)"


def not_built(path):
    pass


def not_a_library(path):
    path.write_bytes(b"GIF89a")


def for_another_tensorflow(path):
    path.write_bytes(re.sub(MARK, lambda mark: mark[1] + b"7" * len(mark[2]), BUILT.read_bytes()))


def for_another_platform(path):
    path.write_bytes(b"not an ELF file, but " + re.search(MARK, BUILT.read_bytes())[0] + b"\0")


STATES = {
    not_built: "there is no file .*/library.so: it was not built",
    not_a_library: "library.so is not a library of tfae ops",
    for_another_tensorflow: "library.so was built for another TensorFlow, of graph version 7+",
    for_another_platform: "library.so cannot be loaded: ",
}


@pytest.fixture(params=STATES, ids=lambda state: state.__name__)
def unusable(request, tmp_path, monkeypatch):
    """A library that is missing or unusable; the value is the reason given in the warning."""
    path = tmp_path / "library.so"
    request.param(path)
    monkeypatch.setenv("TFAE_OPS_LIBRARY", str(path))
    library.operations.cache_clear()
    yield STATES[request.param]
    library.operations.cache_clear()


@pytest.fixture
def usable(monkeypatch):
    """As if a program had started with a library in another place."""
    monkeypatch.setenv("TFAE_OPS_LIBRARY", str(BUILT))
    library.operations.cache_clear()
    yield
    library.operations.cache_clear()


def train(steps=20):
    """Returns the losses of a small linear variational autoencoder."""
    random = np.random.default_rng(0)
    data = tf.constant(random.normal(size=(64, 8)), "float32")
    encoder = tf.Variable(random.normal(size=(8, 6)) / 4, dtype="float32")
    decoder = tf.Variable(random.normal(size=(3, 8)) / 4, dtype="float32")

    @tf.function
    def step(seed):
        with tf.GradientTape() as tape:
            mean, log_variance = tf.split(data @ encoder, 2, axis=-1)
            z, kl = ops.gaussian_sample_kl(mean, log_variance, seed)
            error = tf.reduce_sum((z @ decoder - data) ** 2, axis=-1)
            loss = tf.reduce_mean(error + kl)
        for variable, gradient in zip(
            (encoder, decoder), tape.gradient(loss, [encoder, decoder]), strict=True
        ):
            variable.assign_sub(0.01 * gradient)
        return loss

    return [float(step(tf.constant([i, 0]))) for i in range(steps)]


def test_a_single_warning_says_why_and_how_to_rebuild(unusable):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            ops.gaussian_sample_kl([0.0], [0.0], [1, 2])
            assert not ops.kernel_available()
    messages = [str(w.message) for w in caught if "tfae" in str(w.message)]
    assert len(messages) == 1
    assert re.search(f"tfae runs without its compiled ops: .*{unusable}", messages[0])
    assert "pip install" in messages[0]


@pytest.mark.filterwarnings("ignore:tfae runs without")
def test_the_reference_takes_over(unusable, make_problem, assert_same_bits):
    problem = make_problem((4, 5), num_samples=2)
    assert_same_bits(problem.run(), problem.run(ops.gaussian_sample_kl_reference))


@pytest.mark.filterwarnings("ignore:tfae runs without")
def test_models_train_to_the_same_values(unusable, request):
    losses = train()
    library.operations.cache_clear()
    request.getfixturevalue("monkeypatch").delenv("TFAE_OPS_LIBRARY")
    assert ops.kernel_available()
    np.testing.assert_allclose(losses, train(), rtol=1e-5)
    assert losses[-1] < 0.9 * losses[0]


def test_a_library_without_gpu_kernels_is_not_used_on_a_machine_with_a_gpu(monkeypatch):
    devices = {"CPU": ["a"], "GPU": ["b"]}
    monkeypatch.setattr(tf.config, "list_physical_devices", devices.get)
    monkeypatch.setattr(library, "_has_kernel", lambda device: device == "CPU")
    library.operations.cache_clear()
    with pytest.warns(UserWarning, match="has no GPU kernel, and this machine has a GPU"):
        assert not ops.kernel_available()
    library.operations.cache_clear()


def test_an_environment_variable_can_name_the_library(usable):
    assert ops.kernel_available()


def test_kernel_available_answers_for_each_kind_of_device():
    assert ops.kernel_available()
    assert ops.kernel_available("cpu")
    assert not ops.kernel_available("TPU")


def test_gpu_kernels_exist_with_and_without_xla_for_both_passes_or_not_at_all():
    built_with_cuda = b"tfae_cuda_gaussian_sample_kl" in BUILT.read_bytes()
    assert ops.kernel_available("GPU") == built_with_cuda
    for op in ("Tfae>GaussianSampleKl", "Tfae>GaussianSampleKlGrad"):
        registered = kernels.get_registered_kernels_for_op(op).kernel
        devices = {kernel.device_type for kernel in registered}
        gpus = {"GPU", "XLA_GPU_JIT"} if built_with_cuda else set()
        assert devices == {"CPU", "XLA_CPU_JIT"} | gpus


def test_the_ops_import_only_the_checks_of_numbers_from_the_package():
    for path in pathlib.Path(ops.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert (
                    node.module.split(".")[0] != "tfae"
                    or node.module.startswith("tfae.ops")
                    or node.module == "tfae.arguments"
                )
