"""Autoencoders as scikit-learn estimators."""

from tfae.sklearn.encoder import Encoder
from tfae.sklearn.imputer import Imputer

__all__ = ["Encoder", "Imputer"]
