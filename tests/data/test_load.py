"""What `tfae.data.load` promises for every kind of data."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfae import data
from tfae.batches.order import set_epoch
from tfae.data import images

# tests/data/test_tfds.py compares TensorFlow Datasets in memory with those on disk.
FROM_DISK = ("npy", "folder", "mnist as tfrecord", "mnist as array_record")
KINDS = [
    *("digits", "npy", "csv", "folder"),
    pytest.param("npz", marks=pytest.mark.slow),  # an array in memory, as the digits are
    *(f"{kind}, from disk" for kind in FROM_DISK[:-1]),
    pytest.param(f"{FROM_DISK[-1]}, from disk", marks=pytest.mark.slow),
]


@pytest.fixture(params=KINDS)
def source(request, tmp_path, pixels, classes):
    """Arguments of `load` for every kind of data, and its number of training examples."""
    kind, from_disk, _ = request.param.partition(", from disk")
    limit = {"memory_limit": 0} if from_disk else {}
    if kind == "digits":
        return {"name_or_path": "digits"}, 1442
    if kind == "npy":
        np.save(tmp_path / "x.npy", pixels)
        return {"name_or_path": tmp_path / "x.npy", **limit}, 120
    if kind == "npz":
        np.savez(tmp_path / "x.npz", x=pixels, y=classes)
        return {"name_or_path": tmp_path / "x.npz"}, 120
    if kind == "csv":
        return {"name_or_path": request.getfixturevalue("iris_csv"), "scale": "minmax"}, 150
    if kind == "folder":
        return {"name_or_path": str(request.getfixturevalue("folder")), **limit}, 120
    folder = request.getfixturevalue("prepared")(kind.removeprefix("mnist as "))
    return {"name_or_path": "mnist", "data_dir": folder, **limit}, 100


def examples_of(dataset):
    """One pass as an array of flat examples."""
    return np.concatenate([batch.numpy().reshape(len(batch), -1) for batch in dataset])


def as_set(examples):
    return sorted(map(bytes, np.ascontiguousarray(examples)))


def test_float32_in_the_unit_interval_batched_with_known_length(source):
    arguments, size = source
    dataset = data.load(**arguments, batch_size=32)
    assert dataset.cardinality() == -(-size // 32)
    batches = list(dataset)
    assert [len(batch) for batch in batches] == [32] * (size // 32) + [size % 32] * (size % 32 > 0)
    x = examples_of(batches)
    assert x.dtype == np.float32
    assert x.min() == 0
    assert 0.9 < x.max() <= 1


def test_single_examples_without_batch_size(source):
    arguments, size = source
    dataset = data.load(**arguments)
    assert dataset.cardinality() == size
    examples = list(dataset)
    assert len(examples) == size
    assert examples[0].shape == data.load(**arguments, batch_size=4).element_spec.shape[1:]


def test_each_pass_has_its_own_order_of_the_same_examples(source):
    arguments, _ = source
    dataset = data.load(**arguments, batch_size=32, seed=5)
    first, second = examples_of(dataset), examples_of(dataset)
    assert (first != second).any()
    assert as_set(first) == as_set(second)


def test_order_is_a_function_of_seed_and_epoch(source):
    arguments, _ = source
    dataset = data.load(**arguments, batch_size=32, seed=5)
    passes = [examples_of(dataset) for _ in range(3)]
    tf.random.set_seed(1234)  # other random state has no part in it
    resumed = data.load(**arguments, batch_size=32, seed=5, initial_epoch=1)
    np.testing.assert_array_equal(examples_of(resumed), passes[1])
    np.testing.assert_array_equal(examples_of(resumed), passes[2])
    assert set_epoch(resumed, 1)
    np.testing.assert_array_equal(examples_of(resumed), passes[1])
    other = data.load(**arguments, batch_size=32, seed=6)
    assert (examples_of(other) != passes[0]).any()


def test_unshuffled_passes_are_equal(source):
    arguments, _ = source
    dataset = data.load(**arguments, batch_size=32, shuffle=False, binarize="dynamic")
    np.testing.assert_array_equal(examples_of(dataset), examples_of(dataset))


def test_validation_split_divides_the_training_examples(source):
    arguments, size = source
    arguments = {**arguments, "scale": None}  # a fitted scale would follow what is held out
    everything = examples_of(data.load(**arguments, batch_size=32))
    train = data.load(**arguments, batch_size=32, validation_split=0.2)
    held_out = data.load(**arguments, split="validation", batch_size=32, validation_split=0.2)
    assert train.cardinality() == -(-(size - round(size * 0.2)) // 32)
    parts = [examples_of(train), examples_of(held_out)]
    assert len(parts[1]) == round(size * 0.2)
    assert as_set(np.concatenate(parts)) == as_set(everything)


def test_validation_examples_do_not_depend_on_the_seed(source):
    arguments, _ = source
    held_out = [
        examples_of(
            data.load(**arguments, split="validation", validation_split=0.2, batch_size=32, seed=s)
        )
        for s in (1, 2)
    ]
    np.testing.assert_array_equal(*held_out)


def test_labels_belong_to_their_examples(source):
    arguments, _ = source
    if str(arguments["name_or_path"]).endswith(".npy"):
        with pytest.raises(ValueError, match=r"labels=True.*class subfolders"):
            data.load(**arguments, labels=True)
        return
    ordered = data.load(**arguments, labels=True, shuffle=False, batch_size=50)
    shuffled = data.load(**arguments, labels=True, batch_size=32)
    assert shuffled.element_spec["label"].dtype == tf.int64

    def pairs(dataset):
        batches = list(dataset)
        x = examples_of([batch["x"] for batch in batches])
        label = np.concatenate([batch["label"] for batch in batches])
        return sorted((bytes(a), int(b)) for a, b in zip(x, label, strict=True))

    assert pairs(ordered) == pairs(shuffled)
    assert {label for _, label in pairs(ordered)} == set(range(len({b for _, b in pairs(ordered)})))


def test_description_agrees_with_the_dataset(source):
    arguments, size = source
    arguments = {k: v for k, v in arguments.items() if k != "scale"}
    found = data.find(**arguments)
    description = found.describe("train", validation_split=0.2)
    dataset = data.load(**arguments, validation_split=0.2)
    assert description.num_examples == dataset.cardinality() == size - round(size * 0.2)
    assert description.shape == dataset.element_spec.shape
    assert "train" in found.splits


def test_drop_remainder_leaves_out_the_last_partial_batch(source):
    arguments, size = source
    dataset = data.load(**arguments, batch_size=32, drop_remainder=True)
    assert dataset.cardinality() == size // 32
    assert {len(batch) for batch in dataset} == {32}


def test_a_plain_keras_model_trains_on_it():
    dataset = data.load("digits", batch_size=64, labels=True)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    pairs = dataset.map(lambda batch: (batch["x"], batch["label"]))
    losses = model.fit(pairs, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name_or_path": "mnits"}, "'mnits' is neither.*Did you mean 'mnist'"),
        ({"name_or_path": "digit"}, "Did you mean 'digits'"),
        ({"name_or_path": "no such thing at all"}, "is neither.*folder of images.$"),
        ({"name_or_path": np.zeros(3)}, "received ndarray"),
        ({"name_or_path": ""}, "is empty"),
        ({"name_or_path": "digits", "memory_limit": -1}, "memory_limit.*received -1"),
        ({"name_or_path": "digits", "initial_epoch": -1}, "initial_epoch.*received -1"),
        (
            {"name_or_path": "digits", "validation_split": "0.1"},
            "`validation_split` must lie .*received '0.1'",
        ),
        ({"name_or_path": "digits", "scale": ["minmax"]}, r"scale.*received \['minmax'\]"),
        ({"name_or_path": "digits", "scale": float("nan")}, "scale.*received nan"),
        ({"name_or_path": "digits", "header": True}, "header=True is for tables"),
        ({"name_or_path": "digits", "split": "validation"}, "validation_split=0.1"),
        ({"name_or_path": "digits", "split": "dev"}, "split='dev'.*'train', 'test'"),
        ({"name_or_path": "digits", "validation_split": 1.0}, "validation_split.* received 1.0"),
        ({"name_or_path": "digits", "validation_split": 1e-6}, "validation_split=1e-06 of 1442"),
        ({"name_or_path": "digits", "validation_split": -0.5}, "validation_split.* received -0.5"),
        ({"name_or_path": "digits", "batch_size": 0}, "batch_size.*received 0"),
        ({"name_or_path": "digits", "batch_size": 2.5}, "batch_size.*received 2.5"),
        ({"name_or_path": "digits", "binarize": "yes"}, "binarize.*'dynamic'.*received 'yes'"),
        ({"name_or_path": "digits", "scale": "maybe"}, "scale.*'minmax'.*received 'maybe'"),
        ({"name_or_path": "digits", "image_size": (3, 3)}, r"image_size=\(3, 3\) is for images"),
        ({"name_or_path": "digits", "channels": 1}, "channels=1 is for images"),
        ({"name_or_path": "digits", "label_column": 1}, "label_column=1 is for tables"),
        ({"name_or_path": "digits", "scale": -1}, "scale.*received -1"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load(**arguments)


@pytest.mark.parametrize(
    "path",
    ["./nothing.npy", "nothing.csv", "nothing.tsv", "nothing.pq", "/nowhere/images", "~/none.npz"],
)
def test_a_missing_path_is_named(path):
    with pytest.raises(FileNotFoundError, match=path.strip("./~")):
        data.load(path)


def test_a_file_of_an_unknown_kind_is_named(tmp_path):
    for name, hint in (
        ("notes.txt", "is not a supported kind"),
        ("one.png", "pass their folder"),
        ("x.xlsx", "as a .csv file"),
        ("x.pq", "pass schema='infer'"),
    ):
        (tmp_path / name).write_text("hello")
        with pytest.raises(ValueError, match=f"{name}.*{hint}"):
            data.load(tmp_path / name)


def test_a_test_split_is_read_without_the_training_images(tmp_path, pixels, monkeypatch):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        for i in range(3):
            Image.fromarray(pixels[i, ..., 0]).save(tmp_path / split / f"{i}.png")
    found = data.find(tmp_path)
    read = []
    monkeypatch.setattr(images, "read_image", lambda path, *rest: read.append(path) or pixels[0])
    found.load("test", 2)
    assert {path.parent.name for path in read} == {"test"}
