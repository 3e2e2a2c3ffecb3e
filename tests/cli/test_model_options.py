"""The names and options of models on the command line."""

import json

import keras
import numpy as np
import pytest

import tfae as package
from tfae.cli import model_names, objects
from tfae.cli.model_options import model_options
from tfae.cli.new_model import new_model


@keras.saving.register_keras_serializable("tests")
class BrandNewAutoencoder(package.Autoencoder):
    """Does something new. In two sentences.

    Args:
        encoder: Keras model.
        decoder: Keras model.
        likelihood: As in other models.
        strength: How much of it,
            in parts of one.
        layer: A layer that only an object can be.
        seed: Integer.
    """

    def __init__(
        self,
        encoder,
        decoder,
        likelihood="bernoulli",
        strength: float = 0.25,
        layer: keras.layers.Layer | None = None,
        seed=None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood, seed, **kwargs)
        self.strength = strength

    def get_config(self):
        return {**super().get_config(), "strength": self.strength}


@pytest.fixture
def brand_new(monkeypatch):
    """A model as if a file in tfae/models/ defined it."""
    monkeypatch.setattr(package, "__all__", [*package.__all__, "BrandNewAutoencoder"])
    monkeypatch.setattr(package, "BrandNewAutoencoder", BrandNewAutoencoder, raising=False)


def test_every_model_has_its_own_name():
    names = model_names.command_names()
    assert set(names.values()) == set(package.models.MODELS)
    assert model_names.model_class("variational") is package.VariationalAutoencoder
    assert model_names.model_class("autoencoder") is package.Autoencoder


@pytest.mark.parametrize("name", ["variational", "VariationalAutoencoder", "vae", "VAE"])
def test_the_variational_model_has_several_names(name):
    assert model_names.resolve(name) == "variational"


@pytest.mark.parametrize(
    ("class_name", "command"),
    [("SparseCoding", "sparse-coding"), ("DenoisingAutoencoder", "denoising"), ("VQVAE", "vqvae")],
)
def test_a_class_name_becomes_a_command_name(class_name, command):
    assert model_names.command_name(class_name) == command


def test_ambiguous_initials_are_refused():
    assert model_names.resolve("sae") is None
    assert set(model_names.near("sae")) >= {"sparse", "stacked"}


def test_a_new_model_appears_with_its_options_and_trains(brand_new, tfae, bare, table):
    assert "brand-new" in tfae("list").output
    assert "Does something new." in tfae("list").output
    shown = " ".join(tfae("train brand-new --help").output.split())
    assert "--strength VALUE How much of it, in parts of one. [default: 0.25]" in shown
    assert "--layer" in shown
    assert "--encoder" not in shown
    tfae(
        f"train brand-new --data {table} --latent-dim 2 --hidden-units 8 --epochs 1 "
        "--strength 0.5 --out run"
    )
    assert keras.saving.load_model("run/model.keras").strength == 0.5
    with open("run/config.json") as file:
        assert json.load(file)["hyperparameters"] == {"strength": 0.5, "hidden_units": [8]}


def test_hyperparameters_have_the_types_and_texts_of_the_constructor():
    found = model_options(package.VariationalAutoencoder)
    assert not {"encoder", "decoder", "seed", "kwargs", "variational"} & set(found)
    beta = found["beta"]
    assert beta.types == (float,)
    assert beta.objects
    assert beta.help.startswith("Weight of the KL")
    assert found["num_samples"].parse("3", "mlp") == 3
    assert found["hidden_units"].parse("30,20", "mlp") == (30, 20)
    assert found["hidden_units"].parse("30", "mlp") == (30,)
    assert found["hidden_units"].parse("", "mlp") == ()
    assert found["hidden_units"].parse("30", "conv") == 30
    assert found["filters"].parse("8,4", "conv") == (8, 4)
    assert beta.parse("LinearWarmUp:steps=10", "mlp") == "LinearWarmUp:steps=10"


