"""Tables, whose columns differ in kind."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfae.arguments import positive, whole_number
from tfae.losses.likelihoods.categorical import Categorical
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32


class Column(NamedTuple):
    """One part of a `Columns`.

    Attributes:
        name: Name of the column.
        likelihood: Its likelihood. `Columns` reads its settings; learned parameters are weights of
            the `Columns` itself.
        width: Elements of the last axis that it takes.
        weight: Factor of its loss.
    """

    name: str
    likelihood: Likelihood
    width: int
    weight: float = 1.0


@keras.saving.register_keras_serializable("tfae")
class Columns(Likelihood):
    """One likelihood for each block of the last axis, as a table with different columns needs.

    The loss is the sum of the columns' losses. Learned parameters, such as a Gaussian's scale, are
    learned for each column. That is how columns are weighed against each other by default: with a
    learned scale a column counts by the nats that describing it takes, whatever its unit, so one
    that is easily predicted gets a small scale and one of noise a large one. Give numeric columns a
    `min_scale`: the density of a number that the decoder predicts exactly has no upper bound, and
    its loss would drown all others. A `weight` other than 1 is for columns that matter more or less
    to you; the loss is then no density any more.

    Args:
        parts: `(name, likelihood, width)` or `(name, likelihood, width, weight)` of each column, in
            the order of the last axis. A likelihood is a name, such as `"gaussian"`, or an object;
            two columns may share one, and still learn parameters of their own.

    Attributes:
        columns: Of each column, its name, likelihood, width and weight.
        names: The columns' names.
        support: As for every likelihood, but with an array of bounds, one for each element.
        integers: Whether targets are integers, an array with an entry for each element.

    Raises:
        ValueError: If there is no column, a name occurs twice, or a width or a weight is not
            positive.

    Example:
        ```python
        likelihood = tfae.losses.Columns([
            ("age", tfae.losses.Gaussian(scale="learned", min_scale=0.01), 1),
            ("sex", "bernoulli", 1),
            ("port", "categorical", 3),
        ])
        ```
    """

    def __init__(self, parts: Sequence[Any], **kwargs):
        super().__init__(**kwargs)
        # In a closure, since Keras would take the likelihoods for layers to save.
        columns = tuple(_checked(part) for part in parts)
        self._columns = lambda: columns
        if not columns:
            raise ValueError("`parts` must have at least one column; received none.")
        repeated = {name for name in self.names if self.names.count(name) > 1}
        if repeated:
            raise ValueError(
                f"`parts` must have different names; received {sorted(repeated)} twice."
            )
        self.widths = [column.width for column in columns]
        self.groups, self._members = _groups(columns)

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._columns()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def width(self) -> int:
        """Size of the last axis."""
        return sum(self.widths)

    @property
    def slices(self) -> dict[str, slice]:
        """Where each column is in the last axis, by name."""
        ends = list(itertools.accumulate(self.widths))
        return {
            column.name: slice(end - column.width, end)
            for column, end in zip(self.columns, ends, strict=True)
        }

    # ------------------------------------------------------------------ what a likelihood has

    @property
    def support(self) -> tuple[np.ndarray, np.ndarray] | None:
        supports = [column.likelihood.support for column in self.columns]
        if all(support is None for support in supports):
            return None
        bounds = [support or (-np.inf, np.inf) for support in supports]
        low, high = np.repeat(np.asarray(bounds, "float32"), self.widths, axis=0).T
        return low, high

    @property
    def integers(self) -> np.ndarray | bool:
        of_columns = np.repeat([bool(c.likelihood.integers) for c in self.columns], self.widths)
        return of_columns if of_columns.any() else False

    @property
    def link(self) -> str | None:
        links = {column.likelihood.link for column in self.columns} - {None}
        return links.pop() if len(links) == 1 else "columns' own links" if links else None

    @property
    def is_density(self) -> bool:
        return all(c.likelihood.is_density and c.weight == 1.0 for c in self.columns)

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        """The loss of each element; the elements of a column add up to the column's loss."""
        loss = self._by_group(lambda of, *xy: of.elementwise_loss(*xy), target, output)
        weights = np.repeat([column.weight for column in self.columns], self.widths)
        return loss if (weights == 1.0).all() else loss * tf.constant(weights, loss.dtype)

    def observed_elements(self, observed: tf.Tensor) -> tf.Tensor:
        return self._by_group(lambda of, block: of.observed_elements(block), observed)

    def column_losses(self, elementwise_loss: tf.Tensor) -> tf.Tensor:
        """Adds up the losses of elements `(..., width)` to losses of columns `(..., columns)`."""
        parts = tf.split(elementwise_loss, self.widths, axis=-1)
        return tf.stack([tf.reduce_sum(part, axis=-1) for part in parts], axis=-1)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        output = at_least_float32(output)
        return self._by_group(lambda of, x: of.mean(x), output)

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        output = at_least_float32(output)
        errors = [c.name for c in self.columns if not c.likelihood.is_density]
        if errors:
            raise ValueError(
                f"There is no distribution to draw {', '.join(map(repr, errors))} from, whose "
                "likelihood is a plain error. Train with likelihoods such as 'gaussian'."
            )
        seeds = iter([tf.random.fold_in(seed, i, alg="philox") for i in range(len(self.groups))])
        return self._by_group(lambda of, x: of.sample(x, next(seeds)), output)

    def network_input(self, x: tf.Tensor) -> tf.Tensor:
        """Replaces counts, which may be large and have a long tail, by log(1 + count)."""
        if self.integers is False:
            return x
        counts = tf.where(self.integers, x, tf.zeros_like(x))
        return tf.where(self.integers, tf.math.log(1 + counts), x)  # LiteRT has no log1p

    def formula(self) -> dict[str, Any] | None:
        formulas: list[Any] = [None] * len(self.columns)
        for likelihood, members in zip(self.groups, self._members, strict=True):
            together = likelihood.formula()
            if together is None:
                return None
            for i, member in enumerate(members):
                formulas[member] = {
                    name: value[i] if isinstance(value, list) else value
                    for name, value in together.items()
                }
        return {
            "term": "columns",
            "columns": [
                {"width": column.width, "weight": column.weight, **formula}
                for column, formula in zip(self.columns, formulas, strict=True)
            ],
        }

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "parts": [
                [name, keras.saving.serialize_keras_object(likelihood), width, weight]
                for name, likelihood, width, weight in self.columns
            ],
        }

    # ------------------------------------------------------------------ helpers

    def _by_group(self, function: Any, *tensors: tf.Tensor) -> tf.Tensor:
        """Applies a function to the elements of all columns of a group at once, then reorders.

        So a table of a hundred numbers costs a few operations, not a few for each column. Blocks
        are split and joined, since the gradient of `tf.gather` along the last axis is slow.
        """
        blocks = [tf.split(tensor, self.widths, axis=-1) for tensor in tensors]
        results: list[Any] = [None] * len(self.columns)
        for likelihood, members in zip(self.groups, self._members, strict=True):
            parts = [_joined([of_tensor[i] for i in members]) for of_tensor in blocks]
            result = function(likelihood, *parts)
            widths = [self.widths[i] for i in members]
            for i, part in zip(members, _split(result, widths), strict=True):
                results[i] = part
        return _joined(results)


