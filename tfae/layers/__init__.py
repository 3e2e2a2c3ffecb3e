"""Keras layers that the models are made of; each also serves in a user's own network."""

from tfae.layers.gaussian_sampling import GaussianSampling
from tfae.layers.seeds import next_seed

__all__ = ["GaussianSampling", "next_seed"]
