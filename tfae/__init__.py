"""Autoencoders for Keras with a compiled sampling kernel."""

from typing import TYPE_CHECKING

from tfae import _startup

__version__ = "0.1.0"

if TYPE_CHECKING or not _startup.is_the_command():
    _startup.check_backend()

    from tfae import (
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
    from tfae.models import (
        AdversarialAutoencoder,
        Autoencoder,
        ConditionalVariationalAutoencoder,
        DenoisingAutoencoder,
        HierarchicalVariationalAutoencoder,
        ImportanceWeightedAutoencoder,
        SemiSupervisedAdversarialAutoencoder,
        SparseAutoencoder,
        SparseCoding,
        StackedAutoencoder,
        VariationalAutoencoder,
        VectorQuantizedVariationalAutoencoder,
        WassersteinAutoencoder,
    )
else:  # `tfae --help` must not wait for TensorFlow: each command imports what it needs
    _startup.prepare_the_command()

    def __getattr__(name: str) -> object:
        return _startup.import_attribute(name, __all__)


__all__ = [
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
