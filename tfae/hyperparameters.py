"""The hyperparameters of models, as their typed signatures and docstrings declare them.

They are declared once, by a model's constructor, its `_networks` and the architectures' builders.
`from_shape`, the command line and the documentation look them up here.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Iterable
from typing import Any

import docstring_parser
import keras

from tfae.networks import ARCHITECTURES

REQUIRED = inspect.Parameter.empty
"""Marks a hyperparameter without a default."""

_OF_KERAS = ("name", "dtype")  # arguments of `keras.Model` that `from_shape` passes on
_FROM_MODEL = (
    "variational",
    "missing",
    "dtype",
    "seed",
)  # what the model itself passes to builders
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclasses.dataclass(frozen=True)
class Hyperparameter:
    """One argument.

    Attributes:
        name: The argument's name in Python.
        default: Its default, or `REQUIRED`.
        annotation: Its type, or `REQUIRED` if none is declared.
        description: What the docstring says about it, without line breaks.
    """

    name: str
    default: Any
    annotation: Any
    description: str


def of_constructor(cls: type) -> dict[str, Hyperparameter]:
    """Returns the hyperparameters of a model's constructor, in order, without the networks.

    If a constructor takes `**kwargs`, under whatever name, those of its parent class follow.
    """
    found: dict[str, Hyperparameter] = {}
    networks: set[str] = set()
    for owner in cls.__mro__:
        if owner is keras.Model:
            break
        networks.update(getattr(owner, "network_names", ()))
        if "__init__" in vars(owner):
            constructor = vars(owner)["__init__"]
            for hyperparameter in _declared(constructor, owner, _NAMED):
                found.setdefault(hyperparameter.name, hyperparameter)
            if not _passes_on(constructor):
                break
    hidden = networks | {"self"}
    return {name: value for name, value in found.items() if name not in hidden}


def of_networks(cls: type[Any]) -> dict[str, Hyperparameter]:
    """Returns the hyperparameters that a model's `from_shape` passes to its `_networks`."""
    declared = _declared(cls._networks, cls._networks, _NAMED[1:])
    return {hyperparameter.name: hyperparameter for hyperparameter in declared}


def of_architecture(name: str, cls: type | None = None) -> dict[str, Hyperparameter]:
    """Returns the hyperparameters of an architecture.

    Args:
        name: A key of `tfae.networks.ARCHITECTURES`.
        cls: A model class whose own defaults for the architecture are used.
    """
    builder = ARCHITECTURES[name]
    defaults = getattr(cls, "architecture_defaults", {}).get(name, {})
    return {
        hyperparameter.name: dataclasses.replace(
            hyperparameter,
            default=defaults.get(hyperparameter.name, hyperparameter.default),
        )
        for hyperparameter in _declared(builder, builder, _NAMED[1:])
        if hyperparameter.name not in _FROM_MODEL
    }


class Sorted(typing.NamedTuple):
    """The arguments given to `from_shape`, sorted by what takes them."""

    of_architecture: dict[str, Any]
    of_networks: dict[str, Any]
    of_constructor: dict[str, Any]


def sort(cls: type[Any], architecture: str, given: dict[str, Any]) -> Sorted:
    """Checks the names of the arguments given to `from_shape`, and sorts the arguments.

    An argument that is declared in two places goes to both. The model's own defaults for the
    architecture are added.

    Raises:
        ValueError: If the architecture or a name is unknown.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"`architecture` must be one of {sorted(ARCHITECTURES)}; received {architecture!r}."
        )
    for_architecture = of_architecture(architecture)
    for_networks = of_networks(cls)
    for_constructor = {*of_constructor(cls), *_OF_KERAS}
    known = {*for_architecture, *for_networks, *for_constructor}
    unknown = set(given) - known
    if unknown:
        raise ValueError(
            f"{cls.__name__} with architecture={architecture!r} has no hyperparameter "
            f"{', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}."
        )

    def those(names: Iterable[str]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if name in names}

    defaults = cls.architecture_defaults.get(architecture, {})
    return Sorted(
        {**defaults, **those(for_architecture)}, those(for_networks), those(for_constructor)
    )


def summary(documented: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def _declared(
    function: Callable, documented: Any, kinds: tuple[Any, ...]
) -> Iterable[Hyperparameter]:
    descriptions = _descriptions(documented)
    try:
        types = typing.get_type_hints(function)
    except NameError:  # names that only type checkers import, or local names
        types = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in kinds:
            annotation = types.get(parameter.name, REQUIRED)
            description = descriptions.get(parameter.name, "")
            yield Hyperparameter(parameter.name, parameter.default, annotation, description)


@functools.cache
def _descriptions(documented: Any) -> dict[str, str]:
    text = inspect.getdoc(documented) if not inspect.isclass(documented) else documented.__doc__
    parsed = docstring_parser.parse(text or "", docstring_parser.DocstringStyle.GOOGLE)
    return {
        name.strip(): " ".join((entry.description or "").split())
        for entry in parsed.params
        for name in entry.arg_name.split(",")  # arguments of one kind share an entry
    }


def _passes_on(function: Callable) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
