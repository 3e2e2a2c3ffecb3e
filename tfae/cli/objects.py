"""Option values that are objects: `Gaussian:scale=learned`, `LinearWarmUp:steps=1000`.

The classes are those of `tfae.losses`, `tfae.layers` and `tfae.priors`, including new ones, and
Keras' initialisers. In a run's configuration, such a value stays text.
"""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

from tfae.cli.errors import one_line

_SYNTAX = re.compile(r"([A-Z]\w*)(?::(.*))?")
_NOT_SHOWN = ("kwargs", "options", "name", "dtype", "seed")  # arguments; a run has its own seed


def is_object(value: Any) -> bool:
    """Whether a value is text that stands for an object."""
    return isinstance(value, str) and bool(_SYNTAX.fullmatch(value))


def spelled_out(text: str, kinds: tuple[type, ...], option: str) -> str:
    """Returns `text` with the class name instead of a short name that has arguments.

    For `corruption`, "masking:rate=0.5" is "MaskingCorruption:rate=0.5".
    """
    name, colon, arguments = text.partition(":")
    if not colon or not name.islower():
        return text
    short = name.replace("_", "").replace("-", "")
    full = (short, short + option.replace("_", ""))
    found = [known for known in classes(kinds) if known.lower() in full]
    return f"{found[0]}:{arguments}" if found else text


def make(value: Any, kinds: tuple[type, ...] = ()) -> Any:
    """Makes the object that a text stands for; returns any other value as it is.

    Args:
        value: The value of an option.
        kinds: Classes of which it may be; by default all.

    Raises:
        ValueError: If there is no such class, or it does not take the arguments.
    """
    if not is_object(value):
        return value
    name, arguments = _SYNTAX.fullmatch(value).groups()
    known = classes(kinds)
    if name not in known:
        raise ValueError(f"there is no {name!r}; there are {', '.join(sorted(known))}.")
    cls = known[name]
    given = _arguments(name, arguments or "")
    parameters = inspect.signature(cls).parameters
    takes = [key for key in parameters if key not in _NOT_SHOWN]
    needs = [key for key in takes if parameters[key].default is inspect.Parameter.empty]
    unknown = [key for key in given if key not in parameters]
    missing = [key for key in needs if key not in given]
    described = f"takes {', '.join(takes) or 'no arguments'}"
    if unknown:
        raise ValueError(f"{name} has no {' or '.join(map(repr, unknown))}; it {described}.")
    if missing:
        raise ValueError(f"{name} needs {' and '.join(map(repr, missing))}; it {described}.")
    try:
        made = cls(**given)
        _try(made)
    except Exception as error:  # Keras' own classes raise many kinds of errors
        raise ValueError(f"{one_line(error).rstrip('.')}. {name} {described}.") from error
    return made


def classes(kinds: tuple[type, ...] = ()) -> dict[str, type]:
    """Returns the classes that can be used in texts, by name.

    Args:
        kinds: Classes of which they must be subclasses; by default none.
    """
    import keras

    from tfae import layers, losses, priors

    found: dict[str, type] = {}
    # `Gaussian` is the likelihood where both are possible: the prior is a default anyway.
    for module in (losses, layers, priors, keras.initializers):
        for name in getattr(module, "__all__", vars(module)):
            cls = getattr(module, name)
            if not inspect.isclass(cls) or name.islower() or cls in found.values():
                continue
            is_base = cls in kinds and cls.__subclasses__()
            if is_base or (kinds and not any(_is_a(cls, kind) for kind in kinds)):
                continue
            found.setdefault(name, cls)
    return found


def _is_a(cls: type, kind: type) -> bool:
    import keras

    from tfae.layers.corruption import Corruption

    if kind is keras.layers.Layer:  # the option `corruption`, which takes any layer in Python
        return issubclass(cls, Corruption)
    return issubclass(cls, kind)


def _arguments(name: str, text: str) -> dict[str, Any]:
    given = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(
                f"arguments are written {name}:name=value,name=value; received {part!r}."
            )
        given[key.strip()] = _literal(value.strip())
    return given


def _try(made: Any) -> None:
    """Uses an initialiser once: Keras does not check their arguments."""
    import keras

    if isinstance(made, keras.initializers.Initializer):
        made((2, 2))


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
