"""Reads and checks a run's config.json, which says what was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfae.cli.json_files import TYPE_NAMES, named, read_json

_TEXT, _COUNT, _NUMBER, _TRUTH, _LIST, _DICT = (
    (str,),
    (int,),
    (int, float),
    (bool,),
    (list,),
    (dict,),
)
_NONE = (type(None),)

_FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "data": {
        "data": _TEXT,
        "data_dir": _TEXT + _NONE,
        "validation_split": _NUMBER,
        "binarize": _TEXT + _NONE,
        "scale": _TEXT + _NUMBER + _NONE,
        "image_size": _LIST + _NONE,
        "channels": _COUNT + _NONE,
        "label_column": _TEXT + _COUNT + _NONE,
        "labels": _TRUTH,
    },
    "training": {"epochs": _COUNT, "batch_size": _COUNT, "seed": _COUNT},
}
_OPTIONAL: dict[str, dict[str, tuple[type, ...]]] = {
    "data": {
        "columns": _LIST + _NONE,
        "kinds": _DICT + _NONE,
        "formats": _DICT,
        "transforms": _DICT,
        "encoding": _TEXT,
        "decimal": _TEXT,
        "header": _TRUTH + _NONE,
        "schema": _DICT + _NONE,
        "scaling": _DICT,
        "dtype": _TEXT,
        "missing": _TRUTH,
    },
}
"""What only some runs have: those of tables, and those of newer versions."""

_PARTS = {"model": _TEXT, "hyperparameters": _DICT, "data": _DICT, "training": _DICT}


def read_config(path: Path) -> dict[str, Any]:
    """Reads a config.json.

    Raises:
        ValueError: If it is truncated, or a value that the commands need is missing or has another
            type. The message names the file and the value.
    """
    config = read_json(path)
    _check(path, "", config, _PARTS)
    for part, fields in _FIELDS.items():
        _check(path, f"{part}.", config[part], fields)
    for part, fields in _OPTIONAL.items():
        there = {name: kinds for name, kinds in fields.items() if name in config[part]}
        _check(path, f"{part}.", config[part], there)
    if "classes" in config:
        _check(path, "", config, {"classes": _LIST + _NONE})
    of_data = config["data"]
    _check_texts(path, "classes", config.get("classes") or [])
    _check_texts(path, "data.columns", of_data.get("columns") or [])
    for name in ("kinds", "formats", "transforms"):
        _check_texts(path, f"data.{name}", list((of_data.get(name) or {}).values()))
    _check_objects(path, of_data)
    return config


def _check_texts(path: Path, name: str, values: list[Any]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"{path} is damaged: {name!r} must hold texts, not {named(value)}.")


def _check_objects(path: Path, of_data: dict[str, Any]) -> None:
    """Makes what the commands will make of the configuration, to name it if that fails."""
    for name in ("schema", "scaling"):
        if not of_data.get(name):
            continue
        from tfae import data

        cls = data.TableSchema if name == "schema" else data.Scaling
        try:
            cls.from_config(of_data[name])
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path} is damaged: 'data.{name}': {error}") from error


def _check(path: Path, prefix: str, values: dict, fields: dict[str, tuple[type, ...]]) -> None:
    for name, kinds in fields.items():
        if name not in values:
            raise ValueError(f"{path} is damaged: it lacks {prefix + name!r}.")
        value = values[name]
        is_right = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
        if not is_right:
            raise ValueError(
                f"{path} is damaged: {prefix + name!r} must be "
                f"{' or '.join(TYPE_NAMES[kind] for kind in kinds)}, and is {named(value)}."
            )
