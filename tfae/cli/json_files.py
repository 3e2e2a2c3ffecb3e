"""Reads and writes the JSON files of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfae.files import atomic_write

TYPE_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def read_json(path: Path) -> dict[str, Any]:
    """Reads the object in a JSON file.

    Raises:
        ValueError: If it holds something else, or is damaged; the message names the file.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: it is not JSON ({error}).") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} is damaged: it holds {named(value)} instead of an object.")
    return value


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file, which appears whole or not at all."""
    with atomic_write(path, replace=True) as new:
        new.write_text(json.dumps(value, indent=2) + "\n")


def named(value: Any) -> str:
    """Returns a JSON value for a message: itself if it is short, else its type."""
    text = json.dumps(value)
    return text if len(text) < 40 else TYPE_NAMES[type(value)]
