"""Attributes that are checked when they are set, and those that cannot be set again.

A constructor's argument that is kept as an attribute invites to be set. Either that takes effect,
after the same check as in the constructor, or it is refused.
"""

import functools
from collections.abc import Callable
from typing import Any, ClassVar


def checked(owner: Any, name: str, value: Any) -> Any:
    """Returns what to keep if an attribute of a model or a layer is set.

    Args:
        owner: Whose class may have `fixed_attributes`, names that only the constructor sets, and
            `attribute_checks`, functions by name that return what to keep of a value, or raise.
        name, value: The attribute.

    Raises:
        AttributeError: If the attribute is fixed and has been set.
    """
    if name in _fixed(type(owner)) and name in owner.__dict__:
        raise AttributeError(
            f"`{name}` of {type(owner).__name__} cannot be changed, as other parts of it were "
            f"made from it. Make a new one, with another `{name}`."
        )
    check = _checks(type(owner)).get(name)
    return value if check is None else check(value)


def set_fixed(owner: Any, **values: Any) -> None:
    """Sets fixed attributes, together with what follows from them."""
    owner.__dict__.update(values)


class CheckedAttributes:
    """Mixin of layers whose attributes are checked when they are set; see `checked`."""

    fixed_attributes: ClassVar[tuple[str, ...]] = ()
    attribute_checks: ClassVar[dict[str, Callable[[Any], Any]]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, checked(self, name, value))


def checked_by(check: Callable, name: str, *args: Any) -> Callable[[Any], Any]:
    """A check of `tfae.arguments` as a function of the value alone."""
    return lambda value: check(name, value, *args)


@functools.cache
def _fixed(cls: type) -> frozenset[str]:
    return frozenset(n for c in cls.__mro__ for n in vars(c).get("fixed_attributes", ()))


@functools.cache
def _checks(cls: type) -> dict[str, Callable[[Any], Any]]:
    checks: dict[str, Callable[[Any], Any]] = {}
    for c in reversed(cls.__mro__):
        checks.update(vars(c).get("attribute_checks", {}))
    return checks
