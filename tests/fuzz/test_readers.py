"""The seeds of the fuzzer of the readers: valid input is read, and truncated input is refused."""

import importlib.util
import pathlib

import pytest

_spec = importlib.util.spec_from_file_location(
    "fuzz_targets", pathlib.Path(__file__).with_name("readers.py")
)
readers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(readers)


@pytest.mark.slow
def test_every_reader_accepts_its_seeds():
    for reader, contents in readers.examples().items():
        for content in contents:
            reader(content)


@pytest.mark.parametrize("reader", readers.READERS, ids=lambda reader: reader.__name__)
def test_truncated_input_is_read_or_clearly_refused(reader):
    for content in readers.examples()[reader]:
        for part in (0, 1, 9, len(content) // 2, len(content) - 1):
            readers.read(readers.READERS.index(reader), content[:part])
