"""Files of numbers: .npy, .npz, .csv."""

import gzip
import tempfile
import zipfile
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tfae import data, tables
from tfae.data.stored_array import StoredArray
from tfae.tables.reading import csv_table


def only_batch(path, **kwargs):
    return next(iter(data.load(path, batch_size=10**6, shuffle=False, **kwargs)))


@pytest.mark.parametrize(
    ("shape", "example"),
    [((5, 3), (3,)), ((5, 4, 3), (4, 3, 1)), ((5, 4, 3, 2), (4, 3, 2)), ((5, 2, 4, 3, 2),) * 2],
)
def test_axes_of_npy(tmp_path, shape, example):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random(shape))
    assert only_batch(tmp_path / "x.npy").shape[1:] == example[-len(example) + (len(shape) == 5) :]


@pytest.mark.parametrize(
    ("names", "splits", "has_labels"),
    [
        (["x"], ("train",), False),
        (["x", "y"], ("train",), True),
        (["images", "labels"], ("train",), True),
        (["data", "target"], ("train",), True),
        (["arr_0"], ("train",), False),
        (["spectra"], ("train",), False),
        (["spectra", "y"], ("train",), True),
        (["X_train", "Y_train", "X_test", "Y_test"], ("train", "test"), True),
        (["x_train", "x_val"], ("train", "validation"), False),
    ],
)
def test_names_in_npz(tmp_path, names, splits, has_labels):
    arrays = {
        name: np.arange(4) if name.lower()[0] in "yt" or "label" in name else np.ones((4, 3))
        for name in names
    }
    np.savez(tmp_path / "x.npz", **arrays)
    found = data.find(tmp_path / "x.npz")
    assert found.splits == splits
    assert found.describe().has_labels == has_labels
    assert found.describe().shape == (3,)


def test_npz_without_a_usable_name_lists_what_it_has(tmp_path):
    np.savez(tmp_path / "x.npz", left=np.ones((2, 3)), right=np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"Name it 'x'.*left \(2, 3\), right \(2, 4\)"):
        data.load(tmp_path / "x.npz")
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(ValueError, match="found: nothing"):
        data.load(tmp_path / "empty.npz")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        (np.zeros((2, 0)), r"shape \(2, 0\)"),
        (np.array([["a", "b"]]), "must hold numbers"),
        (np.array([[1j]]), "must hold numbers"),
        (np.array([[object()]]), "cannot be read as NumPy"),
        (np.array([[1.0, 2.0], [np.nan, np.inf]]), "2 NaN or infinite values .* example 1"),
    ],
)
def test_unusable_arrays_are_explained(tmp_path, x, message):
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(ValueError, match=rf"x\.npy.*{message}"):
        data.load(tmp_path / "x.npy")


def test_damaged_files_are_named(tmp_path, pixels):
    for suffix, save in ((".npy", np.save), (".npz", np.savez)):
        path = tmp_path / f"x{suffix}"
        save(path, pixels)
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(ValueError, match=f"x{suffix}"):
            data.load(path)
        path.write_text("not an array")
        with pytest.raises(ValueError, match=f"x{suffix} cannot be read"):
            data.load(path)


def test_the_content_tells_npy_from_npz(tmp_path, pixels):
    np.savez(tmp_path / "x.npz", x=pixels, y=np.arange(len(pixels)))
    np.save(tmp_path / "y.npy", pixels)
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    (tmp_path / "y.npy").rename(tmp_path / "y.npz")
    for limit in (0, 10**9):
        assert data.find(tmp_path / "x.npy", memory_limit=limit).describe().num_classes == 120
        assert only_batch(tmp_path / "y.npz", memory_limit=limit).shape == pixels.shape


def test_arrays_that_are_left_out_are_reported(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.ones((3, 2)), y=np.arange(3), weights=np.ones(3))
    with pytest.warns(UserWarning, match=r"Left out of .*x\.npz: weights\."):
        data.find(tmp_path / "x.npz")


