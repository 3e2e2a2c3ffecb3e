"""Finds out the kinds of a table's columns."""

from tfae.data.schema.inference.choices import Choices
from tfae.data.schema.inference.decide import LeftOut, decide
from tfae.data.schema.inference.scan import scan_table

__all__ = ["Choices", "LeftOut", "decide", "scan_table"]
