"""Held-out examples outside the range that a run's model takes.

`--scale minmax` is fitted to training data, so held-out data may exceed it. A likelihood of bounded
values does not take such examples: served, they score as infinite. The commands that read many
examples leave them out and say how many.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import click
import numpy as np

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from tfae import data


def range_of(model: keras.Model) -> tuple[Any, Any] | None:
    """Returns the lowest and highest values that a model takes which scales its data itself.

    `None` if it takes all numbers. Other models refuse data that is out of their range, since
    another `--scale` would mend it.
    """
    if getattr(model, "scaling", None) is None or not model.built:
        return None
    support = model.data_contract().support
    return None if support is None else (np.float32(support[0]), np.float32(support[1]))


def num_outside(
    model: keras.Model, source: data.Source, config: dict[str, Any], split: str, quiet: bool = False
) -> int:
    """Counts the examples of a split that are out of the model's range, and reports it once.

    Raises:
        ValueError: If none would be left, unless it is `quiet`.
    """
    limits = range_of(model)
    if limits is None:
        return 0
    known = _COUNTED.setdefault(source, {})
    if split not in known:
        share = config["validation_split"]
        rows = source.load(split, 1024, validation_split=share, scale=None, shuffle=False)
        outside = [_is_outside(np, x, *limits) for x in rows.as_numpy_iterator()]
        known[split] = sum(int(part.sum()) for part in outside)
        if known[split] and not quiet:
            total = sum(len(part) for part in outside)
            _tell(known[split], known[split] == total, split, bool(config["binarize"]))
    return known[split]


def leave_out(dataset: tf.data.Dataset, low: Any, high: Any, batch_size: int) -> tf.data.Dataset:
    """Leaves the examples out that have a value below `low` or above `high`."""
    import tensorflow as tf

    def inside(batch: Any) -> Any:
        kept = ~_is_outside(tf, batch["x"] if isinstance(batch, dict) else batch, low, high)
        return tf.nest.map_structure(lambda part: tf.boolean_mask(part, kept), batch)

    def holds_any(batch: Any) -> tf.Tensor:
        return tf.shape(tf.nest.flatten(batch)[0])[0] > 0

    return dataset.map(inside).filter(holds_any).rebatch(batch_size)


_COUNTED: weakref.WeakKeyDictionary[data.Source, dict[str, int]] = weakref.WeakKeyDictionary()


def _tell(number: int, are_all: bool, split: str, binarized: bool) -> None:
    which = f"{number:,} {split} examples exceed" if number > 1 else f"One {split} example exceeds"
    problem = (
        f"{'All ' if are_all else ''}{which} the range of the training data, which this likelihood "
        "does not take."
    )
    advice = "--likelihood squared_error or gaussian takes all values."
    if are_all and not binarized:
        raise ValueError(f"{problem} {advice}")
    here = "Binarized, such values count as the nearer end" if binarized else "Left out here"
    click.echo(
        f"Note: {problem} {here}; served, they are anomalies with an infinite score. {advice}",
        err=True,
    )


def _is_outside(numerics: Any, x: Any, low: Any, high: Any) -> Any:
    """Which examples are outside; NaN is not, since it is another error."""
    outside = (x < low) | (x > high)
    axes = tuple(range(1, len(x.shape)))
    return (np.any if numerics is np else numerics.reduce_any)(outside, axis=axes)
