"""TensorFlow Datasets: a small data set in its formats, and the real MNIST."""

import time

import numpy as np
import pytest
import tensorflow as tf

from tfae import data
from tfae.data import tfds as reader
from tfae.data.tfds_examples import Content


def batches(folder, **kwargs):
    return list(data.load("mnist", data_dir=folder, labels=True, **kwargs))


def test_all_examples_are_read_with_their_labels(tfds_dir, pixels, classes):
    for memory_limit in (0, 10**9):
        for split, rows in (("train", slice(0, 100)), ("test", slice(100, 120))):
            parts = batches(tfds_dir, split=split, batch_size=16, memory_limit=memory_limit)
            x = np.concatenate([part["x"] for part in parts])
            label = np.concatenate([part["label"] for part in parts])
            wanted = zip(pixels[rows] * np.float32(1 / 255), classes[rows], strict=True)
            assert sorted((bytes(a), int(b)) for a, b in zip(x, label, strict=True)) == sorted(
                (bytes(a), int(b)) for a, b in wanted
            )


def test_memory_and_disk_hold_out_the_same_examples(tfds_dir):
    arguments = {"split": "validation", "validation_split": 0.3, "batch_size": 100}
    from_disk, from_memory = (
        batches(tfds_dir, memory_limit=limit, **arguments)[0] for limit in (0, 10**9)
    )
    np.testing.assert_array_equal(from_disk["x"], from_memory["x"])
    np.testing.assert_array_equal(from_disk["label"], from_memory["label"])


def test_the_split_syntax_of_the_catalogue(tfds_dir):
    whole = batches(tfds_dir, batch_size=100, shuffle=False)[0]["x"].numpy()
    for memory_limit in (0, 10**9):
        part = batches(tfds_dir, split="train[30:90]", batch_size=60, memory_limit=memory_limit)
        np.testing.assert_array_equal(part[0]["x"], whole[30:90])


def test_images_are_resized_and_given_three_channels(tfds_dir):
    batch = batches(tfds_dir, batch_size=4, image_size=(4, 6), channels=3)[0]["x"]
    assert batch.shape == (4, 4, 6, 3)
    assert batch.numpy().max() <= 1


def test_shapes_are_known_without_reading(tfds_dir, monkeypatch):
    monkeypatch.setattr(Content, "extract", lambda *_: pytest.fail("read a record"))
    description = data.find("mnist", tfds_dir).describe("test")
    assert description == data.Description(20, (28, 28, 1), True, tuple(map(str, range(10))), 10)


def test_without_network_the_error_says_how_to_prepare_a_data_set(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "_network_is_reachable", lambda: False)
    start = time.monotonic()
    with pytest.raises(ConnectionError) as caught:
        data.load("fashion_mnist", data_dir=tmp_path)
    assert time.monotonic() - start < 5
    message = str(caught.value)
    assert str(tmp_path / "fashion_mnist") in message
    assert "tfds build fashion_mnist --data_dir" in message
    assert "TFDS_DATA_DIR" in message


def test_a_download_that_fails_is_explained(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def fail(self, **_):
        raise OSError("host unreachable")

    monkeypatch.setattr(reader, "_network_is_reachable", lambda: True)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(ConnectionError, match=r"tfds build mnist.*OSError: host unreachable"):
        data.load("mnist", data_dir=tmp_path)


def test_a_proxy_counts_as_network(monkeypatch):
    monkeypatch.setattr(reader.socket, "getaddrinfo", lambda *_: 1 / 0)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:8080")
    assert reader._network_is_reachable()


def test_a_version_that_does_not_exist_is_refused(tfds_dir):
    with pytest.raises(ValueError, match=r"mnist:9\.9\.9.*cannot be"):
        data.load("mnist:9.9.9", data_dir=tfds_dir)


@pytest.mark.slow
def test_mnist(mnist_dir):
    """The original images: mean pixel and label counts as published."""
    found = data.find("mnist", mnist_dir)
    assert found.describe("train")[:2] == (60000, (28, 28, 1))
    assert found.describe("test").num_examples == 10000
    train = list(found.load("train", 1000, labels=True))
    x = np.concatenate([batch["x"] for batch in train])
    assert abs(x.mean() * 255 - 33.3184) < 1e-3
    label = np.concatenate([batch["label"] for batch in train])
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(label).tolist() == counts


@pytest.mark.slow
def test_mnist_from_disk_is_mnist_from_memory(mnist_dir):
    def sums(**kwargs):
        dataset = data.load("mnist", data_dir=mnist_dir, batch_size=1000, **kwargs)
        return np.sort(np.concatenate([tf.reduce_sum(x, [1, 2, 3]) for x in dataset]))

    np.testing.assert_array_equal(sums(memory_limit=0), sums())
