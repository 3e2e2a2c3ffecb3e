"""The models.

A new variant is one file here, imported below and in `tfae/__init__.py`, and one test file. The
command line and the contract tests use `MODELS`, which lists the models of all files here.
"""

import importlib
import inspect
import pkgutil

from tfae import tables  # noqa: F401  # Keras must know the schema that a saved model may hold
from tfae.models.adversarial import AdversarialAutoencoder
from tfae.models.autoencoder import Autoencoder
from tfae.models.conditional import ConditionalVariationalAutoencoder
from tfae.models.denoising import DenoisingAutoencoder
from tfae.models.hierarchical import HierarchicalVariationalAutoencoder
from tfae.models.importance_weighted import ImportanceWeightedAutoencoder
from tfae.models.semi_supervised import SemiSupervisedAdversarialAutoencoder
from tfae.models.sparse import SparseAutoencoder
from tfae.models.sparse_coding import SparseCoding
from tfae.models.stacked import StackedAutoencoder
from tfae.models.variational import VariationalAutoencoder
from tfae.models.vector_quantized import VectorQuantizedVariationalAutoencoder
from tfae.models.wasserstein import WassersteinAutoencoder
from tfae.training import Trainer


def _discover() -> dict[str, type[Trainer]]:
    found = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isclass(value) and issubclass(value, Trainer):
                found[name] = value
    return dict(sorted(found.items()))


MODELS = _discover()
"""All model classes by name."""

__all__ = [
    "MODELS",
    "AdversarialAutoencoder",
    "Autoencoder",
    "ConditionalVariationalAutoencoder",
    "DenoisingAutoencoder",
    "HierarchicalVariationalAutoencoder",
    "ImportanceWeightedAutoencoder",
    "SemiSupervisedAdversarialAutoencoder",
    "SparseAutoencoder",
    "SparseCoding",
    "StackedAutoencoder",
    "VariationalAutoencoder",
    "VectorQuantizedVariationalAutoencoder",
    "WassersteinAutoencoder",
]
