"""Setting a public attribute of a model or a layer takes effect, or it is refused.

Afterwards the model behaves like a new one with that value in its constructor, although its
functions were traced before. New attributes are found automatically.
"""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae import layers, losses
from tfae.training import structure
from tfae.training.random_state import seed_states

OTHER = {
    "atom_update": "replace", "beta": 3.0, "classification_weight": 4.0, "commitment": 2.0,
    "corruption": lambda: keras.layers.Rescaling(0.5), "doubly_reparameterized": True,
    "dropout": 0.5, "free_bits": 2.0, "gradient_penalty": 0.9, "head": "svm", "latent_dim": 5,
    "likelihood": lambda: losses.Gaussian(0.5), "num_atoms": 5, "num_classes": 5, "num_samples": 3,
    "penalty": 0.05, "scaling": lambda: layers.Scaling(0.0, 0.5), "seed": 9,
    "sparsity": lambda: losses.L1(0.3), "tolerance": 0.3, "weight_decay": 0.3,
}  # fmt: skip
NOT_ARGUMENTS = {"pretrained_layers", "atoms"}  # state that was learned

# Each of the others takes seconds, since it is traced again and again.
QUICK = (tfae.Autoencoder,)
MODELS = [
    model if model in QUICK else pytest.param(model, marks=pytest.mark.slow)
    for model in (*tfae.models.MODELS.values(), "classifier")
]


def other(name):
    value = OTHER.get(name)
    return value() if callable(value) else value


def new(model_class):
    keras.utils.set_random_seed(3)
    if model_class == "classifier":
        stack = tfae.StackedAutoencoder.from_shape((16,), 3, hidden_units=(6,), seed=7)
        model = stack.classifier(3)
    elif hasattr(model_class, "from_shape"):
        model = model_class.from_shape((16,), 4, hidden_units=(6,), seed=7)
    else:
        model = model_class(4, penalty=0.2, seed=7)
        model(keras.KerasTensor((None, 16)))
    return compiled(model)


def compiled(model):
    names = [n for n in inspect.signature(model.compile).parameters if n.endswith("optimizer")]
    if isinstance(model, tfae.SparseCoding):
        names = []
    # Without optimizer state, so that a model that was used before starts like a new one.
    model.compile(**{name: keras.optimizers.SGD(0.01) for name in names}, jit_compile=False)
    return model


def attributes(model):
    """Yields the names of the package's own readable attributes that are no parts of the model."""
    of_keras = {*dir(keras.Model), *vars(keras.Model()), *structure.CHANGES_WHILE_RUNNING}
    of_keras = {*of_keras, "optimizer"} - {"seed"}
    names = set(vars(model))
    names |= {n for c in type(model).__mro__ for n, v in vars(c).items() if hasattr(v, "__set__")}
    names = {name for name in names if name[0] != "_"}
    parts = keras.layers.Layer | keras.Variable | keras.random.SeedGenerator | list | None
    parts |= keras.optimizers.Optimizer | tfae.priors.Prior
    for name in sorted(names - of_keras - NOT_ARGUMENTS):
        if name in OTHER or not isinstance(getattr(model, name, None), parts):
            yield name


def outcome(model, x, label):
    data = (x, label) if hasattr(model, "head") else ({"x": x, "label": label},)
    if getattr(model, "num_classes", None) is None:
        data = (x,)
    logs = [
        *model.test_on_batch(*data, return_dict=True).values(),
        *model.train_on_batch(*data, return_dict=True).values(),
    ]
    return [
        np.asarray(value) for value in [*logs, *model.get_weights(), model.predict(x, verbose=0)]
    ]


def copy_state(source, target):
    """Gives one model the weights and the noise of another that is made alike."""
    of_target = {id(v) for v in seed_states(target)}
    states = [v for v in source.variables if v.name != "seed_generator_state"]
    own = [v for v in target.variables if id(v) not in of_target]
    for a, b in [*zip(states, own, strict=True),
                 *zip(seed_states(source), seed_states(target), strict=True)]:  # fmt: skip
        assert a.shape == b.shape
        b.assign(a)


