"""`tfae encode RUN`, and what the commands on data share: the files that they read and write."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfae.cli.apply import apply as applying
from tfae.cli.finished_run import read_run

TINY = "--latent-dim 2 --hidden-units 8 --epochs 1"


@pytest.fixture(scope="module")
def numbers(tmp_path_factory) -> Path:
    """Another 30 examples of the kind that the run was trained on."""
    file = tmp_path_factory.mktemp("numbers") / "new.npy"
    np.save(file, np.random.default_rng(1).random((30, 6)).astype("float32"))
    return file


@pytest.fixture
def of_numbers(make, of_table):
    """A run on an array of six columns, in the folder "run"."""
    return make(of_table["autoencoder"])


def left_in(folder):
    return sorted(p.name for p in Path(folder).iterdir())


def test_codes_of_an_array_go_into_an_array_beside_it_or_into_a_table(tfae, of_numbers, numbers):
    Path("data").mkdir()
    Path("data/new.npy").write_bytes(numbers.read_bytes())
    shown = tfae("encode run --data data/new.npy").output
    assert "30 rows of data/new.npy encoded" in shown
    expected = read_run(of_numbers)[0].encode(np.load(numbers))
    np.testing.assert_array_equal(np.load("data/new.encoded.npy"), expected)
    assert left_in("data") == ["new.encoded.npy", "new.npy"]

    tfae("encode run --data data/new.npy --out codes.csv --batch-size 7")
    written = np.genfromtxt("codes.csv", delimiter=",", names=True)
    assert written.dtype.names == ("row", "code_0", "code_1")
    np.testing.assert_array_equal(written["row"], np.arange(30))
    np.testing.assert_allclose(written["code_1"], expected[:, 1], rtol=1e-6)


def test_a_file_is_read_in_parts_which_do_not_change_the_results(
    tfae, of_numbers, numbers, monkeypatch
):
    tfae(f"encode run --data {numbers} --out whole.npy")
    monkeypatch.setattr(applying, "_PART", 1)
    sizes = []
    append = applying.open_writer

    def counted(path, reader):
        writer = append(path, reader)
        of_writer = writer.append
        writer.append = lambda part, result: (sizes.append(len(part.x)), of_writer(part, result))
        return writer

    monkeypatch.setattr(applying, "open_writer", counted)
    tfae(f"encode run --data {numbers} --out parts.npy --batch-size 7")
    assert sizes == [7, 7, 7, 7, 2]
    np.testing.assert_allclose(np.load("parts.npy"), np.load("whole.npy"), rtol=1e-6, atol=1e-6)


def test_archives_and_arrays_of_any_layout_are_read(tfae, of_numbers, numbers):
    x = np.load(numbers)
    np.save("fortran.npy", np.asfortranarray(x))
    np.savez("stored.npz", x_train=x[:0], x_test=x)
    np.savez_compressed("packed.npz", x=x.astype("float64"))
    np.save("swapped.npy", x.astype(">f4"))
    for file in ("fortran.npy", "stored.npz --split test", "packed.npz", "swapped.npy"):
        tfae(f"encode run --data {file} --out codes.npy --overwrite")
        np.testing.assert_allclose(np.load("codes.npy"), read_run(of_numbers)[0].encode(x), 1e-6)
    shown = tfae("encode run --data stored.npz --out codes.npy --overwrite", exit_code=2).output
    assert "has train, test" in " ".join(shown.split())


def test_files_are_only_replaced_with_overwrite(tfae, of_numbers, numbers):
    Path("codes.npy").write_text("precious")
    shown = tfae(f"encode run --data {numbers} --out codes.npy", exit_code=2).output
    assert "codes.npy exists already. Choose another --out, or add --overwrite" in shown
    assert Path("codes.npy").read_text() == "precious"
    tfae(f"encode run --data {numbers} --out codes.npy --overwrite")
    assert np.load("codes.npy").shape == (30, 2)
    np.save("x.npy", np.load(numbers))
    before = Path("x.npy").read_bytes()
    shown = tfae("encode run --data x.npy --out x.npy --overwrite", exit_code=2).output
    assert "--out x.npy is the data itself" in shown
    assert Path("x.npy").read_bytes() == before


@pytest.mark.parametrize("end", [ValueError("no more"), KeyboardInterrupt()])
def test_a_command_that_ends_early_leaves_no_files(tfae, of_numbers, numbers, monkeypatch, end):
    def fail(self, x, batch_size):
        if len(os.listdir()) > 1:  # a part has been written beside the file
            raise end
        return np.zeros((len(x), 2), np.float32)

    monkeypatch.setattr(applying, "_PART", 1)
    monkeypatch.setattr(type(read_run(of_numbers)[0]), "encode", fail)
    code = 2 if end.args else 130
    tfae(f"encode run --data {numbers} --out codes.csv --batch-size 8", code)
    assert os.listdir() == ["run"]
    Path("codes.csv").write_text("old")
    tfae(f"encode run --data {numbers} --out codes.csv --overwrite --batch-size 8", code)
    assert Path("codes.csv").read_text() == "old"
    assert left_in(".") == ["codes.csv", "run"]


@pytest.mark.parametrize("binarize", ["", "--binarize threshold"])
def test_a_run_prepares_new_data_as_it_prepared_its_own(tfae, bare, tmp_path, binarize):
    """Even if the data that it was trained on is gone."""
    x = np.random.default_rng(0).normal([100, -3, 0.5], [20, 1, 0.01], (50, 3)).astype("float32")
    np.save("d.npy", x)
    np.save("new.npy", x[:9] * np.float32(1.5))
    options = f"--scale minmax {binarize} --likelihood squared_error --validation-split 0 --out run"
    options = f"{options} {TINY}"
    tfae(f"train autoencoder --data d.npy {options}")
    Path("d.npy").unlink()
    tfae("encode run --data new.npy")
    low, high = x.min(axis=0), x.max(axis=0)
    seen = np.load("new.npy")
    if binarize:
        seen = np.where((seen - low) / (high - low) >= 0.5, high, low)
    expected = read_run(Path("run"))[0].encode(seen)
    np.testing.assert_allclose(np.load("new.encoded.npy"), expected, rtol=1e-3, atol=1e-4)


def test_images_are_listed_by_their_paths(tfae, make, photos):
    run = make(f"autoencoder --data {photos} {TINY}")
    for name in ("b/2.png", "a/1.png", "a/3.bmp"):
        Path("new", name).parent.mkdir(parents=True, exist_ok=True)
        Image.open(photos / "a" / "4.png").save(Path("new", name))
    tfae("encode run --data new")
    header, *lines = Path("new.encoded.csv").read_text().splitlines()
    assert header == "path,code_0,code_1"
    assert [line.split(",")[0] for line in lines] == ["a/1.png", "a/3.bmp", "b/2.png"]
    image = np.asarray(Image.open("new/b/2.png"))[None, ..., None] / np.float32(255)
    expected = read_run(run)[0].encode(image)[0]
    np.testing.assert_allclose([float(c) for c in lines[2].split(",")[1:]], expected, rtol=1e-4)

    Image.new("L", (4, 7)).save("new/b/4.png")
    shown = " ".join(tfae("encode run --data new --overwrite", exit_code=2).output.split())
    assert "new/b/4.png has 7x4 pixels (height x width)" in shown
    assert "trained on images of 6x4 and did not resize them" in shown


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 5), "float32"), "has shape (3, 5), but the run was trained on (n, 6)"),
        (np.array([["a"] * 6]), "has dtype <U1; it must hold numbers"),
        (np.zeros((0, 6)), "holds no examples"),
        (
            np.full((2, 6), [0, 0, 0, 0, 0, 1.5]),
            "row 0: element 5 is 1.5, but the run's",
        ),
        (np.diag([1.0, 1, 1, np.nan, 1, 1]), "row 3: element 3 is missing (NaN)"),
        (np.diag([1.0, 1, np.inf, 1, 1, 1]), "row 2: element 2 is infinite"),
    ],
)
def test_an_array_that_does_not_fit_is_refused_with_place_and_reason(tfae, of_numbers, array, said):
    np.save("new.npy", array)
    shown = " ".join(tfae("encode run --data new.npy", exit_code=2).output.split())
    assert f"new.npy{'' if 'row' not in said else ','} {said}" in shown
    assert left_in(".") == ["new.npy", "run"]


def test_a_damaged_array_is_reported(tfae, of_numbers, numbers):
    Path("cut.npy").write_bytes(numbers.read_bytes()[:-100])
    shown = " ".join(tfae("encode run --data cut.npy", exit_code=2).output.split())
    assert "cut.npy is damaged: it ends in row 25 of 30" in shown
    Path("text.npy").write_text("hello")
    assert "text.npy" in tfae("encode run --data text.npy", exit_code=2).output
    assert "There is nothing" in tfae("encode run --data nothing.npy", exit_code=2).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("encode run --data new.npy --out x.png", "must be a file that ends in .npy or .csv"),
        ("reconstruct run --data new.npy --out x.csv", "must be a file that ends in .npy"),
        ("reconstruct run --data photos --out notes.txt", "must be a folder"),
        ("reconstruct run --data photos --out photos/new", "is the data itself, or inside it"),
        ("impute run --data photos", "Images have no missing values"),
    ],
)
def test_the_output_path_is_checked_before_anything_is_read(tfae, tmp_path, arguments, said):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.png").touch()
    (tmp_path / "new.npy").touch()
    assert said in " ".join(tfae(arguments, exit_code=2).output.split())
