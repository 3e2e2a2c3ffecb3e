"""Settings that hold for every test."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest
import tensorflow as tf

# Before TensorFlow starts: two logical CPUs, for the tests with two replicas.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture
def two_cpus() -> list[str]:
    """The devices of a `MirroredStrategy` with two replicas."""
    return ["CPU:0", "CPU:1"]
