"""Reads tables by pyarrow, in parts of bounded size: CSV, Parquet, and tables in memory."""

from tfae.tables.reading.open_table import open_table
from tfae.tables.reading.table import Rows, Table

__all__ = ["Rows", "Table", "open_table"]