def test_members_that_are_not_arrays_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x", b"hello")
    with pytest.raises(ValueError, match=r"x\.npz: 'x' is not an array"):
        data.find(tmp_path / "x.npz")


def test_values_too_large_for_float32_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[1.0], [1e39]]))
    with pytest.raises(ValueError, match="1 NaN or infinite values"):
        data.load(tmp_path / "x.npy")


@pytest.mark.parametrize("name", ["[x]*.npy", "b\udcff.npy", "a b.npy"])
def test_any_file_name_is_accepted(tmp_path, name):
    np.save(tmp_path / name, np.ones((3, 2), np.uint8))
    for limit in (0, 10**9):
        assert only_batch(str(tmp_path / name), memory_limit=limit).shape == (3, 2)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=r"\.npy cannot be read as NumPy data: it is empty"):
        data.load(tmp_path / name)


@pytest.mark.parametrize(
    ("label", "numbers", "names"),
    [
        ([0, 2, -1], [0, 2, -1], None),
        ([[0], [2], [1]], [0, 2, 1], None),
        ([0.0, 2.0, 1.0], [0, 2, 1], None),
        (["cat", "ant", "cat"], [1, 0, 1], ("ant", "cat")),
        (["0", "10", "9"], [0, 10, 9], None),
    ],
)
def test_labels_become_numbers(tmp_path, label, numbers, names):
    np.savez(tmp_path / "x.npz", x=np.ones((3, 2)), y=label)
    assert only_batch(tmp_path / "x.npz", labels=True)["label"].numpy().tolist() == numbers
    description = data.find(tmp_path / "x.npz").describe()
    assert description.class_names == names
    assert description.num_classes == max(numbers) + 1


def test_classes_are_counted_over_training_and_the_split_itself(tmp_path):
    ones = np.ones((3, 2))
    np.savez(tmp_path / "x.npz", x_train=ones, y_train=[0, 4, -1], x_test=ones, y_test=[0, 1, 0])
    found = data.find(tmp_path / "x.npz")
    assert found.describe("train", validation_split=0.4).num_classes == 5
    assert found.describe("test").num_classes == 5


def test_names_of_classes_have_the_numbers_of_the_training_split(tmp_path):
    ones = np.ones((3, 2))
    train, test = ["cat", "dog", "cat"], ["dog", "ant", ""]
    np.savez(tmp_path / "x.npz", x_test=ones, y_test=test, x_train=ones, y_train=train)
    assert only_batch(tmp_path / "x.npz", labels=True)["label"].numpy().tolist() == [0, 1, 0]
    batch = only_batch(tmp_path / "x.npz", split="test", labels=True)
    assert batch["label"].numpy().tolist() == [1, 2, -1]
    assert data.find(tmp_path / "x.npz").describe("test").class_names == ("cat", "dog", "ant")
    np.savez(tmp_path / "x.npz", x_test=ones, y_test=[0, 1, 0], x_train=ones, y_train=train)
    with pytest.raises(ValueError, match=r"x_test.*names in the training split"):
        data.find(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", x_test=ones, y_test=test, x_train=ones, y_train=[0, 1, 0])
    with pytest.raises(ValueError, match=r"y_test.*numbers in the training split"):
        data.find(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.eye(3), "argmax"),
        ([0.5, 1.0, 2.0], "whole numbers"),
        ([np.nan, 1.0, 2.0], "whole numbers"),
        ([0, 1], "3 examples but 2 labels"),
        ([-2, 0, 1], "smallest is -2"),
    ],
)
def test_unusable_labels_are_explained(tmp_path, label, message):
    np.savez(tmp_path / "x.npz", x=np.ones((3, 2)), y=label)
    with pytest.raises(ValueError, match=message):
        data.load(tmp_path / "x.npz")


