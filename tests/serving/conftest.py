"""Exported models, and two programs that run them without this package."""

import contextlib
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.classifier import Classifier
from tfae.export import saved_model

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before those that read the marks
def pytest_collection_modifyitems(items):
    """One process compiles the program, not all that share the tests."""
    for item in items:
        if "conformance" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("conformance"))


def small(model_class, **hyperparameters):
    """A quick model with weights of its own, of 8 x 8 images."""
    keras.utils.set_random_seed(7)
    if hasattr(model_class, "from_shape"):
        hyperparameters = {"hidden_units": (24,), "seed": 7, **hyperparameters}
        model = model_class.from_shape((8, 8, 1), 3, **hyperparameters)
    elif model_class is Classifier:
        stack = small(tfae.StackedAutoencoder, **hyperparameters)
        model = stack.classifier(num_classes=10)
    else:  # a model without networks takes a size and a strength
        model = model_class(16, 0.1, seed=7, **hyperparameters)
        model.build((None, 8, 8, 1))
    random = np.random.default_rng(0)
    for w in model.trainable_variables:  # biases are not zero, as if it were trained
        w.assign(w + 0.05 * random.standard_normal(w.shape))
    return model


@pytest.fixture(
    params=[
        m
        if m in (tfae.VariationalAutoencoder, Classifier)
        else pytest.param(m, marks=pytest.mark.slow)
        for m in [*tfae.models.MODELS.values(), Classifier]
    ],
    ids=lambda m: m.__name__,
)
def model_class_at_length(request):
    """Every class of model; all but two in slow tests."""
    return request.param


@pytest.fixture(scope="session")
def make_model():
    """Makes a small model of a class; the same one every time."""
    return small


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Returns a model of a class and the folder of its export; each is made once."""
    made = {}

    def export(model_class):
        if model_class not in made:
            model = small(model_class)
            directory = tmp_path_factory.mktemp("exported") / model_class.__name__
            saved_model(model, directory)
            made[model_class] = model, directory
        return made[model_class]

    return export


@pytest.fixture(scope="session")
def conformance(request):
    """Runs conformance.cc on a model's folder; it is compiled once for each of its versions."""
    package = Path(tf.__file__).parent
    source = (HERE / "conformance.cc").read_bytes()
    version = hashlib.sha256(source + f"{tf.__version__} {package}".encode()).hexdigest()[:16]
    program = request.config.cache.mkdir("conformance") / version
    if not program.exists():
        _compile(HERE / "conformance.cc", program, package)

    def run(directory):
        return subprocess.run([program, directory], capture_output=True, text=True, timeout=120)

    return run


def _compile(source, program, package):
    command = [
        *os.environ.get("CXX", "g++").split(),
        "-std=c++17",
        "-Wall",
        "-Wextra",
        "-Werror",
        *(flag.replace("-I", "-isystem", 1) for flag in tf.sysconfig.get_compile_flags()),
        source,
        "-o",
        program.with_suffix(".new"),
        f"-L{package}",
        f"-Wl,-rpath,{package}",
        "-Wl,--no-as-needed",
        "-l:libtensorflow_cc.so.2",
        "-l:libtensorflow_framework.so.2",
        "-pthread",
    ]
    compiled = subprocess.run(command, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr
    program.with_suffix(".new").rename(program)


@pytest.fixture(scope="session")
def serve():
    """A context manager that serves a model's folder; it yields the gRPC and the REST port."""

    @contextlib.contextmanager
    def serve(directory, batching=False):
        command = [sys.executable, HERE / "server.py", directory]
        if batching:
            command += ["--batching", directory / "serving" / "batching.config"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                ports = server.stdout.readline().split()
                assert ports, "the server did not start"
                yield tuple(map(int, ports))
            finally:
                server.stdin.close()
                server.wait(30)

    return serve
