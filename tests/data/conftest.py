"""Small real data in every form that `load` reads."""

import functools
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits, load_iris


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """120 digits as 8-bit pixels, in the size of MNIST's: (120, 28, 28, 1)."""
    digits = (load_digits().images[:120] / 16 * 255).astype(np.uint8)[..., None]
    return np.pad(digits.repeat(3, 1).repeat(3, 2), [(0, 0), (2, 2), (2, 2), (0, 0)])


@pytest.fixture(scope="session")
def classes() -> np.ndarray:
    """Their labels, (120,)."""
    return load_digits().target[:120]


def write_images(folder: Path, pixels: np.ndarray, classes: np.ndarray | None = None) -> Path:
    """Writes PNG files, into class subfolders when there are classes."""
    for i, image in enumerate(pixels):
        path = folder / (f"d{classes[i]}" if classes is not None else "") / f"{i:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tf.io.encode_png(image).numpy())
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory, pixels, classes) -> Path:
    """The digits as PNG files in class subfolders d0 to d9."""
    return write_images(tmp_path_factory.mktemp("images"), pixels, classes)


@pytest.fixture(scope="session")
def iris_csv(tmp_path_factory) -> Path:
    """The iris table with a header and class names, 150 lines."""
    iris = load_iris()
    path = tmp_path_factory.mktemp("tables") / "iris.csv"
    with path.open("w") as file:
        print("sepal length,sepal width,petal length,petal width,class", file=file)
        for row, target in zip(iris.data, iris.target, strict=True):
            print(*row, iris.target_names[target], sep=",", file=file)
    return path


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, pixels, classes):
    """Gives, for a file format, a folder with a small "mnist" that TensorFlow Datasets wrote."""
    import tensorflow_datasets as tfds

    class Mnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("3.0.1")
        pkg_dir_path = Path(__file__).parent  # else it is looked for, and `tests` may be another's

        def _info(self):
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=(28, 28, 1)),
                        "label": tfds.features.ClassLabel(num_classes=10),
                    }
                ),
                supervised_keys=("image", "label"),
            )

        def _split_generators(self, dl_manager):
            return {"train": self._examples(range(100)), "test": self._examples(range(100, 120))}

        def _examples(self, rows):
            for i in rows:
                yield i, {"image": pixels[i], "label": classes[i]}

        def _generate_examples(self):
            raise NotImplementedError

    @functools.cache
    def prepare(file_format: str) -> Path:
        folder = tmp_path_factory.mktemp("tfds")
        in_four = tfds.download.DownloadConfig(num_shards=4)
        builder = Mnist(data_dir=folder, file_format=file_format)
        builder.download_and_prepare(download_config=in_four)
        return folder

    return prepare


@pytest.fixture(params=["tfrecord", "array_record"])
def tfds_dir(request, prepared) -> Path:
    """The folder of the small "mnist", in every file format."""
    return prepared(request.param)


@pytest.fixture(scope="session")
def mnist_dir() -> str:
    """Where the real MNIST lies prepared.

    Tests that need it are skipped where nobody says that there is one; a folder that
    `TFDS_DATA_DIR` names must hold it.
    """
    folder = Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    if "TFDS_DATA_DIR" not in os.environ and not (folder / "mnist").is_dir():
        pytest.skip("no prepared MNIST: run `tfds build mnist`, or set TFDS_DATA_DIR to its folder")
    return str(folder)