def csv(tmp_path, text, **kwargs):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return only_batch(path, **kwargs)


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n",
        "a,b\n1,2\n3,4\n",
        "1;2\n3;4",
        "1\t2\r\n3\t4\r\n",
        "\ufeffa,b\n1,2\n3,4\n",
        '"a","b"\n"1","2"\n3, 4\n',
        "1,2\n\n3,4\n\n",
        "label,a,b\n7,1,2\n8,3,4\n",
        "a,b,Class\n1,2,cat\n3,4,dog\n",
        "1e0,2.0\n+3,4",
        "\n\na,b\n1,2\n3,4",
        "a,b,label\n1,2,\n3,4,cat\n",
        '"a\nb",c\n1,2\n3,4',
        "label,0,1\n7,1,2\n8,3,4\n",
        "1,2,label\n1,2,cat\n3,4,dog\n",
    ],
)
def test_csv_dialects(tmp_path, text):
    np.testing.assert_array_equal(csv(tmp_path, text), [[1, 2], [3, 4]])


@pytest.mark.parametrize("names", ["0,1,2", "1,2,3", "2019,2020,2021", "1990,2000,2020"])
def test_a_header_of_numbers_is_reported_and_is_not_an_example(tmp_path, names):
    with pytest.warns(UserWarning, match=rf"\({names.replace(',', ', ')}\) .*`header`"):
        assert csv(tmp_path, names + "\n0.5,1.5,2.5\n3.5,4.5,5.5\n").shape == (2, 3)
    assert csv(tmp_path, names + "\n0.5,1.5,2.5\n", header=False).shape == (2, 3)


@pytest.mark.parametrize(
    "text",
    ["0,1\n1,0", "5,1,2\n.5,.5,.5", "1,5,7\n2,5,7", "0\n1", "0.,1.,2.\n1,2,3", "1,1,2\n.5,.5,.5"],
)
def test_otherwise_a_first_line_of_numbers_is_an_example(tmp_path, text):
    assert len(csv(tmp_path, text)) == 2
    assert len(csv(tmp_path, text, header=True)) == 1


@pytest.mark.parametrize("text", ["1,\n2,3\n", "NA,2\n3,4\n", ",5\n3,4\n", "?,2\n1,2"])
def test_a_first_line_with_a_missing_value_is_not_lost(tmp_path, text):
    with pytest.raises(ValueError, match=r"t\.csv, line 1: column \d holds"):
        csv(tmp_path, text)


def test_a_first_line_that_ends_in_a_class_is_not_lost(tmp_path):
    text = "5.1,3.5,setosa\n6.2,2.9,virginica\n"
    with pytest.raises(ValueError, match=r"line 1: column 2 holds 'setosa'.*label_column=2"):
        csv(tmp_path, text)
    batch = csv(tmp_path, text, labels=True, label_column=-1)
    np.testing.assert_allclose(batch["x"], [[5.1, 3.5], [6.2, 2.9]], rtol=1e-6)
    assert batch["label"].numpy().tolist() == [0, 1]


@pytest.mark.parametrize("names", [",a,b", ",0,1", '"",a,b'])
def test_the_index_of_pandas_is_left_out_and_reported(tmp_path, names):
    with pytest.warns(UserWarning, match=r"t\.csv: its first column"):
        x = csv(tmp_path, names + "\n0,5,6\n1,7,8\n")
    np.testing.assert_array_equal(x, [[5, 6], [7, 8]])


def test_a_column_y_is_reported_and_need_not_be_the_label(tmp_path):
    text = "x,y\n1,2\n3,4\n"
    with pytest.warns(UserWarning, match="column 'y'.*label_column='none'"):
        assert csv(tmp_path, text).shape == (2, 1)
    for none in (False, "none"):
        np.testing.assert_array_equal(csv(tmp_path, text, label_column=none), [[1, 2], [3, 4]])
    assert csv(tmp_path, "none,a\n1,2\n", label_column="none").shape == (1, 1)


