"""Autoencoders for Keras with a compiled sampling kernel."""

import keras as _keras

if _keras.config.backend() != "tensorflow":
    raise ImportError(
        "tfae needs Keras' TensorFlow backend, but Keras runs on "
        f"{_keras.config.backend()!r}. Set the environment variable KERAS_BACKEND=tensorflow (or "
        '"backend": "tensorflow" in ~/.keras/keras.json) before Python starts.'
    )

from tfae import data, layers, losses, models, networks, ops, pictures
from tfae.models import *  # noqa: F403

__version__ = "0.1.0"
__all__ = [*models.MODELS, "data", "layers", "losses", "models", "networks", "ops", "pictures"]