def _checked(part: Any) -> Column:
    from tfae.losses.likelihoods import get  # which imports this file

    if not isinstance(part, Sequence) or not 3 <= len(part) <= 4:
        raise ValueError(
            "Each of `parts` must be (name, likelihood, width) or (name, likelihood, width, "
            f"weight); received {part!r}."
        )
    name, likelihood, width, weight = (*part, 1.0)[:4]
    likelihood, width = get(likelihood), whole_number(f"width of {name!r}", width, 1)
    if isinstance(likelihood, Categorical) and likelihood.num_classes is None:
        likelihood = Categorical(num_classes=width)
    return Column(str(name), likelihood, width, float(positive(f"weight of {name!r}", weight)))


def _groups(columns: Sequence[Column]) -> tuple[list[Likelihood], list[list[int]]]:
    """The columns of equal likelihoods together, which are then computed at once.

    Returns:
        A likelihood for each group, with learned parameters for each column, and the group's
        columns, by number.
    """
    members: dict[Any, list[int]] = {}
    for i, column in enumerate(columns):
        config = {k: v for k, v in column.likelihood.get_config().items() if k != "name"}
        of_ours = type(column.likelihood).__module__.startswith(__package__)
        # The parameters of a group's likelihood are one for each element.
        shares = of_ours and (column.width == 1 or isinstance(column.likelihood, Categorical))
        key = (type(column.likelihood), repr(config)) if shares else i
        members.setdefault(key, []).append(i)
    likelihoods = []
    for of_group in members.values():
        first = columns[of_group[0]].likelihood
        config = {k: v for k, v in first.get_config().items() if k != "name"}
        if len(of_group) > 1 and not isinstance(first, Categorical):
            config["parameter_shape"] = [len(of_group)]
        likelihoods.append(type(first).from_config(config))
    return likelihoods, list(members.values())


def _joined(parts: list[tf.Tensor]) -> tf.Tensor:
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)


def _split(tensor: tf.Tensor, widths: list[int]) -> list[tf.Tensor]:
    return [tensor] if len(widths) == 1 else tf.split(tensor, widths, axis=-1)
