"""The fused op: sampling a diagonal Gaussian and its KL divergence to N(0, I)."""

from tfae.ops.gaussian_sample_kl import gaussian_sample_kl
from tfae.ops.library import kernel_available
from tfae.ops.reference import gaussian_sample_kl_reference

__all__ = ["gaussian_sample_kl", "gaussian_sample_kl_reference", "kernel_available"]
