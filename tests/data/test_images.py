"""Folders of images."""

import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageFile, ImageOps

from tfae import data
from tfae.data.image_file import read_header, read_image
from tfae.endings import IMAGES


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
    assert found.splits[0] == "train"
    assert set(found.splits) == {"train", "test", "validation"}
    assert next(iter(found.load("test", 1, labels=True)))["label"] == [1]
    (tmp_path / "validation").mkdir()
    with pytest.raises(ValueError, match=r"two folders for the split 'validation': val"):
        data.find(tmp_path)


def test_the_layout_of_mvtec_ad(tmp_path):
    for path in ("train/good", "test/broken_small", "test/good", "test/broken_large"):
        write(tmp_path / path / "000.png", grey(99))
    write(tmp_path / "ground_truth" / "broken_large" / "000_mask.png", grey(255, (9, 9)))
    (tmp_path / "license.txt").write_text("free")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = data.find(tmp_path)
    assert found.splits == ("train", "test")
    train, test = found.describe("train"), found.describe("test")
    assert (train.num_examples, train.class_names, train.num_classes) == (1, ("good",), 1)
    assert (test.num_examples, test.num_classes) == (3, 3)
    assert test.class_names == ("good", "broken_large", "broken_small")
    batch = next(iter(found.load("test", 3, labels=True)))
    assert batch["label"].numpy().tolist() == [1, 2, 0]


def test_a_folder_with_a_test_split_alone(tmp_path):
    write(tmp_path / "test" / "good" / "1.png", grey(1))
    found = data.find(tmp_path)
    assert found.splits == ("test",)
    assert len(next(iter(found.load("test", 1)))) == 1
    write(tmp_path / "exam" / "1.png", grey(1))  # beside other folders it is a class
    assert data.find(tmp_path).describe("train").class_names == ("exam", "test")


def test_files_that_are_left_out_are_reported(tmp_path):
    for name in ("1.png", "sub/2.png"):
        write(tmp_path / "cat" / name, grey(1))
    for name in ("a.heic", "b.txt", "sub/c.txt", "sub/d.txt", ".hidden"):
        (tmp_path / "cat" / name).write_text("hello")
    with pytest.warns(
        UserWarning, match=r"Left out of .*: 4 \(cat/a\.heic, cat/b\.txt, .*\.\.\.\)"
    ):
        assert data.find(tmp_path).describe().num_examples == 2
    write(tmp_path / "train" / "cat" / "1.png", grey(1))
    with pytest.warns(UserWarning, match=r"Left out of .*: 1 \(cat\)\.$"):
        data.find(tmp_path)


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    write(tmp_path / "cat" / "1.png", grey(1))
    write(tmp_path / "cat" / "locked" / "2.png", grey(1))
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="locked"):
        data.find(tmp_path)


def test_names_with_brackets_or_not_in_utf_8(tmp_path):
    folder = tmp_path / "[a-z]*" / os.fsdecode(b"caf\xe9")
    write(folder / "[1].png", grey(255))
    write(folder / os.fsdecode(b"\xff.png"), grey(0))
    batch = only_batch(tmp_path / "[a-z]*", labels=True)
    assert batch["x"].shape == (2, 4, 6, 1)
    (name,) = data.find(tmp_path / "[a-z]*").describe().class_names
    assert name == r"caf\udce9"  # can be printed


@pytest.mark.parametrize("suffix", IMAGES)
@pytest.mark.parametrize("image", ["colour", "grey", "palette", "grey palette"])
def test_formats(tmp_path, suffix, image):
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = (250, 20, 20) if image in ("colour", "palette") else 200
    stored = Image.fromarray(pixels)
    if image == "grey":
        stored = stored.convert("L")
    elif image.endswith("palette") and suffix not in (".jpg", ".jpeg"):
        stored = stored.convert("P", palette=Image.Palette.ADAPTIVE)
    options = {"lossless": True} if suffix == ".webp" else {"quality": 100, "subsampling": 0}
    stored.save(tmp_path / f"1{suffix}", **options)
    is_colour = read_header(tmp_path / f"1{suffix}").is_colour
    # If the header does not say whether an image is grey, colour is the safe answer.
    told = {"grey palette": (".png", ".bmp", ".gif"), "grey": set(IMAGES) - {".webp"}}
    if suffix in told.get(image, IMAGES):
        assert is_colour == (image in ("colour", "palette"))
    for channels in (1, 3):
        x = read_image(tmp_path / f"1{suffix}", (16, 16, channels), np.uint8, False)
        wanted = pixels if channels == 3 else pixels @ [[0.299], [0.587], [0.114]]
        np.testing.assert_allclose(x, wanted, atol=3)


def test_a_file_is_read_by_its_content(tmp_path):
    Image.fromarray(np.full((4, 6), 51, np.uint8)).save(tmp_path / "1.png", "BMP")
    np.testing.assert_allclose(only_batch(tmp_path), 0.2)