def test_a_column_y_of_a_mixed_table_is_reported_and_need_not_be_the_label(tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": [1.5, 2, 4, 7], "y": [1, 0, 1, 1]}), path)
    with pytest.warns(UserWarning, match="column 'y'.*label_column='none'"):
        found = data.find(path, schema="infer")
    assert found.schema.left_out == {"y": "is the label"}
    assert found.describe().has_labels
    found = data.find(path, schema="infer", label_column="none")
    assert found.schema.column_names == ("a", "y")
    assert not data.find(path, schema=found.schema).describe().has_labels
    with pytest.raises(ValueError, match="label_column=True is not in"):
        data.find(path, schema="infer", label_column=True)
    parquet.write_table(pa.table({"a": [1.5, 2, 4, 7], "y": [1.5, 0, 1, 1]}), path)
    with (
        pytest.warns(UserWarning, match="column 'y'"),
        pytest.raises(ValueError, match=r"whole numbers or names.*label_column='none'"),
    ):
        data.find(path, schema="infer")


def test_a_table_without_rows_is_named(tmp_path):
    schema = tables.TableSchema.infer({"a": [1.5, 2, 4], "b": ["x", "y", "x"]})
    (tmp_path / "t.csv").write_text("a,b\n")
    parquet.write_table(pa.table({"a": pa.array([], pa.float64())}), tmp_path / "t.parquet")
    for name, known in (("t.csv", schema), ("t.csv", "infer"), ("t.parquet", "infer")):
        with pytest.raises(ValueError, match=rf"{name} holds a header \(a.*\) but no examples"):
            data.find(tmp_path / name, schema=known)


def test_the_temporary_file_of_a_large_table_has_no_name(tmp_path, monkeypatch):
    """So nothing is left over when the process is killed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n3,4\n5,7\n" * 9)
    for schema in (None, "infer"):
        found = data.find(tmp_path / "t.csv", schema=schema, memory_limit=0)
        assert not list((tmp_path / "temporary").iterdir())
        assert isinstance(found.examples("train"), StoredArray)
        x = found.examples("train").read(np.array([0, 2, 26]))
        assert x.shape == (3, 2)
        assert x[1, 0] > x[0, 0]


def test_empty_labels_are_unlabelled(tmp_path):
    for text, label in (
        ("a,label\n1,dog\n2,\n3,cat\n", [1, -1, 0]),
        ("a,label\n1,2\n2,\n", [2, -1]),
    ):
        assert csv(tmp_path, text, labels=True)["label"].numpy().tolist() == label


def test_csv_of_one_column_and_one_line(tmp_path):
    np.testing.assert_array_equal(csv(tmp_path, "1\n2\n"), [[1], [2]])
    np.testing.assert_array_equal(csv(tmp_path, "1,2"), [[1, 2]])


def test_the_names_of_columns_are_described(tmp_path):
    (tmp_path / "names.csv").write_text("width,label,height\n1,a,2\n3,b,4\n")
    (tmp_path / "none.csv").write_text("1,2\n3,4\n")
    assert data.find(tmp_path / "names.csv").describe().column_names == ("width", "height")
    assert data.find(tmp_path / "none.csv").describe().column_names is None


def test_csv_label_by_header_name_or_number(tmp_path, iris_csv):
    batch = only_batch(iris_csv, labels=True)
    assert batch["x"].shape == (150, 4)
    np.testing.assert_array_equal(batch["label"], np.repeat([0, 1, 2], 50))
    assert data.find(iris_csv).describe().class_names == ("setosa", "versicolor", "virginica")
    text = "k,a\n5,1\n6,2\n"
    for column in ("k", 0, -2):
        batch = csv(tmp_path, text, labels=True, label_column=column)
        np.testing.assert_array_equal(batch["x"], [[1], [2]])
        np.testing.assert_array_equal(batch["label"], [5, 6])


@pytest.mark.parametrize(
    ("text", "kwargs", "message"),
    [
        ("", {}, "is empty"),
        ("\n", {}, "is empty"),
        ("a,b\n", {}, r"a header \(a, b\) but no examples"),
        ("1,2\n3\n", {}, "line 2: 1 cells, but line 1 has 2"),
        ("a,b\n1,2\n3,4,5\n", {}, "line 3: 3 cells, but line 1 has 2"),
        ("a,b\n1,2\n3,cat\n", {}, "line 3: column 'b' holds 'cat'.*label_column='b'"),
        ("1,2\n3,\n", {}, "line 2: column 1 holds ''"),
        ("1,2\n3,nan\n", {}, "NaN"),
        ("a,b\n1,2\n", {"label_column": "c"}, "columns a, b"),
        ("1,2\n", {"label_column": 5}, "2 columns and no header"),
        ("label\n1\n", {}, "no column besides the label"),
        ("a,label\n1,0.5\n", {}, "whole numbers or names"),
        (b"a,b\n1,\xff\n", {}, "not UTF-8"),
        ('1,2\n3,4\n"5,6\n7,8\n', {}, "line 3: .*quote opened there"),
        ('1,2\n"' + "3,4\n" * 50_000, {}, "line 2: .*quote opened there"),
        ("1,2\n3,\x004\n", {}, "line 2: a zero byte"),
        ("1,2\n3,4\n".encode("utf-16"), {}, "not UTF-8"),
        ("1,2\n3,4\n".encode("utf-16-le"), {}, "line 1: a zero byte"),
        ("1,2\n3,²\n", {}, "line 2: column 1 holds '²'"),
        ("1,2\n", {"label_column": "²"}, "2 columns and no header"),
        ("1,2\n", {"label_column": True}, "2 columns and no header"),
    ],
)
def test_unusable_csv_is_explained(tmp_path, text, kwargs, message):
    with pytest.raises(ValueError, match=rf"t\.csv.*{message}"):
        csv(tmp_path, text, **kwargs)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "a;b\n1,5;2\n3;4,25\n"),
        ("t.tsv", "a\tb\n1.5\t2\n3\t4.25\n"),
        ("t.csv", '"a"|"b"\n"1.5"|"2"\n"3"|"4.25"\n'),
    ],
)
def test_delimiters_and_decimal_signs_are_found_out(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    np.testing.assert_array_equal(only_batch(tmp_path / name), [[1.5, 2], [3, 4.25]])


def test_compressed_csv(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n3,4\n"))
    np.testing.assert_array_equal(only_batch(tmp_path / "t.csv.gz"), [[1, 2], [3, 4]])


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_csv_larger_than_the_limit_of_memory_is_read_from_a_temporary_file(tmp_path, quote):
    x = np.random.default_rng(0).random((3000, 3)).astype("float32")
    lines = [f"{quote}{a}{quote},{b},{c},k{i % 7}" for i, (a, b, c) in enumerate(x)]
    (tmp_path / "t.csv").write_text("a,b,c,label\n" + "\n".join(lines))
    with mock.patch.object(csv_table, "_CHUNK", 10_000):  # several blocks
        found = data.find(tmp_path / "t.csv", memory_limit=1000)
    batch = next(iter(found.load("train", 3000, labels=True, shuffle=False)))
    np.testing.assert_array_equal(batch["x"], x)
    np.testing.assert_array_equal(batch["label"], np.arange(3000) % 7)
    held_out = found.load("validation", 3000, validation_split=0.1)
    assert next(iter(held_out)).shape == (300, 3)
    assert found.describe().column_names == ("a", "b", "c")


def test_very_many_columns_are_read(tmp_path):
    x = np.arange(200_000.0).reshape(2, -1) % 7
    np.savetxt(tmp_path / "t.csv", x, "%d", ",")
    np.testing.assert_array_equal(only_batch(tmp_path / "t.csv"), x)


def test_text_at_a_late_line_is_named(tmp_path):
    lines = ["1,2.5"] * 200_000
    lines[149_999] = "1,cat"
    with pytest.raises(ValueError, match="line 150000: column 1 holds 'cat'"):
        csv(tmp_path, "\n".join(lines))
