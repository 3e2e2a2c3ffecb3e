"""The models as the command line names them, known without importing them."""

from __future__ import annotations

import difflib
import re
from typing import Any

import tfae


def command_names() -> dict[str, str]:
    """Returns class names by command name, such as "variational" for `VariationalAutoencoder`."""
    return {command_name(name): name for name in tfae.__all__ if name[0].isupper()}


def command_name(class_name: str) -> str:
    """Returns the class name in words, without "Autoencoder" unless that is all of it."""
    return "-".join(_words(class_name)).lower().removesuffix("-autoencoder")


def resolve(name: str) -> str | None:
    """Returns the command name for a command name, a class name, or unambiguous initials ("vae").

    Upper and lower case do not matter.
    """
    found = command_names()
    for command, class_name in found.items():
        if name.lower() in (command, class_name.lower()):
            return command
    matching = [command for command in found if name.lower() == _initials(found[command])]
    return matching[0] if len(matching) == 1 else None


def model_class(command: str) -> type[Any]:
    """Returns the class that a command name stands for."""
    return getattr(tfae, command_names()[command])


def near(name: str) -> list[str]:
    """Returns command names that a mistyped name may have meant."""
    spellings: dict[str, list[str]] = {}
    for key, class_name in command_names().items():
        for spelling in (key, class_name.lower(), _initials(class_name)):
            spellings.setdefault(spelling, []).append(key)
    close = difflib.get_close_matches(name.lower(), spellings, n=3, cutoff=0.5)
    return list(dict.fromkeys(key for spelling in close for key in spellings[spelling]))


def _words(name: str) -> list[str]:
    return re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]{2,}|[A-Z][a-z0-9]*", name)


def _initials(class_name: str) -> str:
    """Returns the initials of a class name: "vae" for `VariationalAutoencoder`."""
    letters = [
        "ae" if word == "Autoencoder" else word if word.isupper() else word[0]
        for word in _words(class_name)
    ]
    return "".join(letters).lower()
