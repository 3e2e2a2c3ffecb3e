"""Builds the model that a run's configuration asks for."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from tfae import data, layers
from tfae.cli.model_names import model_class
from tfae.cli.model_options import has_architectures, model_options
from tfae.cli.objects import make
from tfae.training import set_learning_rate

_LARGEST_EXAMPLE = 2_000_000  # numbers; built-in networks have 340 to 1,000 weights per number


def scaling_of_model(config: dict[str, Any], source: data.Source) -> layers.Scaling | None:
    """Returns the scaling that becomes a part of the model, which then works in the data's units.

    `None` for --scale auto, which is scaled before the model sees it: all images of a kind alike.
    """
    of_data = config["data"]
    if of_data["scale"] in (None, "auto"):
        return None
    if source.schema is not None:
        raise ValueError(
            f"--scale {of_data['scale']} is for arrays and tables of numbers. {source.name} has "
            "columns of several kinds, or missing values, and each column is scaled by its kind."
        )
    found = source.scaling(of_data["scale"], of_data["validation_split"])
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
    kinds = {key: option.objects for key, option in model_options(cls).items()}
    options = {
        key: make(value, kinds[key]) if kinds.get(key) else value
        for key, value in config["hyperparameters"].items()
    }
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
    _check_scale(model, config.get("data", {}))
    compile_model(model, training.get("learning_rate"))
    return model


def _check_scale(model: keras.Model, of_data: dict[str, Any]) -> None:
    """Raises `ValueError` if the likelihood does not take what `--scale` makes of the data."""
    scale = of_data.get("scale")
    likelihood = getattr(model, "likelihood", None)
    if scale in (None, "auto") or likelihood is None:
        return
    name = type(likelihood).__name__
    if np.any(likelihood.integers):
        raise ValueError(
            f"--likelihood {name} is for integers, which --scale {scale} would make fractions: "
            "leave --scale out, or choose --likelihood gaussian."
        )
    is_standard = scale == "standard" and not of_data.get("binarize")
    if is_standard and likelihood.support is not None:
        raise ValueError(
            f"--scale standard gives values below 0 and above 1, which --likelihood {name} does "
            "not take: add --likelihood gaussian or squared_error, or choose --scale minmax."
        )


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
