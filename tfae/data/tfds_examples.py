"""The examples of a prepared data set of TensorFlow Datasets, read by row or as a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfae.batches.order import as_int64, pass_order, per_pass
from tfae.data.examples import Examples, Finish, Order, ReadByRow, on_host
from tfae.data.image_file import resized

SHUFFLE_BUFFER = 50_000
"""Size of the shuffle buffer of a data set that is read from disk, in compressed records."""


class Content:
    """What to take from each record: one numeric feature as x, and the class label, if any."""

    def __init__(self, info: Any, name: str, image_size: Any, channels: int | None):
        self.features = info.features
        self.x_key, self.label_key = _choose_keys(info, name)
        feature = self.features[self.x_key]
        self.dtype = np.dtype(feature.np_dtype)
        shape = tuple(feature.shape)
        shape = (*shape, 1) if len(shape) == 2 else shape
        self.resize = None
        if len(shape) == 3:
            if image_size is not None and tuple(shape[:2]) != tuple(image_size):
                self.resize = tuple(int(s) for s in image_size)
                shape = (*self.resize, shape[2])
            if channels is not None:
                if shape[2] not in (None, 1, 3, channels):
                    raise ValueError(
                        f"The images of {name!r}, of shape {shape}, cannot be converted to "
                        f"channels={channels}."
                    )
                shape = (*shape[:2], channels)
        if None in shape:
            raise ValueError(
                f"The images of {name!r} have different sizes (shape {shape}); pass "
                "image_size=(height, width) and, where the last entry is None, channels=1 or 3."
            )
        self.shape = shape
        self.has_labels = self.label_key is not None
        names = self.has_labels and self.features[self.label_key].names
        self.class_names = tuple(names) if names else None
        self.num_classes = self.features[self.label_key].num_classes if self.has_labels else None

    def extract(self, record: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns one record's x in its final shape, and its label (-1 if there is none)."""
        x = record[self.x_key]
        if x.shape.rank == 2:
            x = x[..., None]
        if self.resize is not None:
            x = resized(x, self.resize)
        if x.shape.rank == 3 and x.shape[-1] != self.shape[-1]:
            convert = tf.image.grayscale_to_rgb if self.shape[-1] == 3 else _to_grey
            x = convert(x)
        label = -1 if self.label_key is None else record[self.label_key]
        return tf.ensure_shape(x, self.shape), tf.cast(label, tf.int64)


