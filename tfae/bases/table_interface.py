"""Tables in and tables out, for models with a schema.

A schema is anything with the methods of `tfae.data.TableSchema` that are used here: `encode`,
`decode`, `width`, `column_names` and `likelihood`. This package does not import `tfae.data`.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_INPUTS = {"x", "label", "mask", "weight"}  # the keys of a dictionary of a model's inputs
_OF_ARROW = ("__arrow_c_stream__", "__arrow_c_array__", "__dataframe__")


def is_table(schema: Any, x: Any) -> bool:
    """Whether data is a table, and not an array, a dataset or a dictionary of model inputs.

    Tables are whatever has Arrow's interface (pandas, polars, pyarrow), dictionaries of columns,
    lists of dictionaries, and paths of files.
    """
    if schema is None:
        return False
    if isinstance(x, Mapping):
        return not _is_batch(schema, x)
    if isinstance(x, list):
        return bool(x) and isinstance(x[0], Mapping)
    return isinstance(x, str | os.PathLike) or any(hasattr(x, name) for name in _OF_ARROW)


def encoded(schema: Any, x: Any) -> Any:
    """Returns data with tables replaced by arrays `(rows, schema.width)`, also in a dictionary."""
    if schema is None:
        return x
    if isinstance(x, Mapping) and _is_batch(schema, x):
        return {**x, "x": encoded(schema, x["x"])}
    return schema.encode(x) if is_table(schema, x) else x


def table_like(schema: Any, data: np.ndarray, x: Any) -> Any:
    """Returns data that a model made from `x`; as a table of the type of `x`, if `x` is one."""
    x = _data_in(schema, x)
    return in_type_of(x, schema.decode(data)) if is_table(schema, x) else data


def columns_like(schema: Any, names: Sequence[str], values: np.ndarray, x: Any) -> Any:
    """Returns numbers `(rows, columns)` as a table of the type of `x`, if that is a table."""
    x = _data_in(schema, x)
    if not is_table(schema, x):
        return values
    import pyarrow as pa

    return in_type_of(x, pa.table(dict(zip(names, values.T, strict=True))))


def in_type_of(x: Any, table: Any) -> Any:
    """Converts a `pyarrow.Table` to the type of another table, if that is a known type.

    Args:
        x: A table of pandas or polars, a dictionary of columns or a list of dictionaries; anything
            else leaves the table as it is.
        table: The `pyarrow.Table`.
    """
    package = type(x).__module__.split(".")[0]
    if package == "pandas":
        converted = table.to_pandas()
        converted.index = x.index
        return converted
    if package == "polars":
        return sys.modules["polars"].from_arrow(table)
    if isinstance(x, Mapping):
        return table.to_pydict()
    return table.to_pylist() if isinstance(x, list) else table


def check_schema(schema: Any, input_shape: Sequence[int | None]) -> None:
    """Raises `ValueError` unless a model's data are the encoded tables of a schema.

    Args:
        schema: The schema, or `None`.
        input_shape: Shape of one example.
    """
    if schema is not None and tuple(input_shape) != (schema.width,):
        raise ValueError(
            f"`schema` turns a row into {schema.width} numbers, but the model takes data of shape "
            f"{tuple(input_shape)}. from_schema builds a model that fits."
        )


def checked_schema(schema: Any) -> Any:
    """Raises `ValueError` unless something is a schema or `None`; returns it."""
    methods = ("encode", "decode", "likelihood", "get_config")
    if schema is None or all(callable(getattr(schema, name, None)) for name in methods):
        return schema
    raise ValueError(f"`schema` must be a tfae.data.TableSchema; received {schema!r}.")


def _is_batch(schema: Any, x: Mapping) -> bool:
    """Whether a dictionary holds the inputs of a model, and not the columns of a table."""
    return "x" in x and set(x) <= _INPUTS and not set(schema.column_names) <= set(x)


def _data_in(schema: Any, x: Any) -> Any:
    of_model = schema is not None and isinstance(x, Mapping) and _is_batch(schema, x)
    return x["x"] if of_model else x
