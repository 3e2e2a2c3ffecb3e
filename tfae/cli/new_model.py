"""Builds the model that a run's configuration asks for."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from tfae import data, hyperparameters, layers
from tfae.cli.console import console
from tfae.cli.model_names import model_class
from tfae.cli.model_options import has_architectures, model_options
from tfae.cli.objects import make
from tfae.training import set_learning_rate

_LARGEST_EXAMPLE = 2_000_000  # numbers; built-in networks have 340 to 1,000 weights per number


def scaling_of_model(config: dict[str, Any], source: data.Source) -> layers.Scaling | None:
    """Returns the scaling that becomes a part of the model, which then works in the data's units.

    `None` if the data is scaled before the model sees it: for --scale auto, for data that is
    binarized, and for models that have no scaling.
    """
    of_data = config["data"]
    has_scaling = "scaling" in hyperparameters.of_constructor(model_class(config["model"]))
    if of_data["scale"] in (None, "auto"):
        return None
    if source.schema is not None:
        raise ValueError(
            f"--scale {of_data['scale']} is for arrays and tables of numbers. {source.name} has "
            "columns of several kinds, or missing values, and each column is scaled by its kind."
        )
    if of_data["binarize"] or not has_scaling:
        reason = "data that is binarized" if has_scaling else "this model"
        console.print(
            f"Note: with {reason} --scale {of_data['scale']} is not kept in the model. Scale what "
            "you give to it and to its exports in the same way."
        )
        return None
    found = source.scaling(of_data["scale"], of_data["validation_split"])
    of_data["scaled_by"] = "model"
    if found.clip:
        of_data["clip"] = [found.unscale(np.float32(end)).tolist() for end in (0, 1)]
    return layers.Scaling(found.shift, found.factor)


def new_model(
    config: dict[str, Any],
    description: data.Description,
    scaling: layers.Scaling | None = None,
    schema: data.TableSchema | None = None,
) -> keras.Model:
    """Builds and compiles the model that a run's configuration asks for.

    Args:
        config: "model", "hyperparameters", "data" and "training".
        description: What the model is trained on.
        scaling: The scaling that becomes a part of the model.
        schema: The columns of a table that is not of numbers only, which become a part of it, too.

    Raises:
        ValueError: If there is no such model for this data.
    """
    training = config["training"]
    keras.utils.set_random_seed(training["seed"])  # for the initial weights
    cls = model_class(config["model"])
    options = {key: make(value) for key, value in config["hyperparameters"].items()}
    options["seed"] = training["seed"]
    if scaling is not None:
        options["scaling"] = scaling
    if description.num_classes and "num_classes" in model_options(cls):
        options.setdefault("num_classes", description.num_classes)
    if has_architectures(cls):
        _check_size(description.shape)
        build, of_what = cls.from_shape, description.shape
        if schema is not None:
            build, of_what = cls.from_schema, schema
        model = build(of_what, training["latent_dim"], training["architecture"], **options)
    elif schema is not None:
        raise ValueError(
            f"{cls.__name__} takes tables of numbers without missing values only, and this one has "
            "other columns. Choose another model, or leave columns out with --ignore."
        )
    else:
        model = cls(**options)
    support = model.data_contract().support if model.built else None
    of_data = config.get("data", {})
    is_standard = of_data.get("scale") == "standard" and not of_data.get("binarize")
    if support is not None and is_standard:
        raise ValueError(
            "--scale standard gives values below 0 and above 1, which --likelihood bernoulli does "
            "not take: add --likelihood gaussian or squared_error, or choose --scale minmax."
        )
    compile_model(model, training.get("learning_rate"))
    return model


def _check_size(shape: tuple[int, ...]) -> None:
    """Raises `ValueError` for examples so large that a network for them would not fit in memory."""
    size = math.prod(shape)
    if size > _LARGEST_EXAMPLE:
        hint = " Make images smaller with --image-size, such as --image-size 128x128."
        raise ValueError(
            f"An example of shape {shape} holds {size:,} numbers; a network for it would have "
            f"about {size * 1000 / 1e9:,.0f} billion weights.{hint if len(shape) == 3 else ''}"
        )


def compile_model(model: keras.Model, learning_rate: float | None) -> None:
    """Compiles a model with its defaults, except for the learning rate if one is given."""
    model.compile()
    if learning_rate is not None:
        set_learning_rate(model.optimizer, learning_rate)
