"""What was found in a table when a schema encoded it."""

from __future__ import annotations

import collections
import warnings


class Report:
    """Counts of what a schema treated as missing.

    Attributes:
        origin: What the table is called.
        rows: Number of rows.
        missing: Number of missing values by column, including those of unknown categories.
        unknown: By column, how often each category occurred that the schema does not know. Of a
            column with very many, only some are kept.
        unknown_count: By column, the number of values of unknown categories.
    """

    KEPT = 1000

    def __init__(self, origin: str = "the table"):
        self.origin = origin
        self.rows = 0
        self.missing: collections.Counter[str] = collections.Counter()
        self.unknown: dict[str, collections.Counter[str]] = {}
        self.unknown_count: collections.Counter[str] = collections.Counter()

    def add_unknown(self, name: str, counts: dict[str, int]) -> None:
        """Counts values of a column that are not categories of the schema."""
        self.unknown_count[name] += sum(counts.values())
        kept = self.unknown.setdefault(name, collections.Counter())
        for value, count in counts.items():
            if value in kept or len(kept) < self.KEPT:
                kept[value] += count

    def messages(self) -> list[str]:
        """A sentence for each column with unknown categories or without any value."""
        sentences = []
        for name, counts in self.unknown.items():
            examples = ", ".join(f"{value!r} ({n})" for value, n in counts.most_common(5))
            more = ", ..." if len(counts) > 5 else ""
            sentences.append(
                f"column {name!r}: {self.unknown_count[name]} of {self.rows} values are categories "
                f"that the schema does not know, and count as missing: {examples}{more}"
            )
        for name, count in self.missing.items():
            if count == self.rows > 0 and name not in self.unknown:
                sentences.append(f"column {name!r} is empty: all {count} values are missing")
        return sentences

    def warn(self) -> None:
        """Warns of everything that `messages` returns."""
        if sentences := self.messages():
            warnings.warn(f"{self.origin}: {'; '.join(sentences)}.", stacklevel=3)

    def __str__(self) -> str:
        lines = [f"{self.origin}: {self.rows} rows", *self.messages()]
        lines += [
            f"column {name!r}: {count} values missing"
            for name, count in self.missing.items()
            if 0 < count < self.rows
        ]
        return "\n".join(lines)
