"""What the columns of a table hold, and how they become numbers for a model, and back."""

from tfae.tables.encoding_report import Report
from tfae.tables.schema import TableSchema

__all__ = ["Report", "TableSchema"]
