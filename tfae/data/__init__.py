"""Loads data by name or path, as `tf.data` datasets that are ready for `fit`."""

from tfae.data import patches
from tfae.data.binarize import BINARIZE
from tfae.data.load import find, load
from tfae.data.scaling import Scaling
from tfae.data.source import Description, Source
from tfae.tables import TableSchema

__all__ = ["BINARIZE", "Description", "Scaling", "Source", "TableSchema", "find", "load", "patches"]