@pytest.mark.parametrize(
    ("name", "text", "architecture", "message"),
    [
        ("beta", "much", "mlp", "--beta must be a number or an object.*received 'much'"),
        ("num_samples", "1.5", "mlp", "--num-samples must be a whole number; received '1.5'"),
        ("filters", "8", "mlp", "--filters belongs to the architecture conv, not to 'mlp'"),
        ("beta", "LinearDown:steps=3", "mlp", "no 'LinearDown'; there are.*LinearWarmUp"),
        ("beta", "LinearWarmUp:3", "mlp", "LinearWarmUp:name=value,name=value; received '3'"),
        ("beta", "LinearWarmUp:stops=3", "mlp", "no 'stops'; it takes steps, start, end"),
        ("beta", "LinearWarmUp", "mlp", "LinearWarmUp needs 'steps'; it takes steps, start, end"),
        ("beta", "LinearWarmUp:steps=0", "mlp", "^--beta LinearWarmUp:steps=0: `steps` must be"),
        ("hidden_units", "4,,4", "mlp", "--hidden-units must be a whole number; received ''"),
        ("likelihood", "Gaussian:scale=x", "mlp", "^--likelihood Gaussian:scale=x: `scale` must"),
        ("likelihood", "GaussianCorruption", "mlp", "no 'GaussianCorruption'; there are Abs"),
        ("likelihood", "Gaussian(scale=1)", "mlp", "written NAME:argument=value; there are"),
        ("corruption", "masking:rate=3", "mlp", r"MaskingCorruption:rate=3: `rate` must lie in"),
        ("corruption", "Gaussian", "mlp", "no 'Gaussian'; there are .*GaussianCorruption"),
        ("prior", "Uniform:low=1,high=0", "mlp", "`low` must be a number below `high`"),
        ("kernel_initializer", "RandomNormal:stddev=x", "mlp", "RandomNormal takes mean, stddev"),
    ],
)
def test_values_that_do_not_fit_are_explained(name, text, architecture, message):
    hyperparameter = model_options(package.VariationalAutoencoder)[name]
    with pytest.raises(ValueError, match=message):
        hyperparameter.parse(text, architecture)


def test_a_short_name_can_have_arguments():
    found = model_options(package.DenoisingAutoencoder)
    corruption = found["corruption"].parse("masking:rate=0.5", "mlp")
    assert corruption == "MaskingCorruption:rate=0.5"
    sparsity = model_options(package.SparseAutoencoder)["sparsity"].parse("top_k:k=2", "mlp")
    assert sparsity == "TopK:k=2"
    likelihood = found["likelihood"].parse("student_t:scale=learned", "mlp")
    assert likelihood == "StudentT:scale=learned"


def test_a_name_that_two_kinds_have_is_that_of_the_option():
    found = model_options(package.WassersteinAutoencoder)
    prior = objects.make("Gaussian", found["prior"].objects)
    assert isinstance(prior, package.priors.Gaussian)
    likelihood = objects.make("Gaussian", found["likelihood"].objects)
    assert isinstance(likelihood, package.losses.Gaussian)


def test_objects_are_made_from_text():
    assert objects.make(3) == 3
    assert objects.make("bernoulli") == "bernoulli"
    warm_up = objects.make("LinearWarmUp:steps=10,end=2.5")
    assert warm_up.get_config() == {"steps": 10, "start": 0.0, "end": 2.5}
    assert objects.make("Gaussian:scale=learned").get_config()["scale"] == "learned"


def test_hyperparameters_of_further_networks_are_options():
    found = model_options(package.HierarchicalVariationalAutoencoder)
    assert found["top_latent_dim"].parse("3", "mlp") == 3
    assert found["top_hidden_units"].parse("5,4", "conv") == (5, 4)
    assert not {"build", "top_encoder", "top_decoder"} & set(found)


def test_a_models_own_defaults_for_each_architecture_are_shown():
    option = model_options(package.AdversarialAutoencoder)["hidden_units"]
    assert option.default_text == "mlp: 512,512,256; conv: 128"


def test_every_option_of_every_model_is_documented():
    for name in package.models.MODELS:
        for option in model_options(getattr(package, name)).values():
            assert option.help.endswith("."), (name, option.name)


@pytest.fixture
def three_classes(tmp_path):
    """Data with three classes, with or without names."""

    def write(labels):
        x = np.random.default_rng(0).random((60, 5), np.float32)
        np.savez(tmp_path / "three.npz", x=x, y=np.array(labels * 20))
        return tmp_path / "three.npz"

    return write


@pytest.mark.parametrize("model", ["conditional-variational", "semi-supervised-adversarial"])
@pytest.mark.parametrize("labels", [["ant", "bee", "cow"], [0, 1, 2]], ids=["names", "numbers"])
def test_a_model_of_classes_has_as_many_as_the_data(three_classes, model, labels):
    description = package.data.find(three_classes(labels)).describe()
    config = {
        "model": model,
        "hyperparameters": {"hidden_units": (8,)},
        "training": {"seed": 0, "latent_dim": 2, "architecture": "mlp"},
    }
    assert new_model(config, description).num_classes == 3
    config["hyperparameters"]["num_classes"] = 4
    assert new_model(config, description).num_classes == 4


def test_a_conditional_model_trains_on_the_labels_of_the_data(tfae, bare, three_classes):
    data = three_classes(["ant", "bee", "cow"])
    small = "--latent-dim 2 --hidden-units 8 --epochs 1 --num-classes 4"
    tfae(f"train conditional-variational --data {data} {small} --out run")
    trained = keras.saving.load_model("run/model.keras")
    assert trained.num_classes == 4
    changed = (trained.offsets.numpy() != 0).any(axis=-1)
    assert changed.tolist() == [True, True, True, False]  # no example is of the fourth class
