"""Checks that every builder shares."""

from collections.abc import Sequence


def checked_sizes(name: str, sizes: Sequence[int]) -> tuple[int, ...]:
    """Returns `sizes` as a tuple of positive ints.

    Raises:
        ValueError: If an entry is not a positive whole number.
    """
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    if any(isinstance(s, bool) or int(s) != s or s < 1 for s in sizes):
        raise ValueError(f"`{name}` must hold positive whole numbers; received {sizes!r}.")
    return tuple(int(s) for s in sizes)
