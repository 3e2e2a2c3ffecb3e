"""The readers of untrusted files and texts, as functions of bytes that must explain bad input.

Whatever the bytes are, a reader returns something or raises one of `CLEAR` with a message: not a
subclass such as `UnicodeDecodeError`, which somebody else raised and nobody explained.
"""

import contextlib
import functools
import io
import json
import pathlib
import tempfile
import warnings
import zipfile
from unittest import mock

import keras
import numpy as np

import tfae
from tfae.cli import objects
from tfae.cli.finished_run import read_run
from tfae.data.load import find
from tfae.tables.cells import WrongCellError

CLEAR = (ValueError, FileNotFoundError, WrongCellError)
FOLDER = pathlib.Path(tempfile.mkdtemp())


def _file(name, content):
    path = FOLDER / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def _load(path, **arguments):
    source = find(path, **arguments)
    for split in source.splits:
        description = source.describe(split)
        if np.prod(description.shape) * description.num_examples < 1e5:
            for batch in source.load(split, 16, labels=description.has_labels):
                del batch


def csv(content):
    _load(_file("table.csv", content))


def csv_labels(content):
    _load(_file("table.csv", content), label_column="label")


def mixed_csv(content):
    path = _file("mixed.csv", content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns that are left out
        schema = tfae.data.TableSchema.infer(path)
        schema.decode(schema.encode(path))


def schema_json(content):
    schema = tfae.data.TableSchema.from_json("{" + content.decode("utf-8", "replace"))
    schema.likelihood()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns that are empty
        encoded = schema.encode({name: [None] for name in schema.column_names})
    assert np.isnan(encoded).all()


def npy(content):
    _load(_file("array.npy", content))


def npz(content):
    _load(_file("arrays.npz", content))


def images(content):
    suffix = {b"\x89P": "png", b"\xff\xd8": "jpg", b"GI": "gif"}.get(content[:2], "bmp")
    path = _file(f"images/image.{suffix}", content)
    try:
        _load(path.parent, image_size=(4, 4))
    finally:
        path.unlink()


@functools.cache
def _model():
    model = tfae.Autoencoder.from_shape((6,), 2, hidden_units=(3,), seed=0)
    model.compile(jit_compile=False)
    return model


@functools.cache
def keras_file_content():
    _model().save(FOLDER / "valid.keras")
    return (FOLDER / "valid.keras").read_bytes()


CONFIG = {
    "model": "autoencoder",
    "hyperparameters": {"latent_dim": 2},
    "data": {
        "data": "digits",
        "data_dir": None,
        "validation_split": 0.1,
        "binarize": None,
        "scale": "auto",
        "image_size": None,
        "channels": None,
        "label_column": None,
        "labels": False,
    },
    "training": {"epochs": 3, "batch_size": 32, "seed": 0},
}


SCHEMA = {
    "columns": [
        {"kind": "numeric", "name": "a", "transform": "quantile", "quantiles": [[1, 2]] * 3},
        {"kind": "count", "name": "b", "likelihood": {"name": "negative_binomial"}},
        {"kind": "ordinal", "name": "c", "categories": [1, 2, 5]},
        {"kind": "categorical", "name": "d", "categories": ["x", "y"]},
        {"kind": "time", "name": "e", "cycles": ["month"], "format": "%d.%m.%Y"},
    ],
    "left_out": {"f": "ignored"},
    "rows": 3,
}


def run_config(content):
    _file("run/model.keras", keras_file_content())
    _file("run/config.json", content)
    with mock.patch.object(keras.saving, "load_model", return_value=_model()):
        read_run(FOLDER / "run")


def keras_file(content):
    _file("run/config.json", json.dumps(CONFIG).encode())
    _file("run/model.keras", content)
    read_run(FOLDER / "run")


def keras_file_config(content):
    """Returns a whole .keras file with another description of the model."""
    archive = io.BytesIO()
    old = zipfile.ZipFile(io.BytesIO(keras_file_content()))
    with zipfile.ZipFile(archive, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == "config.json" else old.read(name))
    keras_file(archive.getvalue())


@functools.cache
def tflite_content():
    tfae.export.tflite(_model(), FOLDER / "valid.tflite")
    return (FOLDER / "valid.tflite").read_bytes()


def tflite_metadata(content):
    from tfae.device import read_metadata

    read_metadata(content)


def option_objects(content):
    objects.make(content.decode("utf-8", "replace"))


def _saved(save, *arrays, **named):
    buffer = io.BytesIO()
    save(buffer, *arrays, **named)
    return buffer.getvalue()


def _image(encode):
    import tensorflow as tf

    return encode(tf.cast(np.arange(48).reshape(4, 4, 3), tf.uint8)).numpy()


@functools.cache
def examples():
    """Returns some valid content for each reader, as seeds."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    x, y = random.normal(size=(3, 2)), np.arange(3)
    bmp = b"BM" + (54 + 12).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    bmp += b"".join(v.to_bytes(4, "little") for v in (40, 2, 1)) + b"\1\0\x18\0" + bytes(24 + 12)
    gif = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
    return {
        csv: [b"a,b,label\n1,2,cat\n3,4,dog\n", b"1;2\n3;4.5e3\n", b'\xef\xbb\xbf"a"\t"b"\n1\t-2'],
        csv_labels: [b"label,a\nx,1\ny,2\n"],
        mixed_csv: [b'a;b;c\n1,5;"x";2024-01-01\n;"y";2024-02-03\n7,25;"x";\n9;"y";2024-01-02\n'],
        schema_json: [
            tfae.data.TableSchema.infer({"x": [1.5, 2, 4]}).to_json()[1:].encode(),
            tfae.data.TableSchema.from_config(SCHEMA).to_json()[1:].encode(),
        ],
        npy: [_saved(np.save, x), _saved(np.save, y.reshape(3, 1).astype("uint8"))],
        npz: [_saved(np.savez, x=x, y=y), _saved(np.savez_compressed, x_train=x, x_test=x)],
        images: [_image(tf.io.encode_png), _image(tf.io.encode_jpeg), bmp, gif],
        run_config: [json.dumps(CONFIG).encode()],
        keras_file: [keras_file_content()],
        keras_file_config: [zipfile.ZipFile(io.BytesIO(keras_file_content())).read("config.json")],
        tflite_metadata: [tflite_content()],
        option_objects: [
            b"Gaussian:scale=learned",
            b"LinearWarmUp:steps=1000",
            b"VarianceScaling:scale=0.5,mode=fan_avg",
            b"GaussianRing:num_components=3",
        ],
    }


READERS = (
    csv,
    csv_labels,
    mixed_csv,
    schema_json,
    npy,
    npz,
    images,
    run_config,
    keras_file,
    keras_file_config,
    tflite_metadata,
    option_objects,
)


def read(index, content):
    """Runs a reader on bytes; only errors that it must not raise come through."""
    reader = READERS[index % len(READERS)]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            reader(content)
    except CLEAR as error:
        if type(error) not in CLEAR or not str(error).strip():
            raise
