"""Data that tests share: real handwritten digits, small enough for every test."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

# Before TensorFlow starts: two logical CPUs, for the tests with two replicas.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


# What is imported stays: no collection needs to look at it again, which makes each much quicker.
gc.collect()
gc.freeze()


@pytest.hookimpl(tryfirst=True)  # before those that read the marks
def pytest_collection_modifyitems(items):
    """One process runs all of a file, so that what its tests share is made once.

    But the longest file is dealt out, test by test.
    """
    for item in items:
        if item.path.name != "test_contract.py" and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.fixture(scope="module", autouse=True)
def _memory():
    """Frees what the tests of a file compiled: a process runs the tests of many files."""
    yield
    keras.utils.clear_session()  # collects garbage, too


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """All 1,797 digits, (n, 8, 8, 1) float32 in [0, 1]; read-only."""
    images = (load_digits().images / 16.0).astype("float32")[..., None]
    images.setflags(write=False)
    return images


@pytest.fixture(scope="session")
def few_digits(digits) -> np.ndarray:
    """203 digits: six batches of 32 and a partial one."""
    return digits[:203]


@pytest.fixture(scope="session")
def two_replicas() -> tf.distribute.MirroredStrategy:
    """Two replicas on one CPU; one strategy, as those of a process mix up their collectives."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