@pytest.mark.parametrize("model_class", MODELS, ids=lambda m: getattr(m, "__name__", m))
def test_every_attribute_of_a_model_takes_effect_or_cannot_be_set(model_class, digits):
    x, label = digits[:32, :4, :4].reshape(32, 16), np.arange(32) % 3
    model = new(model_class)
    outcome(model, x, label)  # traces everything
    names = list(attributes(model))
    assert "seed" in names
    for name in names:
        assert name in OTHER or not hasattr(type(model), name) or getattr(
            type(model), name).fset is None, f"no other value for {name}"  # fmt: skip
        before = getattr(model, name)
        try:
            setattr(model, name, other(name))
        except AttributeError:
            assert getattr(model, name) is before or getattr(model, name) == before
            continue
        config = {**new(model_class).get_config(), name: other(name)}
        anew = compiled(type(model).from_config(config))
        if not anew.built:
            anew(keras.KerasTensor((None, 16)))
        if isinstance(anew, tfae.SparseCoding):
            anew.atoms = keras.utils.normalize(x[:4] + 0.01)
        copy_state(anew, model)
        for a, b in zip(outcome(model, x, label), outcome(anew, x, label), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, err_msg=name)
        if name != names[-1]:
            model = new(model_class)
            outcome(model, x, label)


@pytest.mark.parametrize(
    ("layer", "inputs", "values"),
    [
        (layers.MaskingCorruption(0.2, seed=1), 1, {"rate": 0.7, "seed": 2}),
        (layers.GaussianCorruption(0.2, seed=1), 1, {"stddev": 0.7, "seed": 2}),
        (layers.SaltAndPepperCorruption(0.2, seed=1), 1,
         {"rate": 0.7, "low": -1.0, "high": 2.0, "seed": 2}),
        (layers.Dropout(0.2, seed=1), 1, {"rate": 0.7, "seed": 2}),
        (layers.GaussianSampling(2, seed=1), 2, {"num_samples": 3, "seed": 2}),
        (layers.TopK(2), 1, {"k": 3, "alpha": 2.0}),
        (layers.Scaling(1.0, 2.0), 1, {"shift": 2.0, "factor": 1.0}),
        (layers.VectorQuantizer(4, 2, seed=1), 1,
         {"num_embeddings": 8, "embedding_dim": 4, "decay": 0.5, "restart_below": 0.0, "seed": 2}),
        (layers.ClassProbabilities(2), 1, {"num_classes": 3}),
        (layers.DepthToSpace(2), 1, {"block_size": 4}),
        (losses.Gaussian(0.5), 2, {"scale": 0.7, "min_scale": 0.1}),
        (losses.Gaussian("learned"), 2, {"scale": 0.7, "min_scale": 0.1}),
    ],
    ids=lambda value: getattr(value, "name", None),
)  # fmt: skip
def test_every_attribute_of_a_layer_takes_effect_or_cannot_be_set(layer, inputs, values):
    shape = (3, 4, 4, 16) if isinstance(layer, layers.DepthToSpace) else (3, 8)
    x = [tf.random.stateless_uniform(shape, (i, 1)) for i in range(inputs)]

    def run(layer):
        if isinstance(layer, losses.Likelihood):
            return layer.loss(*x)
        training = {} if isinstance(layer, no_training) else {"training": True}
        return layer(*x, **training)

    no_training = (
        layers.VectorQuantizer, layers.ClassProbabilities, layers.DepthToSpace, layers.Scaling,
    )  # fmt: skip
    config = layer.get_config()
    assert set(values) == set(config) - set(keras.layers.Layer().get_config())
    for name, value in values.items():
        changed = type(layer).from_config(config)
        run(changed)
        try:
            setattr(changed, name, value)
        except AttributeError:
            continue
        assert changed.get_config()[name] == value
        anew = type(layer).from_config({**config, name: value})
        run(anew)  # as often as the changed one
        if isinstance(layer, layers.VectorQuantizer):
            for moved in (changed, anew):
                moved.update(x[0], moved(x[0])[1])
        for a, b in zip(tf.nest.flatten(run(changed)), tf.nest.flatten(run(anew)), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("free_bits", -1, "free_bits.*-1"),
        ("num_samples", 0, "num_samples.*0"),
        ("likelihood", "poison", "likelihood.*poison"),
        ("scaling", 2.0, "Scaling"),
        ("corruption", "noise", "corruption.*noise"),
    ],
)
def test_values_that_are_set_are_checked_as_in_the_constructor(name, value, message):
    model = tfae.VariationalAutoencoder.from_shape((4,), 2, hidden_units=())
    before = getattr(model, name)
    with pytest.raises(ValueError, match=message):
        setattr(model, name, value)
    assert getattr(model, name) is before
    model.likelihood = "gaussian"  # names are resolved
    assert isinstance(model.likelihood, losses.Gaussian)


def test_setting_a_fixed_attribute_says_what_to_do():
    model = tfae.Autoencoder.from_shape((4,), 2, hidden_units=())
    with pytest.raises(AttributeError, match=r"`latent_dim` of Autoencoder cannot be changed.*new"):
        model.latent_dim = 3
