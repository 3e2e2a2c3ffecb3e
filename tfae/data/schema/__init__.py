"""What the columns of a table hold, and how they become numbers for a model, and back."""

from tfae.data.schema.report import Report
from tfae.data.schema.schema import TableSchema

__all__ = ["Report", "TableSchema"]