def test_postscript_is_not_run(tmp_path):
    (tmp_path / "1.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(ValueError, match=r"1\.png cannot be read as an image"):
        data.load(tmp_path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_rotated_as_their_exif_data_says(tmp_path, suffix, orientation):
    x, y = np.meshgrid(np.arange(32), np.arange(24))
    image = Image.fromarray(np.stack([8 * x, 10 * y, 0 * x], -1).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"1{suffix}"
    image.save(path, exif=exif, quality=100)
    upright = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    size = read_header(path).size
    assert size == (upright.height, upright.width)
    assert (size == (32, 24)) == (orientation > 4)
    np.testing.assert_array_equal(read_image(path, (*size, 3), np.uint8, False), upright)
    small = upright.resize((8, 16), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(read_image(path, (16, 8, 3), np.uint8, True), small, atol=6)


def test_16_bit_images_are_rotated_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = np.arange(24, dtype=np.uint16).reshape(4, 6) * 1000
    Image.fromarray(image).save(tmp_path / "1.png", exif=exif)
    assert read_header(tmp_path / "1.png") == ((6, 4), False, True)
    x = read_image(tmp_path / "1.png", (6, 4, 1), np.uint16, False)
    np.testing.assert_array_equal(x[..., 0], np.rot90(image, -1))


def test_loaded_images_are_rotated(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (9, 5)).save(tmp_path / "1.jpg", exif=exif)
    assert data.find(tmp_path).describe().shape == (9, 5, 1)
    assert only_batch(tmp_path).shape == (1, 9, 5, 1)


@pytest.mark.parametrize("image_size", [None, (2, 3)])
def test_16_bit_values_keep_their_precision(tmp_path, image_size):
    value = 12_345
    png = tf.io.encode_png(np.full((4, 6, 3), value, np.uint16)).numpy()
    (tmp_path / "colour.png").write_bytes(png)
    (tmp_path / "grey.png").write_bytes(
        tf.io.encode_png(np.full((4, 6, 1), value, np.uint16)).numpy()
    )
    Image.fromarray(np.full((4, 6), value, np.uint16)).save(tmp_path / "grey.tif")
    for channels in (None, 1, 3):
        batch = only_batch(tmp_path, image_size=image_size, channels=channels)
        assert batch.shape == (3, *(image_size or (4, 6)), channels or 3)
        np.testing.assert_allclose(batch, value / 65535, atol=1e-7)
    write(tmp_path / "of_8_bits.png", grey(51))
    batch = only_batch(tmp_path, image_size=image_size)
    np.testing.assert_allclose(batch[:3], value / 65535, atol=1e-7)
    np.testing.assert_allclose(batch[3], 0.2, atol=1e-7)


def test_values_of_32_bits_are_refused(tmp_path):
    Image.fromarray(np.ones((4, 6), np.float32)).save(tmp_path / "1.tif")
    with pytest.raises(ValueError, match=r"1\.tif cannot be read .*32 bits"):
        data.load(tmp_path)


def test_colours_are_kept_if_the_first_image_is_grey(tmp_path):
    write(tmp_path / "1.png", grey(51))
    write(tmp_path / "2.png", np.full((4, 6, 3), (255, 0, 0)))
    batch = only_batch(tmp_path)
    np.testing.assert_allclose(batch[0], np.full((4, 6, 3), 0.2))
    np.testing.assert_array_equal(batch[1], np.full((4, 6, 3), (1, 0, 0)))


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
    write(tmp_path / "3.png", grey(100, (8, 12)))
    with pytest.raises(
        ValueError,
        match=r"2 sizes .*: 8x12 \(2, such as .*\), 4x6 \(1, such as 1\.png\).*image_size=",
    ):
        data.find(tmp_path, memory_limit=memory_limit)
    batch = only_batch(tmp_path, memory_limit=memory_limit, image_size=(2, 3))
    np.testing.assert_allclose(batch, np.full((3, 2, 3, 1), 100 / 255))
    for image_size in ((2, 0), (2, 2.5), 2, "64x64"):
        with pytest.raises(ValueError, match=r"image_size.*received"):
            data.load(tmp_path, image_size=image_size)


def test_sizes_of_photos_are_compared_without_decoding(tmp_path, monkeypatch):
    Image.new("RGB", (4000, 3000)).save(tmp_path / "1.jpg")
    Image.new("RGB", (3000, 4000)).save(tmp_path / "2.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
        with pytest.raises(
            ValueError, match=r"3000x4000.*4000x3000.*image_size=.*for example to (64x85|85x64)"
        ):
            data.find(tmp_path)
    assert only_batch(tmp_path, image_size=(64, 64)).shape == (2, 64, 64, 3)


def test_split_sizes_are_compared_too(tmp_path):
    write(tmp_path / "train" / "1.png", grey(1))
    write(tmp_path / "test" / "1.png", grey(1, (5, 5)))
    with pytest.raises(ValueError, match="2 sizes"):
        data.find(tmp_path)


@pytest.mark.parametrize("memory_limit", [0, 10**9])
@pytest.mark.parametrize("damage", ["cut in its header", "truncated", "text", "empty"])
def test_an_unreadable_image_is_named(tmp_path, folder, memory_limit, damage):
    broken = tmp_path / "images"
    shutil.copytree(folder, broken)
    path = sorted((broken / "d3").iterdir())[0]
    content = path.read_bytes()
    damaged = {
        "cut in its header": content[:20],
        "truncated": content[:-30],
        "text": b"hello",
        "empty": b"",
    }
    path.write_bytes(damaged[damage])
    with pytest.raises((ValueError, tf.errors.OpError), match=f"{path.name} cannot be read"):
        list(data.load(broken, batch_size=8, memory_limit=memory_limit))


def test_a_truncated_jpeg_is_named(tmp_path, pixels):
    Image.fromarray(np.tile(pixels[0], (4, 4, 3))).save(tmp_path / "1.jpg")
    content = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(content[: len(content) // 2])
    for image_size in (None, (8, 8)):
        with pytest.raises(ValueError, match=r"1\.jpg cannot be read as an image \(.*truncated"):
            data.load(tmp_path, image_size=image_size)


def test_a_folder_without_images_or_with_both_kinds_is_explained(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden.png").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no images"):
        data.load(tmp_path)
    write(tmp_path / "1.png", grey(1))
    write(tmp_path / "cat" / "1.png", grey(1))
    with pytest.raises(ValueError, match=r"directly \(1\.png, \.\.\.\) and in subfolders \(cat\)"):
        data.load(tmp_path)
