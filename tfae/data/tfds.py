"""Opens data sets from the TensorFlow Datasets catalogue by name."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfae.data.examples import Examples
from tfae.data.tfds_examples import Content, Indexed, Streamed


def catalogue() -> list[str]:
    """Returns the names in the catalogue of the installed package; needs no network."""
    import tensorflow_datasets as tfds

    return tfds.list_builders(with_community_datasets=False)


def read_tfds(
    name: str,
    data_dir: str | os.PathLike | None,
    image_size: tuple[int, int] | None,
    channels: int | None,
) -> Mapping[str, Examples]:
    """Opens a data set, and prepares it first if that has not been done.

    Args:
        name: Name in the catalogue; "name/config" and "name:version" work, too.
        data_dir: Folder of prepared data sets; `None` for `TFDS_DATA_DIR`, else
            `~/tensorflow_datasets`.
        image_size: (height, width) to resize images to, or `None`.
        channels: 1 for grey, 3 for colour, `None` for images as stored.

    Returns:
        Splits by name; slices such as `"train[:100]"` work, too.

    Raises:
        ValueError: If its examples are not numbers, or differ in shape.
        ConnectionError: If it must be downloaded and cannot be.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except AssertionError as error:  # a version or config that does not exist
        raise ValueError(f"The data set {name!r} cannot be opened: {_end_of(error)}") from error
    except ValueError as error:
        if "Parsing builder name" not in str(error):
            raise
        raise ValueError(
            f"{name!r} is not the name of a data set, which is written name, name/config, "
            "name:version or name/config:version."
        ) from error
    if not builder.is_prepared():
        _prepare(builder, name)
    return _Splits(builder, Content(builder.info, name, image_size, channels))


def data_folder() -> Path:
    """Returns the default folder of prepared data sets, the same as TensorFlow Datasets'."""
    return Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


class _Splits(Mapping):
    """The splits of a prepared data set."""

    def __init__(self, builder: Any, content: Content):
        self._builder, self._content = builder, content

    def __getitem__(self, split: str) -> Examples:
        file_format = self._builder.info.file_format.value
        if file_format == "array_record":
            return Indexed(self._content, self._builder.as_data_source(split))
        if file_format == "tfrecord":
            return Streamed(self._content, self._builder.info.splits[split].file_instructions)
        raise ValueError(
            f"The data set {self._builder.name!r} is stored as {file_format}; prepare it as "
            f"tfrecord: `tfds build {self._builder.name} --file_format tfrecord`."
        )

    def __contains__(self, split: object) -> bool:
        try:
            return bool(self._builder.info.splits[split])
        except (KeyError, ValueError):
            return False

    def __iter__(self):
        return iter(self._builder.info.splits)

    def __len__(self) -> int:
        return len(self._builder.info.splits)


def _prepare(builder: Any, name: str) -> None:
    """Downloads and prepares a data set, or raises an error that says how to."""
    folder = os.fspath(builder.data_dir)
    advice = (
        f"{name!r} is in the catalogue of TensorFlow Datasets, but not prepared in {folder}. On a "
        f"machine with a network, run `tfds build {name} --data_dir DIR`; here, pass data_dir=DIR "
        "(or set TFDS_DATA_DIR), where DIR is the folder that contains the data set's folder."
    )
    if not _network_is_reachable():
        raise ConnectionError(f"{advice} There is no network here to download it.")
    try:
        builder.download_and_prepare()
    except Exception as error:  # every host, parser and file system fails in its own way
        raise ConnectionError(
            f"{advice} Preparing it here failed: {type(error).__name__}: {_end_of(error)}"
        ) from error


def _network_is_reachable() -> bool:
    """Whether names resolve or a proxy is set; without either, a download retries for minutes."""
    if any(
        os.environ.get(key) for key in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    ):
        return True
    for host in ("storage.googleapis.com", "www.tensorflow.org"):
        try:
            socket.getaddrinfo(host, 443)
        except OSError:
            continue
        return True
    return False


def _end_of(error: BaseException, length: int = 300) -> str:
    return str(error).strip()[-length:]
