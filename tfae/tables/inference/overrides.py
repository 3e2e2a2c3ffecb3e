"""What users say about a table before its schema is inferred."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfae.arguments import whole_number
from tfae.tables.columns import KINDS
from tfae.tables.columns.numeric import TRANSFORMS

IGNORE = "ignore"


class Choices(NamedTuple):
    """The overrides of `TableSchema.infer`, which documents them."""

    kinds: Mapping[str, str] = {}
    categories: Mapping[str, Sequence[Any]] = {}
    transforms: Mapping[str, str] = {}
    likelihoods: Mapping[str, Any] = {}
    formats: Mapping[str, str] = {}
    max_categories: int = 250

    def kind(self, name: str) -> str | None:
        """The kind that is asked for; `None` to infer it."""
        if name in self.kinds:
            return self.kinds[name]
        if name in self.categories:
            return "binary" if len(self.categories[name]) == 2 else "categorical"
        if name in self.transforms:
            return "numeric"
        return "time" if name in self.formats else None

    def check(self, names: Sequence[str], origin: str) -> None:
        """Raises `ValueError` if a choice names no column of the table, or cannot be met."""
        whole_number("max_categories", self.max_categories, minimum=2)
        for argument in ("kinds", "categories", "transforms", "likelihoods", "formats"):
            for name in getattr(self, argument):
                if name not in names:
                    near = difflib.get_close_matches(str(name), names, n=1)
                    hint = f" Did you mean {near[0]!r}?" if near else ""
                    raise ValueError(
                        f"`{argument}` names the column {name!r}, which {origin} does not have."
                        f"{hint}"
                    )
        for name, kind in self.kinds.items():
            if kind not in (*KINDS, IGNORE):
                raise ValueError(
                    f"`kinds` must be out of {', '.join(map(repr, (*KINDS, IGNORE)))}; received "
                    f"{kind!r} for {name!r}."
                )
        for name, transform in self.transforms.items():
            if transform not in TRANSFORMS or self.kind(name) != "numeric":
                raise ValueError(
                    f"`transforms` must be 'log' or 'quantile', for numeric columns; received "
                    f"{transform!r} for {name!r}."
                )
        for name, categories in self.categories.items():
            if len(set(categories)) < max(2, len(categories)):
                raise ValueError(
                    "`categories` must hold at least two different categories and none twice; "
                    f"received {list(categories)} for {name!r}."
                )
            if self.kind(name) not in ("binary", "categorical", "ordinal"):
                raise ValueError(
                    f"`categories` are given for {name!r}, but `kinds` says {self.kind(name)!r}."
                )
