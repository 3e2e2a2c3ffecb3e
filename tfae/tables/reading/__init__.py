"""Reads tables by pyarrow, in parts of bounded size: CSV, Parquet, and tables in memory."""

from tfae.tables.reading.open_table import is_table_file, open_table
from tfae.tables.reading.table import Part, Table

__all__ = ["Part", "Table", "is_table_file", "open_table"]