class Indexed(ReadByRow):
    """A large split in the array_record format, whose records can be read in any order."""

    def __init__(self, content: Content, source: Any, rows: np.ndarray | None = None):
        self._content, self._source = content, source
        self._rows = np.arange(len(source)) if rows is None else rows
        self.size, self.shape, self.dtype = len(self._rows), content.shape, content.dtype
        self.has_labels, self.class_names = content.has_labels, content.class_names
        self.num_classes = content.num_classes

    def take(self, rows: np.ndarray) -> Indexed:
        return Indexed(self._content, self._source, self._rows[rows])

    def reader(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor | None]]:
        def read(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
            dtypes = (self.dtype, tf.int64)
            x, label = tf.numpy_function(self._read, [rows], dtypes, stateful=False)
            x = tf.ensure_shape(x, (rows.shape[0], *self.shape))
            return x, tf.ensure_shape(label, rows.shape) if self.has_labels else None

        return read

    def _read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with tf.device("CPU:0"):
            records = self._source.__getitems__(self._rows[rows].tolist())
            x, label = zip(*(self._content.extract(_as_tensors(r)) for r in records), strict=True)
            return np.stack(x), np.stack(label)


class Streamed(Examples):
    """A large split in the tfrecord format, read from its files in each pass.

    In pass e the files come in an order drawn from (seed, e), several of them interleaved, and
    their records go through a shuffle buffer that is seeded by (seed, e). So the order depends only
    on these two, like every order here. It is not uniform over all possible orders if there are
    more records than the buffer holds.
    """

    def __init__(self, content: Content, files: list[Any], keep: np.ndarray | None = None):
        self._content, self._files, self._keep = content, files, keep
        self._lengths = [file.take for file in files]
        self._total = sum(self._lengths)
        self.size = self._total if keep is None else len(keep)
        self.shape, self.dtype = content.shape, content.dtype
        self.has_labels, self.class_names = content.has_labels, content.class_names
        self.num_classes = content.num_classes

    def take(self, rows: np.ndarray) -> Streamed:
        keep = rows if self._keep is None else self._keep[rows]
        return Streamed(self._content, self._files, keep)

    def batches(self, order: Order, finish: Finish) -> tf.data.Dataset:
        lengths = self._lengths
        files = on_host(np.array([str(file.filename) for file in self._files]))
        skips = on_host(np.array([file.skip for file in self._files], np.int64))
        takes = on_host(np.array(lengths, np.int64))
        starts = on_host(np.cumsum([0, *lengths[:-1]], dtype=np.int64))
        kept = None
        if self._keep is not None:
            kept = np.zeros(self._total, bool)
            kept[self._keep] = True
            kept = on_host(kept)

        def records_of(file: tf.Tensor) -> tf.data.Dataset:
            records = tf.data.TFRecordDataset(files[file]).skip(skips[file]).take(takes[file])
            if kept is None:
                return records
            numbered = records.enumerate(starts[file])
            return numbered.filter(lambda row, _: kept[row]).map(lambda _, record: record)

        def pass_of(number: tf.Tensor) -> tf.data.Dataset:
            if order.shuffle:
                sequence = pass_order(len(lengths), order.seed, number)
                records = tf.data.Dataset.from_tensor_slices(sequence).interleave(
                    records_of, cycle_length=16, num_parallel_calls=4, deterministic=True
                )
                # Otherwise the order would also depend on the user's global seed, if there is one.
                tf.random.set_seed(1)
                seed = tf.random.stateless_uniform(
                    [],
                    tf.stack([tf.constant(as_int64(order.seed), tf.int64), number]),
                    dtype=tf.int64,
                    minval=0,
                    maxval=2**31 - 1,
                    alg="philox",
                )
                buffer = min(SHUFFLE_BUFFER, max(1, self.size))
                records = records.shuffle(buffer, seed=seed, reshuffle_each_iteration=False)
            else:
                records = tf.data.Dataset.range(len(lengths)).flat_map(records_of)
            examples = records.map(
                lambda record: self._content.extract(
                    self._content.features.deserialize_example(record)
                ),
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )
            batches = examples.batch(order.batch_size, drop_remainder=order.drop_remainder)
            return batches.enumerate().map(lambda i, batch: (number, i * order.batch_size, *batch))

        def finished(number: tf.Tensor, first: tf.Tensor, x: tf.Tensor, label: tf.Tensor) -> Any:
            return finish(number, first, x, label if self.has_labels else None)

        whole = self.size // order.batch_size
        steps = whole if order.drop_remainder else -(-self.size // order.batch_size)
        passes = per_pass(pass_of, steps, order.epoch)
        return passes.map(finished, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _choose_keys(info: Any, name: str) -> tuple[str, str | None]:
    """Returns the names of the features that are x and label."""
    import tensorflow_datasets as tfds

    features = dict(info.features.items())
    x_key, label_key = None, None
    if info.supervised_keys and len(info.supervised_keys) >= 2:
        x_key, label_key = info.supervised_keys[:2]
    if not (isinstance(x_key, str) and x_key in features):
        images = [k for k, f in features.items() if isinstance(f, tfds.features.Image)]
        x_key = images[0] if images else None
    if not (isinstance(label_key, str) and label_key in features):
        label_key = "label"
    if not isinstance(features.get(label_key), tfds.features.ClassLabel):
        label_key = None
    feature = features.get(x_key)
    is_numeric = (
        isinstance(feature, (tfds.features.Tensor, tfds.features.Image))
        and not isinstance(feature, tfds.features.ClassLabel)
        and np.dtype(feature.np_dtype).kind in "biuf"
        and len(feature.shape) > 0
    )
    if x_key is None or not is_numeric:
        raise ValueError(
            f"The data set {name!r} has no image or array of numbers to learn from; its features "
            f"are {', '.join(features)}."
        )
    return x_key, label_key


def _as_tensors(record: dict[str, Any]) -> dict[str, tf.Tensor]:
    return {k: tf.convert_to_tensor(v) for k, v in record.items() if not isinstance(v, dict)}


def _to_grey(x: tf.Tensor) -> tf.Tensor:
    return tf.image.rgb_to_grayscale(x)
