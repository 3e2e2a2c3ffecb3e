"""Xavier initialisation, in both variances that go by that name.

A signal keeps its variance through a linear layer when each weight's variance is 1/n_in, and a
gradient on its way back when it is 1/n_out. Glorot and Bengio (2010) take the compromise
2/(n_in + n_out). Some texts write 1/(n_in + n_out) instead, half of it: a square layer then halves
the variance of a signal.
"""

import inspect
import itertools
import random
from collections.abc import Iterator
from typing import Any

import keras

HALF_GLOROT = {
    f"half_glorot_{name}": {
        "class_name": "VarianceScaling",
        "config": {"scale": 0.5, "mode": "fan_avg", "distribution": distribution, "seed": None},
    }
    for name, distribution in (("uniform", "uniform"), ("normal", "truncated_normal"))
}
"""Variance 1/(n_in + n_out) by name; `"glorot_uniform"` and `"glorot_normal"` are Keras' own."""


def for_each_layer(kernel_initializer: Any, seed: int | None = None) -> Iterator[Any]:
    """What to give to one layer after another: each makes an initialiser of its own of it.

    An initialiser object that is shared gives layers of one shape the same weights.

    Args:
        kernel_initializer: A name of `HALF_GLOROT` or of Keras, or whatever else a Keras layer
            takes.
        seed: Integer from which the seeds of the layers follow, where the initialiser has none of
            its own; with `None` Keras draws them.

    Returns:
        An endless iterator.

    Raises:
        ValueError: If there is no initialiser of that name.
    """
    initializer = _checked(kernel_initializer)
    if seed is None:
        return itertools.repeat(initializer)
    draw = random.Random(seed)  # not Python's own generator, which others use, too
    return (_seeded(initializer, draw.randrange(2**31)) for _ in itertools.count())


def _checked(kernel_initializer: Any) -> Any:
    if isinstance(kernel_initializer, keras.initializers.Initializer):
        return keras.initializers.serialize(kernel_initializer)
    if not isinstance(kernel_initializer, str):
        return kernel_initializer
    if kernel_initializer in HALF_GLOROT:
        return HALF_GLOROT[kernel_initializer]
    if _class_of(kernel_initializer) is not None:
        return kernel_initializer
    names = {name for name in _of_keras() if name.islower()} | set(HALF_GLOROT)
    raise ValueError(
        f"`kernel_initializer` must be one of {', '.join(sorted(names))}, or a "
        f"keras.initializers.Initializer; received {kernel_initializer!r}."
    )


def _seeded(initializer: Any, seed: int) -> Any:
    """`initializer` as a layer takes it, with a seed if it takes one and has none."""
    if isinstance(initializer, str):
        cls = _class_of(initializer)
        takes_seed = inspect.isclass(cls) and "seed" in inspect.signature(cls).parameters
        return cls(seed=seed) if takes_seed else initializer
    config = initializer.get("config") if isinstance(initializer, dict) else None
    if isinstance(config, dict) and config.get("seed", seed) is None:
        return {**initializer, "config": {**config, "seed": seed}}
    return initializer


def _class_of(name: str) -> Any:
    # Looked up, not made: to make one draws a seed from Python's generator.
    return _of_keras().get(name) or keras.saving.get_registered_object(name)


def _of_keras() -> dict[str, type]:
    return {name: cls for name, cls in vars(keras.initializers).items() if inspect.isclass(cls)}
