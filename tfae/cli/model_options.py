"""The options of `tfae train MODEL` that are the model's own hyperparameters."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterator
from typing import Any

from tfae import hyperparameters
from tfae.cli.errors import OptionError
from tfae.cli.objects import classes, is_object, make, spelled_out
from tfae.hyperparameters import REQUIRED, Hyperparameter
from tfae.losses.likelihoods import LIKELIHOODS, Likelihood
from tfae.networks import ARCHITECTURES

_NOT_OPTIONS = {"seed", "name", "dtype", "scaling"}  # every run has `--seed` and `--scale`
_NAME = re.compile(r"[\w.+-]*")  # a name or a number
_SIMPLE = (bool, int, float, str)
_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}


@dataclasses.dataclass(frozen=True)
class ModelOption:
    """One option of a model.

    Attributes:
        name: The argument's name in Python.
        help: Its documentation.
        defaults: The default for each architecture; under `None` if it is the same for all.
        types: Simple types that its value can have.
        sequence: Whether the value can be a sequence of these.
        objects: Classes of the objects that it can be; see `tfae.cli.objects`.
    """

    name: str
    help: str
    defaults: dict[str | None, Any]
    types: tuple[type, ...]
    sequence: bool
    objects: tuple[type, ...]

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return REQUIRED in self.defaults.values()

    @property
    def option(self) -> str:
        """The name on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def default_text(self) -> str:
        """The default, or the default for each architecture, for the help text."""
        texts = {key: _as_text(value) for key, value in self.defaults.items()}
        if len(set(texts.values())) == 1:
            return next(iter(texts.values()))
        return "; ".join(f"{key}: {text}" for key, text in texts.items())

    def parse(self, text: str, architecture: str | None) -> Any:
        """Returns the value that an option's text stands for.

        The text of an object is only checked, and is returned as it is.

        Raises:
            OptionError: If the value does not have a type that the argument takes.
        """
        if architecture not in self.defaults and None not in self.defaults:
            raise OptionError(
                f"{self.option} belongs to the architecture {' or '.join(self.defaults)}, not to "
                f"{architecture!r}."
            )
        if self.objects:
            text = spelled_out(text, self.objects, self.name)
            if is_object(text) or not _NAME.fullmatch(text):
                return self._parse_object(text)
        default = self.defaults.get(architecture, self.defaults.get(None))
        if self.sequence and not isinstance(default, int | float | str):
            parts = text.split(",") if text.strip() else ()
            return tuple(self._parse_one(part) for part in parts)
        return self._parse_one(text)

    def _parse_object(self, text: str) -> str:
        try:
            if not is_object(text):
                names = ", ".join(classes(self.objects))
                raise ValueError(f"objects are written NAME:argument=value; there are {names}.")
            make(text, self.objects)
        except ValueError as error:
            raise OptionError(f"{self.option} {text}: {error}") from error
        return text

    def _parse_one(self, text: str) -> Any:
        text = text.strip()
        for simple in self.types:
            if simple is bool and text.lower() in ("true", "false"):
                return text.lower() == "true"
            if simple is not bool:
                try:
                    return simple(text)
                except ValueError:
                    continue
        names = [_TYPE_NAMES[simple] for simple in self.types]
        names += ["an object (NAME:argument=value)"] if self.objects else []
        wanted = " or ".join(names)
        raise OptionError(f"{self.option} must be {wanted}; received {text!r}.")


def model_options(cls: type) -> dict[str, ModelOption]:
    """Returns the options for the arguments of a model and of its architectures.

    Networks are left out, since they can only be passed in Python.
    """
    found: dict[str, ModelOption] = {}
    for architecture, hyperparameter in _declared(cls):
        if hyperparameter.name in _NOT_OPTIONS:
            continue
        new = _option(hyperparameter, architecture)
        known = found.get(new.name, new)
        found[new.name] = dataclasses.replace(
            known,
            defaults={**known.defaults, **new.defaults},
            types=tuple(t for t in _SIMPLE if t in (*known.types, *new.types)),
            sequence=known.sequence or new.sequence,
            objects=tuple(dict.fromkeys((*known.objects, *new.objects))),
        )
    return found


def has_architectures(cls: type) -> bool:
    """Whether the model can be made from standard architectures of encoder and decoder."""
    return hasattr(cls, "from_shape")


def has_optimizer(cls: type[Any]) -> bool:
    """Whether `compile` takes an optimizer; some models minimise without one."""
    optimizer = inspect.signature(cls.compile).parameters["optimizer"]
    return optimizer.annotation not in (None, "None")  # these mean that it only takes `None`


def _declared(cls: type) -> Iterator[tuple[str | None, Hyperparameter]]:
    for hyperparameter in hyperparameters.of_constructor(cls).values():
        yield None, hyperparameter
    if has_architectures(cls):
        for hyperparameter in hyperparameters.of_networks(cls).values():
            yield None, hyperparameter
        for name in ARCHITECTURES:
            for hyperparameter in hyperparameters.of_architecture(name, cls).values():
                yield name, hyperparameter


def _option(hyperparameter: Hyperparameter, architecture: str | None) -> ModelOption:
    annotation = hyperparameter.annotation
    return ModelOption(
        hyperparameter.name,
        hyperparameter.description.replace("`", "") + _names(annotation),
        {architecture: hyperparameter.default},
        *_kinds(str if annotation is REQUIRED else annotation),
    )


def _names(hint: Any) -> str:
    """All names that an argument takes, where its description shows but some."""
    if Likelihood not in typing.get_args(hint):
        return ""
    return f" All names: {', '.join(LIKELIHOODS)}."


def _kinds(hint: Any) -> tuple[tuple[type, ...], bool, tuple[type, ...]]:
    """Returns what a type hint allows: simple types, whether sequences, classes of objects."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _SIMPLE:
        return (hint,), False, ()
    if origin is typing.Literal:
        return tuple(dict.fromkeys(type(a) for a in arguments)), False, ()
    if origin in (list, tuple, collections.abc.Sequence):
        return _kinds(arguments[0])[0], True, ()
    if origin in (typing.Union, types.UnionType):
        parts = [_kinds(argument) for argument in arguments if argument is not type(None)]
        return (
            tuple(t for t in _SIMPLE if any(t in simple for simple, _, _ in parts)),
            any(sequence for _, sequence, _ in parts),
            tuple(kind for _, _, objects in parts for kind in objects),
        )
    return (
        (),
        False,
        () if hint is collections.abc.Callable else (hint,),
    )


def _as_text(value: Any) -> str:
    if value is REQUIRED:
        return "none"
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return str(value)
