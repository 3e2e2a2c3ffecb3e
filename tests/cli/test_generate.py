"""`tfae generate RUN`, `tfae interpolate RUN` and `tfae traverse RUN`."""

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae as package
from tfae.cli.finished_run import read_run
from tfae.cli.json_files import read_json

OF_DIGITS = "--data digits --latent-dim 2 --hidden-units 8 --batch-size 256 --epochs 1"
COMMANDS = {"generate": "samples", "interpolate": "interpolations", "traverse": "traversals"}


@pytest.fixture
def of_classes(make):
    """A conditional model, whose run is in the folder "run"."""
    return read_run(make(f"conditional-variational {OF_DIGITS}"))[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_files_are_written_into_the_run_and_none_is_overwritten(tfae, own_run, command):
    few = "-n 2" if command == "generate" else "-n 2 --steps 3"
    for suffix in ("", "-2"):
        assert f"{COMMANDS[command]}{suffix}.png" in tfae(f"{command} {own_run} {few}").output
    files = sorted((own_run / "generated").iterdir())
    assert [f.name for f in files] == [f"{COMMANDS[command]}{s}.png" for s in ("-2", "")]
    assert tf.io.decode_png(files[0].read_bytes()).shape[0] > 50
    assert os.listdir() == ["digits"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_seed_determines_the_numbers(tfae, run, command):
    few = "-n 2" if command == "generate" else "-n 2 --steps 3"
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        tfae(f"{command} {run} {few} --seed {seed} --out {name}.npy")
    a, b, c = (np.load(f"{name}.npy") for name in "abc")
    assert a.shape == ((2,) if command == "generate" else (2, 3)) + (8, 8, 1)
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_sample_draws_data_instead_of_means(tfae, run):
    tfae(f"generate {run} -n 2 --sample --seed 3 --out drawn.npy")
    drawn = np.load("drawn.npy")
    np.testing.assert_array_equal(drawn, read_run(run)[0].generate(2, seed=3, sample=True))


def test_an_existing_file_is_only_replaced_with_overwrite(tfae, run, monkeypatch):
    Path("a.npy").write_text("precious")
    for command in COMMANDS:
        shown = tfae(f"{command} {run} --out a.npy", exit_code=2).output
        assert "a.npy exists already. Choose another --out, or add --overwrite" in shown
    assert Path("a.npy").read_text() == "precious"
    tfae(f"generate {run} -n 1 --out a.npy --overwrite")
    assert np.load("a.npy").shape == (1, 8, 8, 1)


def test_few_held_out_examples_make_fewer_paths(tfae, make, of_table):
    for split, held_out in ((0.125, "5"), (0.025, "1")):  # of 40
        file = make(of_table["autoencoder"], held_out) / "config.json"
        config = read_json(file)
        config["data"]["validation_split"] = split
        file.write_text(json.dumps(config))
    assert "2 spherical paths" in tfae("interpolate 5 --kind spherical --out a.npy").output
    assert np.load("a.npy").shape == (2, 10, 6)
    assert "only one held-out example" in tfae("interpolate 1", exit_code=2).output


def test_a_conditional_model_decodes_paths_with_the_classes_of_the_examples_at_their_ends(
    tfae, of_classes, monkeypatch
):
    labels = {}

    def decode(self, z, batch_size=256, label=None):
        labels[command] = np.asarray(label)
        return np.zeros((len(z), 8, 8, 1), np.float32)

    monkeypatch.setattr(type(of_classes), "decode", decode)
    for command in ("interpolate", "traverse"):
        tfae(f"{command} run -n 2 --steps 5 --out {command}.npy")
    test = package.data.load("digits", "test", batch_size=2000, labels=True, shuffle=False)
    sample = package.evaluation.random_sample(test, 4, seed=0)["label"]
    ends = np.random.default_rng(0).permutation(sample).reshape(2, 2)
    assert (ends[:, 0] != ends[:, 1]).any()
    np.testing.assert_array_equal(labels["interpolate"], np.repeat(ends, [3, 2], axis=1).ravel())
    assert len(labels["traverse"]) == 10
    assert len(set(labels["traverse"])) == 1


@pytest.mark.parametrize(
    "model",
    [
        "conditional-variational",
        pytest.param("adversarial --prior gaussian_ring --labels", marks=pytest.mark.slow),
        pytest.param("semi-supervised-adversarial", marks=pytest.mark.slow),
    ],
)
def test_examples_of_a_class_are_generated(tfae, make, model):
    make(f"{model} {OF_DIGITS}")
    assert "5 examples of class 3" in tfae("generate run -n 5 --label 3 --out a.npy").output
    expected = keras.saving.load_model("run/model.keras").generate(5, seed=0, label=3)
    np.testing.assert_array_equal(np.load("a.npy"), expected)
    tfae("generate run -n 5 --label 4 --out b.npy")
    assert (np.load("b.npy") != expected).any()
    shown = " ".join(tfae("generate run --label 10", exit_code=2).output.split())
    assert "one of the 10 classes of the model, 0 to 9 (0, 1, 2" in shown
    assert "received 10" in shown
    tfae("fit run --prior gaussian")
    with_density = "generate run --label 3 -n 5 --out c.npy"
    if model == "conditional-variational":  # its decoder is told the class
        assert "of class 3" in tfae(with_density).output
    else:
        shown = " ".join(tfae(with_density, exit_code=2).output.split())
        assert "Omit --label, or remove the density with `tfae fit run --prior none`" in shown
        tfae("fit run --prior none")
        tfae(with_density)
        np.testing.assert_array_equal(np.load("c.npy"), expected)


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A table of three classes, of which one is named "1"."""
    file = tmp_path_factory.mktemp("named") / "named.npz"
    x = np.random.default_rng(0).random((60, 5), np.float32)
    np.savez(file, x=x, y=np.array(["1", "bee", "cow"] * 20))
    return file


@pytest.mark.parametrize(("label", "number"), [("cow", 2), ("1", 0), ("2", 2)])
def test_a_class_is_chosen_by_its_name_or_else_by_its_number(tfae, make, named, label, number):
    run = make(f"conditional-variational {OF_DIGITS.replace('digits', str(named))}")
    config = (run / "config.json").read_text()  # it holds the names, so the data is not needed
    (run / "config.json").write_text(config.replace(str(named), "gone.npz"))
    tfae(f"generate run -n 3 --label {label} --out a.npy")
    expected = keras.saving.load_model("run/model.keras").generate(3, seed=0, label=number)
    np.testing.assert_array_equal(np.load("a.npy"), expected)
    assert "(1, bee, cow); received ant" in " ".join(
        tfae("generate run --label ant", exit_code=2).output.split()
    )


def test_a_class_of_a_model_without_classes_is_refused(tfae, run):
    shown = tfae(f"generate {run} --label 1", exit_code=2).output
    assert "VariationalAutoencoder has no classes to choose from; omit --label" in shown
    assert not os.listdir()


def test_what_cannot_be_generated_is_explained(tfae, run, make, of_table):
    shown = tfae(f"generate {run} --out x.txt", exit_code=2).output
    assert "must end in .png, .npy, " in shown
    assert "; received x.txt" in shown
    make(of_table["autoencoder"], "plain")
    shown = tfae("generate plain", exit_code=2).output
    assert "`tfae fit plain --prior gaussian_mixture`" in shown


def test_a_model_without_a_density_of_codes_says_so(tfae, make, of_table):
    make(of_table["sparse-coding"])
    shown = tfae("generate run", exit_code=2).output
    assert "SparseCoding has no distribution over codes to draw from" in shown


def test_rows_of_a_table_are_written_as_numbers_and_not_as_a_picture(tfae, make, of_table):
    make(of_table["variational"])
    assert "samples.npy" in tfae("generate run -n 2").output
    assert np.load("run/generated/samples.npy").shape == (2, 6)
    shown = " ".join(tfae("generate run --out x.png", exit_code=2).output.split())
    assert "not images, so they cannot be drawn. Write them with --out x.npy" in shown
