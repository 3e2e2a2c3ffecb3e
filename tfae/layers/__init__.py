"""Keras layers that the models are made of; each also serves in a user's own network."""

from tfae.layers.class_probabilities import ClassProbabilities
from tfae.layers.corruption import (
    GaussianCorruption,
    MaskingCorruption,
    SaltAndPepperCorruption,
)
from tfae.layers.depth_to_space import DepthToSpace
from tfae.layers.dropout import Dropout
from tfae.layers.gaussian_sampling import GaussianSampling
from tfae.layers.scaling import Scaling
from tfae.layers.seeds import next_seed
from tfae.layers.top_k import TopK
from tfae.layers.vector_quantizer import VectorQuantizer

__all__ = [
    "ClassProbabilities",
    "DepthToSpace",
    "Dropout",
    "GaussianCorruption",
    "GaussianSampling",
    "MaskingCorruption",
    "SaltAndPepperCorruption",
    "Scaling",
    "TopK",
    "VectorQuantizer",
    "next_seed",
]
