"""Arrays that stay in their files."""

import tracemalloc

import numpy as np
import pytest

from tfae import data
from tfae.data.stored_array import StoredArray, locate


@pytest.fixture(params=["npy", "npz", "npz with labels"])
def file(request, tmp_path):
    """A file, and its array."""
    x = np.random.default_rng(0).random((50, 4, 3))
    if request.param == "npy":
        np.save(tmp_path / "x.npy", x)
        return tmp_path / "x.npy", x
    labels = {"y": np.arange(50) % 3} if "labels" in request.param else {}
    np.savez(tmp_path / "x.npz", **labels, x=x)
    return tmp_path / "x.npz", x


def batches(path, memory_limit, **arguments):
    return list(data.load(path, batch_size=8, memory_limit=memory_limit, **arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"shuffle": False, "scale": 3},
        {"validation_split": 0.3, "scale": "standard"},
        {"validation_split": 0.3, "split": "validation", "scale": "minmax"},
        {"binarize": "dynamic", "drop_remainder": True},
    ],
)
def test_data_from_disk_equals_data_from_memory(file, arguments):
    path, _ = file
    from_disk, from_memory = (batches(path, limit, **arguments) for limit in (0, 10**9))
    assert len(from_disk) == len(from_memory)
    for a, b in zip(from_disk, from_memory, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_labels_stay_with_their_rows(tmp_path):
    x = np.repeat(np.arange(50), 4).reshape(50, 4)
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(50))
    arguments = {"labels": True, "scale": None, "validation_split": 0.4}
    for batch in batches(tmp_path / "x.npz", 0, **arguments):
        np.testing.assert_array_equal(batch["x"][:, 0], batch["label"])


@pytest.mark.parametrize("dtype", ["uint8", ">i2", ">f8", "<f2", "bool", "int64", "float32"])
def test_every_dtype(tmp_path, dtype):
    x = np.arange(60).reshape(20, 3).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    for limit in (0, 10**9):
        (batch,) = data.load(
            tmp_path / "x.npy", batch_size=20, scale=None, shuffle=False, memory_limit=limit
        )
        np.testing.assert_array_equal(batch, x.astype(np.float32))


def test_arrays_not_stored_row_by_row_are_read_at_once(tmp_path):
    x = np.random.default_rng(0).random((20, 3)).astype(np.float32)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(x))
    np.savez_compressed(tmp_path / "compressed.npz", x=x)
    assert locate(tmp_path / "fortran.npy") is None
    assert locate(tmp_path / "compressed.npz", "x") is None
    for name in ("fortran.npy", "compressed.npz"):
        (batch,) = data.load(tmp_path / name, batch_size=20, shuffle=False, memory_limit=0)
        np.testing.assert_array_equal(batch, x)


@pytest.mark.slow
def test_a_file_larger_than_the_limit_is_never_in_memory(tmp_path):
    """240 MB: only a part is ever in memory, be it NumPy's or TensorFlow's."""
    shape = (30_000, 2_000)
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, shape)
    x[-1] = 1  # the rest is a hole, which takes no space on disk
    del x
    before = _resident()
    tracemalloc.start()
    found = data.find(tmp_path / "x.npy", memory_limit=10**7)
    arguments = {"validation_split": 0.1, "scale": "standard"}
    count = 0
    for batch in found.load("train", 1000, **arguments):
        count += len(batch)
        assert _resident() - before < 150e6
    assert count == 27_000
    assert len(next(iter(found.load("validation", 1000, **arguments)))) == 1000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6  # parts of 16 MiB, as float64 twice that, and their differences


def _resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1000


def test_values_that_are_not_finite_are_found_in_any_part(tmp_path, monkeypatch):
    monkeypatch.setattr(data.examples, "_PART", 64)
    x = np.ones((100, 4))
    x[70, 1], x[90] = np.nan, 1e300
    np.save(tmp_path / "x.npy", x)
    for limit in (0, 10**9):
        with pytest.raises(ValueError, match=r"5 NaN or infinite .*as float32.* example 70"):
            data.find(tmp_path / "x.npy", memory_limit=limit)


def test_a_truncated_file_is_named(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((100, 4), np.uint8))
    content = (tmp_path / "x.npy").read_bytes()
    examples = StoredArray(tmp_path / "x.npy", locate(tmp_path / "x.npy"), (4,))
    (tmp_path / "x.npy").write_bytes(content[:-50])
    with pytest.raises(ValueError, match=r"x\.npy is shorter"):
        list(examples.parts())


def test_a_damaged_header_is_reported_as_such(tmp_path):
    # What the fuzzer of the readers found: errors of tokenize, of seek, and of zipfile.
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 2)))
    whole = (tmp_path / "x.npz").read_bytes()
    start = whole.index(b"PK\x01\x02")  # of the list at the archive's end
    damaged = {
        "tokenize": whole.replace(b"(3, 2)", b"(3, 2 "),
        "seek": whole[: start + 42] + b"\xff\xff\xff\xff" + whole[start + 46 :],
        "zipfile": whole[:-3],
    }
    for content in damaged.values():
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.npz is damaged: "):
            locate(tmp_path / "x.npz", "x")
        with pytest.raises(ValueError, match=r"x\.npz"):
            data.find(tmp_path / "x.npz")
