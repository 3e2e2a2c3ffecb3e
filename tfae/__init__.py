"""Autoencoders for Keras with a compiled sampling kernel."""

from tfae._startup import quieten_the_command as _quieten

_quieten()  # before TensorFlow is imported

import keras as _keras  # noqa: E402

if _keras.config.backend() != "tensorflow":
    raise ImportError(
        "tfae needs Keras' TensorFlow backend, but Keras runs on "
        f"{_keras.config.backend()!r}. Set the environment variable KERAS_BACKEND=tensorflow (or "
        '"backend": "tensorflow" in ~/.keras/keras.json) before Python starts.'
    )

from tfae import (  # noqa: E402
    data,
    evaluation,
    export,
    latent,
    layers,
    losses,
    models,
    networks,
    ops,
    pictures,
    priors,
    sklearn,
)
from tfae.models import *  # noqa: E402, F403

__version__ = "0.1.0"
__all__ = [
    *models.MODELS,
    "data",
    "evaluation",
    "export",
    "latent",
    "layers",
    "losses",
    "models",
    "networks",
    "ops",
    "pictures",
    "priors",
    "sklearn",
]
