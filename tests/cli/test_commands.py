"""The other commands, and the command as such."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfae as package
from tfae.cli.evaluation import draw_pictures
from tfae.cli.options import open_data
from tfae.cli.runs import read_run


def test_help_and_version(tfae):
    shown = tfae("--help").output
    for command in (
        "list", "train", "evaluate", "fit", "generate", "interpolate", "traverse", "export",
        "explore", "demo",
    ):  # fmt: skip
        assert command in shown
        assert "Usage" in tfae(f"{command} --help").output
    assert package.__version__ in tfae("--version").output


def test_list_names_models_architectures_objects_and_data(tfae, tmp_path, monkeypatch):
    (tmp_path / "mnist" / "3.0.1").mkdir(parents=True)
    (tmp_path / "mnist" / "3.0.1" / "dataset_info.json").touch()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    shown = tfae("list").output
    for word in ("autoencoder", "variational", "mlp", "conv", "Gaussian", "digits", "mnist"):
        assert word in shown


def test_evaluate_prints_and_keeps_the_numbers(tfae, run, tmp_path):
    run = shutil.copytree(run, tmp_path / "copy")
    before = json.loads((run / "evaluation.json").read_text())["test"]
    measured = json.loads(tfae(f"evaluate {run} --json").output)["test"]
    assert measured == before
    assert measured["elbo"] == -measured["reconstruction_loss"] - measured["kl_loss"]
    assert measured["loss"] == pytest.approx(
        measured["reconstruction_loss"] + 0.5 * measured["kl_loss"], rel=1e-6
    )
    assert measured["squared_error"] == pytest.approx(64 * measured["mean_squared_error"])
    assert 0.1 < measured["linear_probe_accuracy"] <= 1
    assert {"active_units", "mutual_information", "prior_mmd_p_value"} < set(measured)
    shown = tfae(f"evaluate {run} --importance-samples 8 --split validation").output
    assert "log likelihood" in shown
    kept = json.loads((run / "evaluation.json").read_text())
    assert kept["test"] == before
    assert kept["validation"]["log_likelihood"] > kept["validation"]["elbo"]


@pytest.mark.slow
def test_evaluate_measures_what_the_model_says(tfae, run):
    import keras

    model = keras.saving.load_model(run / "model.keras")
    test = np.concatenate(list(package.data.load("digits", "test", 100)))
    measured = json.loads(tfae(f"evaluate {run} --json").output)["test"]
    error = np.square(model.reconstruct(test) - test).sum() / len(test)
    assert measured["squared_error"] == pytest.approx(error, rel=1e-5)


def test_evaluate_other_data(tfae, run):
    before = (run / "evaluation.json").read_text()
    np.save("x.npy", np.zeros((5, 8, 8, 1), np.float32))
    measured = json.loads(tfae(f"evaluate {run} --data x.npy --split train --json").output)
    assert measured["train"]["squared_error"] > 0
    assert (run / "evaluation.json").read_text() == before


def test_generate_writes_a_picture_or_numbers(tfae, run):
    assert "samples.png" in tfae(f"generate {run} -n 9").output
    assert tf.io.decode_png(Path("samples.png").read_bytes()).shape[0] > 100
    tfae(f"generate {run} -n 9 --seed 3 --out a.npy")
    tfae(f"generate {run} -n 9 --seed 3 --out b.npy")
    a, b = np.load("a.npy"), np.load("b.npy")
    assert a.shape == (9, 8, 8, 1)
    np.testing.assert_array_equal(a, b)
    tfae(f"generate {run} -n 9 --seed 4 --out b.npy")
    assert (np.load("b.npy") != a).any()
    assert sorted(os.listdir()) == ["a.npy", "b.npy", "samples.png"]


def test_evaluate_compares_generated_data_in_a_space_of_features(tfae, run, tmp_path):
    import keras

    run = shutil.copytree(run, tmp_path / "copy")
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()]).save("features.keras")
    names = ("precision", "recall", "frechet_distance")
    plain, by_model = (
        json.loads(tfae(f"evaluate {run} --features {space} --json").output)["test"]
        for space in ("data", "features.keras")
    )
    for name in names:
        assert by_model[name] == pytest.approx(plain[name], rel=1e-4)


@pytest.mark.parametrize("command", ["interpolate", "traverse"])
def test_ways_through_the_latent_space(tfae, run, command):
    name = {"interpolate": "interpolations.png", "traverse": "traversals.png"}[command]
    assert name in tfae(f"{command} {run} -n 2 --steps 5").output
    assert tf.io.decode_png(Path(name).read_bytes()).shape[0] > 100
    tfae(f"{command} {run} -n 2 --steps 5 --out a.npy")
    a = np.load("a.npy")
    assert a.shape == (2, 5, 8, 8, 1)
    tfae(f"{command} {run} -n 2 --steps 5 --out b.npy --seed 1")
    assert (np.load("b.npy") != a).any()
    assert sorted(os.listdir()) == ["a.npy", "b.npy", name]


def test_few_held_out_examples_make_fewer_ways(tfae):
    np.save("x.npy", np.random.default_rng(0).random((40, 6)).astype("float32"))
    small = "--latent-dim 2 --hidden-units 8 --epochs 1"
    for split, held_out in ((0.125, 5), (0.025, 1)):
        tfae(f"train autoencoder --data x.npy {small} --validation-split {split} --out {held_out}")
    assert "2 spherical ways" in tfae("interpolate 5 --kind spherical --out a.npy").output
    assert np.load("a.npy").shape == (2, 10, 6)
    assert "only one held-out example" in tfae("interpolate 1", exit_code=2).output


@pytest.fixture
def of_classes(tfae):
    """A conditional model, whose run is in the folder "run"."""
    tfae(
        "train conditional-variational --data digits --latent-dim 2 --hidden-units 8 "
        "--batch-size 256 --epochs 1 --out run"
    )
    return read_run(Path("run"))[0]


def test_ways_of_a_conditional_model_are_decoded_with_the_classes_of_their_ends(
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


def test_pictures_of_a_conditional_model_are_of_the_classes(tfae, of_classes, monkeypatch):
    drawn = {}
    for name in ("reconstructions", "latent_map", "latent_plane"):
        original = getattr(package.pictures, name)

        def draw(*arguments, name=name, original=original, **options):
            drawn[name] = arguments
            return original(*arguments, **options)

        monkeypatch.setattr(package.pictures, name, draw)
    config = read_run(Path("run"))[1]
    draw_pictures(of_classes, open_data(config["data"]), config, [], Path("pictures"))
    test = package.data.load("digits", "test", batch_size=1000, labels=True, shuffle=False)
    batch = next(test.as_numpy_iterator())
    np.testing.assert_array_equal(drawn["reconstructions"][1], of_classes.reconstruct(batch)[:36])
    np.testing.assert_array_equal(drawn["latent_map"][0], of_classes.encode(batch))
    assert (of_classes.encode(batch) != of_classes.encode(batch["x"])).any()
    code = np.zeros((1, 2), np.float32)
    of_first_class = of_classes.decode(code, label=0)
    np.testing.assert_array_equal(drawn["latent_plane"][0](code), of_first_class)
    assert (of_first_class != of_classes.decode(code)).any()


@pytest.mark.parametrize(
    "model",
    [
        "conditional-variational",
        pytest.param("adversarial --prior gaussian_ring --labels", marks=pytest.mark.slow),
        pytest.param("semi-supervised-adversarial", marks=pytest.mark.slow),
    ],
)
def test_examples_of_a_class_are_generated(tfae, model):
    import keras

    of_digits = "--data digits --latent-dim 2 --hidden-units 8 --batch-size 256 --epochs 1"
    tfae(f"train {model} {of_digits} --out run")
    assert "5 examples of class 3" in tfae("generate run -n 5 --label 3 --out a.npy").output
    expected = keras.saving.load_model("run/model.keras").generate(5, seed=0, label=3)
    np.testing.assert_array_equal(np.load("a.npy"), expected)
    tfae("generate run -n 5 --label 4 --out b.npy")
    assert (np.load("b.npy") != expected).any()
    shown = tfae("generate run --label 10", exit_code=2).output
    assert "one of the 10 classes of the model, 0 to 9; received 10" in shown
    tfae("fit run --prior gaussian")
    with_density = "generate run --label 3 -n 5 --out c.npy"
    if model == "conditional-variational":  # its decoder is told the class
        assert "of class 3" in tfae(with_density).output
    else:
        shown = " ".join(tfae(with_density, exit_code=2).output.split())
        assert "knows no classes; omit --label, or drop the density: `tfae fit run --prior" in shown
        tfae("fit run --prior none")
        tfae(with_density)
        np.testing.assert_array_equal(np.load("c.npy"), expected)


def test_a_class_of_a_model_without_classes_is_refused(tfae, run):
    shown = tfae(f"generate {run} --label 1", exit_code=2).output
    assert "VariationalAutoencoder has no classes to choose from; omit --label" in shown
    assert "--label" in tfae(f"generate {run} --label -1", exit_code=2).output
    assert not os.listdir()


def test_what_cannot_be_generated_is_explained(tfae, run):
    assert "must end in .png or .npy" in tfae(f"generate {run} --out x.txt", exit_code=2).output
    tfae("train autoencoder --data digits --latent-dim 2 --hidden-units 8 --epochs 1 --out plain")
    shown = tfae("generate plain", exit_code=2).output
    assert "`tfae fit plain --prior gaussian_mixture`" in shown
    assert "fit_prior" in tfae("evaluate plain --features data", exit_code=2).output
    result = tfae("evaluate plain --importance-samples 3", exit_code=2)
    assert "no likelihood of the data" in result.output


def test_what_is_fitted_is_kept_with_the_run(tfae):
    import keras

    tfae("train autoencoder --data digits --latent-dim 2 --hidden-units 8 --epochs 1 --out run")
    before = Path("run/model.keras").read_bytes()
    assert "--false-positive-rate" in tfae("fit run", exit_code=2).output
    assert "one of" in tfae("fit run --prior categorical", exit_code=2).output
    assert "examples" in tfae("fit run --false-positive-rate 1e-6", exit_code=2).output
    assert Path("run/model.keras").read_bytes() == before

    shown = tfae("fit run --prior gaussian --false-positive-rate 0.05").output
    model = keras.saving.load_model("run/model.keras")
    assert f"{model.threshold:.6g}" in shown
    assert "as 0.05 of normal validation data" in " ".join(shown.split())
    data = {"batch_size": 256, "shuffle": False, "validation_split": 0.1}
    unseen = package.data.load("digits", "validation", **data)
    assert np.mean(model.is_anomaly(unseen)) <= 0.05
    assert np.isclose(model.anomaly_score(unseen), model.threshold).sum() == 1
    train = package.evaluation.random_sample(package.data.load("digits", "train", **data), 20_000)
    codes = model.encode(train)
    np.testing.assert_allclose(model.fitted_prior.means[0], codes.mean(axis=0), rtol=1e-4)
    tfae("generate run -n 5 --out samples.npy")
    np.testing.assert_array_equal(np.load("samples.npy"), model.generate(5, seed=0))

    Path("run/model.keras").rename("elsewhere.keras")
    Path("run/model.keras").symlink_to(Path("elsewhere.keras").resolve())
    tfae("fit run --false-positive-rate 0.2")
    assert Path("run/model.keras").is_symlink()
    again = keras.saving.load_model("run/model.keras")
    assert again.threshold < model.threshold
    np.testing.assert_array_equal(again.fitted_prior.means, model.fitted_prior.means)
    assert sorted(p.name for p in Path("run").iterdir() if "model" in p.name) == ["model.keras"]


def test_a_threshold_is_not_found_on_training_data(tfae):
    np.save("x.npy", np.random.default_rng(0).random((40, 6)).astype("float32"))
    small = "--latent-dim 2 --hidden-units 8 --epochs 1 --validation-split 0"
    tfae(f"train autoencoder --data x.npy {small} --out run")
    shown = tfae("fit run --false-positive-rate 0.1", exit_code=2).output
    assert "no data that it was not trained on" in " ".join(shown.split())


def test_discrete_codes_are_drawn_from_what_is_counted(tfae):
    tfae(
        "train vector-quantized-variational --data digits --latent-dim 4 --architecture conv "
        "--filters 4,8 --num-embeddings 16 --epochs 1 --batch-size 256 --out run"
    )
    assert "--prior categorical" in tfae("generate run", exit_code=2).output
    shown = tfae("fit run --prior gaussian", exit_code=2).output
    assert "one of ['categorical']" in shown
    tfae("fit run --prior categorical")
    for name in ("a", "b"):
        tfae(f"generate run -n 5 --out {name}.npy")
    assert np.load("a.npy").shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(np.load("a.npy"), np.load("b.npy"))


@pytest.mark.parametrize("command", ["evaluate", "generate", "fit --prior gaussian"])
def test_a_folder_that_is_no_run_is_explained(tfae, command):
    assert "is not the folder of a run" in tfae(f"{command} .", exit_code=2).output


def test_demo(tfae):
    shown = tfae("demo --epochs 3").output
    for word in ("ELBO", "PCA", "3.331", "355 test digits", "tfae generate tfae-demo"):
        assert word in shown
    assert Path("tfae-demo/model.keras").exists()
    assert "tfae-demo-2" in tfae("demo --epochs 1 --latent-dim 3").output
    assert "exists already" in tfae("demo --out tfae-demo", exit_code=2).output


@pytest.mark.slow
def test_the_demo_is_better_than_pca(tfae):
    tfae("demo")
    measured = json.loads(Path("tfae-demo/evaluation.json").read_text())["test"]
    assert measured["squared_error"] < 0.6 * 3.331
    assert measured["elbo"] > 12


def python(code, *arguments, **environment):
    parent = str(Path(package.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, *code, *arguments],
        env={**os.environ, "PYTHONPATH": parent, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_the_terminal_stays_free_of_tensorflows_messages(tmp_path, run):
    out = str(tmp_path / "x.npy")
    result = python(["-m", "tfae"], "generate", str(run), "-n", "1", "--out", out)
    assert result.returncode == 0
    assert result.stderr == ""
    # Errors of the command come through.
    result = python(["-m", "tfae"], "generate", str(tmp_path))
    assert result.returncode == 2
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1


def test_a_program_that_imports_tfae_keeps_its_standard_error():
    result = python(["-c"], "import os, tfae; os.write(2, b'I0000 00:00:1.0 mine')")
    assert "I0000 00:00:1.0 mine" in result.stderr


def test_debug_shows_the_traceback(tmp_path):
    result = python(["-m", "tfae"], "--debug", "evaluate", str(tmp_path))
    assert result.returncode == 2
    assert "Traceback" in result.stderr
