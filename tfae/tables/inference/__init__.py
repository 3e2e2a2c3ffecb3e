"""Infers the kinds of a table's columns."""

from tfae.tables.inference.decide import LeftOut, decide
from tfae.tables.inference.overrides import Choices
from tfae.tables.inference.scan import scan_table

__all__ = ["Choices", "LeftOut", "decide", "scan_table"]
