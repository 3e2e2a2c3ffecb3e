"""Names of Arrow's types, as JSON keeps them, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_ZONED = re.compile(r"timestamp\[(\w+), tz=(.+)\]")
_DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d+), (-?\d+)\)")
_DICTIONARY = re.compile(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>")


def type_named(name: str) -> pa.DataType:
    """Returns the type whose `str` is `name`.

    Raises:
        ValueError: If no type of numbers, text, categories or times has this name.
    """
    import pyarrow as pa

    if found := _ZONED.fullmatch(name):
        return pa.timestamp(found[1], found[2])
    if found := _DECIMAL.fullmatch(name):
        return getattr(pa, f"decimal{found[1]}")(int(found[2]), int(found[3]))
    if found := _DICTIONARY.fullmatch(name):
        return pa.dictionary(type_named(found[2]), type_named(found[1]), found[3] == "1")
    try:
        return pa.type_for_alias(name)
    except ValueError:
        raise ValueError(f"{name!r} does not name an Arrow type that a column can have.") from None
