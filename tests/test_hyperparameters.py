"""The hyperparameters of models, as declared by their signatures and docstrings."""

import importlib.util
from pathlib import Path

import pytest

import tfae
from tfae import hyperparameters
from tfae.hyperparameters import REQUIRED, of_architecture, of_constructor, of_networks, sort

WITH_NETWORKS = [c for c in tfae.models.MODELS.values() if hasattr(c, "from_shape")]


def test_the_documentation_page_lists_what_the_models_declare():
    """If not, run `python docs/hyperparameters.py`."""
    file = Path(__file__).parents[1] / "docs" / "hyperparameters.py"
    spec = importlib.util.spec_from_file_location("hyperparameters_page", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page()


def test_name_default_type_and_description_are_read():
    beta = of_constructor(tfae.VariationalAutoencoder)["beta"]
    assert (beta.name, beta.default) == ("beta", 1.0)
    assert beta.annotation is not REQUIRED
    assert beta.description.startswith("Weight of the KL")
    assert "\n" not in beta.description
    assert of_constructor(tfae.SparseCoding)["num_atoms"].default is REQUIRED
    assert "top_latent_dim" in of_networks(tfae.HierarchicalVariationalAutoencoder)


def test_networks_are_not_hyperparameters():
    for cls in WITH_NETWORKS:
        assert not {*cls.network_names, "self", "encoder", "decoder"} & set(of_constructor(cls))


def test_a_model_may_override_the_defaults_of_an_architecture():
    own = of_architecture("mlp", tfae.AdversarialAutoencoder)["hidden_units"].default
    assert own == tfae.AdversarialAutoencoder.architecture_defaults["mlp"]["hidden_units"]
    assert own != of_architecture("mlp")["hidden_units"].default


@pytest.mark.parametrize("variadic", ["kwargs", "options"])
def test_a_constructor_that_passes_on_keyword_arguments_inherits_its_parents_hyperparameters(
    variadic,
):
    namespace = {"tfae": tfae}
    exec(
        "class Own(tfae.VariationalAutoencoder):\n"
        f"    def __init__(self, encoder, decoder, extra: int = 3, **{variadic}):\n"
        f"        super().__init__(encoder, decoder, **{variadic})\n",
        namespace,
    )
    found = of_constructor(namespace["Own"])
    assert found["extra"].default == 3
    assert {"beta", "likelihood", "corruption", "scaling", "seed"} <= set(found)


def test_a_constructor_that_passes_nothing_on_has_only_its_own_hyperparameters():
    class Closed(tfae.Autoencoder):
        def __init__(self, encoder, decoder, extra=1):
            super().__init__(encoder, decoder)

    assert set(of_constructor(Closed)) == {"extra"}


def test_hyperparameters_are_sorted_by_their_consumer():
    given = {"hidden_units": (4,), "prior": "uniform", "likelihood": "gaussian", "name": "a"}
    found = sort(tfae.AdversarialAutoencoder, "mlp", given)
    assert found.of_architecture == {"hidden_units": (4,)}
    assert found.of_networks == {"prior": "uniform"}
    assert found.of_constructor == {"prior": "uniform", "likelihood": "gaussian", "name": "a"}


@pytest.mark.parametrize(
    ("architecture", "given", "message"),
    [
        ("mlp", {"depth": 3}, "no hyperparameter depth; it has .*hidden_units"),
        ("mlp", {"filters": 3}, "no hyperparameter filters"),
        ("cnn", {}, r"must be one of \['conv', 'mlp'.*received 'cnn'"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(architecture, given, message):
    with pytest.raises(ValueError, match=message):
        sort(tfae.Autoencoder, architecture, given)


def test_every_hyperparameter_of_every_model_has_a_description():
    for cls in tfae.models.MODELS.values():
        for hyperparameter in of_constructor(cls).values():
            assert hyperparameter.description, (cls.__name__, hyperparameter.name)
    assert hyperparameters.summary(tfae.Autoencoder).endswith(".")
