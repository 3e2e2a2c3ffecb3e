"""The models as the command line names them, and the options that each of them has.

All of it is read off the classes: a new file in `tfae/models/` becomes a command with its options
by itself.
"""

from __future__ import annotations

import collections.abc
import difflib
import inspect
import re
import types
import typing
from typing import Any, NamedTuple

from tfae.cli.objects import is_object, make
from tfae.models import MODELS
from tfae.networks import ARCHITECTURES

_NOT_OPTIONS = {
    "self",
    "cls",
    "seed",
    "kwargs",
    "build",
    "input_shape",
    "latent_dim",
    "variational",
    "dtype",
}
_SIMPLE = (bool, int, float, str)


def commands() -> dict[str, type]:
    """Model classes by command name: "variational" for `VariationalAutoencoder`, and so on."""
    return {command_name(cls): cls for cls in MODELS.values()}


def command_name(cls: type) -> str:
    """The class name in words, without "Autoencoder" where something else is left."""
    name = "-".join(_words(cls.__name__)).lower()
    return name.removesuffix("-autoencoder")


def resolve(name: str) -> type | None:
    """The model of a command name, a class name in any case, or unambiguous initials ("vae")."""
    found = commands()
    if name in found:
        return found[name]
    for cls in found.values():
        if name.lower() == cls.__name__.lower():
            return cls
    matching = [cls for cls in found.values() if name.lower() == _initials(cls)]
    return matching[0] if len(matching) == 1 else None


def near(name: str) -> list[str]:
    """Command names that may have been meant."""
    spellings: dict[str, list[str]] = {}
    for key, cls in commands().items():
        for spelling in (key, cls.__name__.lower(), _initials(cls)):
            spellings.setdefault(spelling, []).append(key)
    close = difflib.get_close_matches(name.lower(), spellings, n=3, cutoff=0.5)
    return list(dict.fromkeys(key for spelling in close for key in spellings[spelling]))


def first_sentence(cls: type) -> str:
    """What a model does, from its documentation."""
    return (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")


class Hyperparameter(NamedTuple):
    """One option of a model.

    Attributes:
        name: of the Python argument.
        help: its documentation.
        defaults: the default by architecture; under `None` when it does not depend on that.
        types: simple types that its values can have.
        sequence: whether it can be several of these.
        objects: whether it can be an object; see `tfae.cli.objects`.
    """

    name: str
    help: str
    defaults: dict[str | None, Any]
    types: tuple[type, ...]
    sequence: bool
    objects: bool

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return inspect.Parameter.empty in self.defaults.values()

    def parse(self, text: str, architecture: str | None) -> Any:
        """The value of an option's text; that of an object stays text, once it has been checked.

        Raises:
            ValueError: when it is not of a type that the argument takes.
        """
        if architecture not in self.defaults and None not in self.defaults:
            raise ValueError(
                f"{self.option} belongs to the architecture {' or '.join(self.defaults)}, not to "
                f"{architecture!r}."
            )
        if self.objects and is_object(text):
            make(text)
            return text
        default = self.defaults.get(architecture, self.defaults.get(None))
        if self.sequence and not isinstance(default, int | float | str):
            return tuple(self._parse_one(part) for part in text.split(",") if part.strip())
        return self._parse_one(text)

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
        raise ValueError(f"{self.option} must be {wanted}, received {text!r}.")

    @property
    def option(self) -> str:
        """The name on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def default_text(self) -> str:
        """The default, or the defaults by architecture, for the help."""
        texts = {key: _as_text(value) for key, value in self.defaults.items()}
        if len(set(texts.values())) == 1:
            return next(iter(texts.values()))
        return "; ".join(f"{key}: {text}" for key, text in texts.items())


_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}


def hyperparameters(cls: type) -> dict[str, Hyperparameter]:
    """The arguments of a model, and of the architectures it can have, that a command can give.

    Networks, which only Python can give, are left out.
    """
    found: dict[str, Hyperparameter] = {}
    defaults = getattr(cls, "architecture_defaults", {})
    for owner, architecture in _owners(cls):
        documented = _argument_help(owner)
        hints = typing.get_type_hints(owner.__init__ if inspect.isclass(owner) else owner)
        names = getattr(owner, "hyperparameter_names", lambda owner=owner: _parameters(owner))()
        for name in names:
            parameter = _parameters(owner)[name]
            if name in _NOT_OPTIONS or parameter.kind is parameter.VAR_KEYWORD:
                continue
            default = defaults.get(architecture, {}).get(name, parameter.default)
            new = Hyperparameter(
                name,
                documented.get(name, ""),
                {architecture: default},
                *_kinds(hints.get(name, str)),
            )
            known = found.get(name, new)
            found[name] = known._replace(
                defaults={**known.defaults, **new.defaults},
                types=tuple(t for t in _SIMPLE if t in (*known.types, *new.types)),
                sequence=known.sequence or new.sequence,
                objects=known.objects or new.objects,
            )
    return found


def has_architectures(cls: type) -> bool:
    """Whether the model is made of an encoder and a decoder of a standard architecture."""
    return hasattr(cls, "from_shape")


def has_optimizer(cls: type) -> bool:
    """Whether `compile` takes an optimizer; some models minimise without one."""
    optimizer = inspect.signature(cls.compile).parameters["optimizer"]
    return optimizer.annotation not in (None, "None")  # which say that only `None` is taken


def _owners(cls: type) -> list[tuple[Any, str | None]]:
    owners: list[tuple[Any, str | None]] = [(cls, None)]
    if has_architectures(cls):
        owners += [(cls._networks, None)]
        owners += [(builder, name) for name, builder in ARCHITECTURES.items()]
    return owners


def _parameters(owner: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(owner).parameters)


def _kinds(hint: Any) -> tuple[tuple[type, ...], bool, bool]:
    """Of a hint: the types that text can become, whether several of them, and whether objects."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _SIMPLE:
        return (hint,), False, False
    if origin is typing.Literal:
        return tuple(dict.fromkeys(type(a) for a in arguments)), False, False
    if origin in (list, tuple, collections.abc.Sequence):
        return _kinds(arguments[0])[0], True, False
    if origin in (typing.Union, types.UnionType):
        parts = [_kinds(argument) for argument in arguments if argument is not type(None)]
        return (
            tuple(t for t in _SIMPLE if any(t in simple for simple, _, _ in parts)),
            any(sequence for _, sequence, _ in parts),
            any(objects for _, _, objects in parts),
        )
    return (), False, True


def _argument_help(owner: Any) -> dict[str, str]:
    """The texts under "Args:" of a Google-style docstring."""
    documentation = inspect.getdoc(owner) or ""
    section = re.search(r"^Args:\n((?:(?: +.*)?\n?)*)", documentation, re.MULTILINE)
    if not section:
        return {}
    entries = re.findall(r"^    ([\w, ]+): (.*(?:\n {8,}.*)*)", section[1], re.MULTILINE)
    return {
        name.strip(): " ".join(text.split()).replace("`", "")
        for names, text in entries
        for name in names.split(",")
    }


def _as_text(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "none"
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return str(value)


def _words(name: str) -> list[str]:
    return re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]{2,}|[A-Z][a-z0-9]*", name)


def _initials(cls: type) -> str:
    """First letters of a class name: "vae" for `VariationalAutoencoder`."""
    letters = [
        "ae" if word == "Autoencoder" else word if word.isupper() else word[0]
        for word in _words(cls.__name__)
    ]
    return "".join(letters).lower()
