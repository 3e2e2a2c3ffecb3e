"""Option values that are objects: `Gaussian:scale=learned`, `LinearWarmUp:steps=1000`.

The classes are those of `tfae.losses`, `tfae.layers` and `tfae.priors`, including new ones, and
Keras' initialisers. In a run's configuration, such a value stays text.
"""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

_SYNTAX = re.compile(r"([A-Z]\w*)(?::(.*))?")


def is_object(value: Any) -> bool:
    """Whether a value is text that stands for an object."""
    return isinstance(value, str) and bool(_SYNTAX.fullmatch(value))


def make(value: Any) -> Any:
    """Makes the object that a text stands for; returns any other value as it is.

    Raises:
        ValueError: If there is no such class, or it does not take the arguments.
    """
    if not is_object(value):
        return value
    name, arguments = _SYNTAX.fullmatch(value).groups()
    known = classes()
    if name not in known:
        raise ValueError(f"{value!r}: there is no {name!r}; there are {', '.join(sorted(known))}.")
    cls = known[name]
    given = {}
    for part in filter(None, (arguments or "").split(",")):
        key, equals, text = part.partition("=")
        if not equals:
            raise ValueError(
                f"{value!r}: arguments are written {name}:name=value,name=value; received {part!r}."
            )
        given[key.strip()] = _literal(text.strip())
    try:
        return cls(**given)
    except TypeError as error:
        takes = [p for p in inspect.signature(cls).parameters if p != "kwargs"]
        raise ValueError(f"{value!r}: {error}. {name} takes {', '.join(takes)}.") from error


def classes() -> dict[str, type]:
    """Returns the classes that can be used in texts, by name."""
    import keras

    from tfae import layers, losses, priors

    found = {
        name: cls
        for name, cls in vars(keras.initializers).items()
        if inspect.isclass(cls) and not name.islower()
    }
    modules = (
        priors,
        losses,
        layers,
    )  # `Gaussian` is the likelihood; the prior is a default anyway
    own = {name: getattr(module, name) for module in modules for name in module.__all__}
    return found | {name: cls for name, cls in own.items() if inspect.isclass(cls)}


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
