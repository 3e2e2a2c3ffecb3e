"""Data by name or path, as `tf.data` datasets ready for `fit`."""

from tfae.data import patches
from tfae.data.load import find, load
from tfae.data.scaling import Scaling
from tfae.data.source import BINARIZE, Description, Source

__all__ = ["BINARIZE", "Description", "Scaling", "Source", "find", "load", "patches"]
