"""Folders of images."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfae import data
from tfae.data.images import SUFFIXES


def write(path, image, encode=tf.io.encode_png):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(np.asarray(image, np.uint8)).numpy())


def only_batch(path, **kwargs):
    return next(iter(data.load(path, batch_size=10**6, shuffle=False, **kwargs)))


def grey(value, size=(4, 6)):
    return np.full((*size, 1), value)


def test_subfolders_are_classes_in_alphabetical_order(folder, pixels, classes):
    batch = only_batch(folder, labels=True)
    order = np.argsort(classes, kind="stable")
    np.testing.assert_array_equal(batch["x"], pixels[order] * np.float32(1 / 255))
    np.testing.assert_array_equal(batch["label"], classes[order])
    assert data.find(folder).describe().class_names == tuple(f"d{i}" for i in range(10))


def test_a_flat_folder_has_no_labels(tmp_path):
    for i in range(3):
        write(tmp_path / f"{i}.png", grey(i))
    assert only_batch(tmp_path).shape == (3, 4, 6, 1)
    assert not data.find(tmp_path).describe().has_labels


def test_folders_that_are_splits(tmp_path):
    for split, names in (("train", "ab"), ("test", "b"), ("val", "a")):
        for name in names:
            write(tmp_path / split / name / "1.png", grey(255))
    found = data.find(tmp_path)
    assert set(found.splits) == {"train", "test", "validation"}
    assert next(iter(found.load("test", 1, labels=True)))["label"] == [1]
    write(tmp_path / "test" / "c" / "1.png", grey(1))
    with pytest.raises(ValueError, match="training images lack: c"):
        data.find(tmp_path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_formats(tmp_path, suffix):
    image = np.zeros((8, 8, 3))
    image[:4] = 255
    png, jpeg = tf.io.encode_png(np.uint8(image)), tf.io.encode_jpeg(np.uint8(image), quality=100)
    if suffix in (".bmp", ".gif"):
        content = {".bmp": _bmp(np.uint8(image)), ".gif": _gif(np.uint8(image))}[suffix]
    else:
        content = (png if suffix == ".png" else jpeg).numpy()
    (tmp_path / f"1{suffix}").write_bytes(content)
    np.testing.assert_allclose(only_batch(tmp_path)[0], image / 255, atol=0.02)


def _with_pillow(image, kind):
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def _bmp(image):
    return _with_pillow(image, "BMP")


def _gif(image):
    return _with_pillow(image, "GIF")


def test_channels(tmp_path):
    colour = np.zeros((4, 4, 3))
    colour[..., 0] = 255
    write(tmp_path / "rgb" / "1.png", colour)
    write(tmp_path / "rgba" / "1.png", np.concatenate([colour, colour[..., :1]], -1))
    write(tmp_path / "grey" / "1.png", grey(51, (4, 4)))
    np.testing.assert_array_equal(only_batch(tmp_path / "rgb")[0], colour / 255)
    np.testing.assert_array_equal(only_batch(tmp_path / "rgba")[0], colour / 255)
    assert only_batch(tmp_path / "grey").shape[-1] == 1
    assert only_batch(tmp_path / "rgb", channels=1).shape[-1] == 1
    np.testing.assert_allclose(only_batch(tmp_path / "grey", channels=3), 0.2)
    with pytest.raises(ValueError, match=r"channels.*received 2"):
        data.load(tmp_path / "rgb", channels=2)


@pytest.mark.parametrize("memory_limit", [0, 10**9])
def test_sizes_that_differ_need_image_size(tmp_path, memory_limit):
    write(tmp_path / "1.png", grey(100))
    write(tmp_path / "2.png", grey(100, (8, 12)))
    with pytest.raises(
        (ValueError, tf.errors.OpError), match=r"2\.png has the size 8x12, .*image_size"
    ):
        only_batch(tmp_path, memory_limit=memory_limit)
    batch = only_batch(tmp_path, memory_limit=memory_limit, image_size=(2, 3))
    np.testing.assert_allclose(batch, np.full((2, 2, 3, 1), 100 / 255))
    with pytest.raises(ValueError, match=r"image_size.*received"):
        data.load(tmp_path, image_size=(2, 0))


@pytest.mark.parametrize("memory_limit", [0, 10**9])
@pytest.mark.parametrize("damage", ["truncated", "text", "empty"])
def test_an_unreadable_image_is_named(tmp_path, folder, memory_limit, damage):
    broken = tmp_path / "images"
    shutil.copytree(folder, broken)
    path = sorted((broken / "d3").iterdir())[0]
    content = path.read_bytes()
    path.write_bytes({"truncated": content[:60], "text": b"hello", "empty": b""}[damage])
    with pytest.raises((ValueError, tf.errors.OpError), match=f"{path.name} cannot be read"):
        list(data.load(broken, batch_size=8, memory_limit=memory_limit))


def test_a_folder_without_images_or_with_both_kinds_is_explained(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden.png").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no images"):
        data.load(tmp_path)
    write(tmp_path / "1.png", grey(1))
    write(tmp_path / "cat" / "1.png", grey(1))
    with pytest.raises(ValueError, match=r"itself \(1\.png, \.\.\.\) and in subfolders \(cat\)"):
        data.load(tmp_path)
