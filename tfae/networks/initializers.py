"""Xavier initialisation, with both variances that go by that name.

A linear layer keeps the variance of a signal if the variance of each weight is 1/n_in, and that of
a back-propagated gradient if it is 1/n_out. Glorot and Bengio (2010) take the compromise
2/(n_in + n_out). Some texts write 1/(n_in + n_out) instead, half of that; a square layer then
halves the variance of a signal.
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
    """Returns an endless supply of kernel initialisers, a separate one for each layer.

    If layers shared an initialiser object, layers of equal shape would get the same weights.

    Args:
        kernel_initializer: A name in `HALF_GLOROT` or in Keras, or anything else that a Keras layer
            takes.
        seed: Integer from which the layers' seeds follow, unless the initialiser already has a
            seed; with `None` Keras draws them.

    Returns:
        An endless iterator.

    Raises:
        ValueError: If there is no initialiser of that name.
    """
    initializer = _checked(kernel_initializer)
    if seed is None:
        return itertools.repeat(initializer)
    draw = random.Random(seed)  # not the global generator, which others use too
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
    """Returns `initializer`, seeded if it takes a seed and has none."""
    if isinstance(initializer, str):
        cls = _class_of(initializer)
        takes_seed = inspect.isclass(cls) and "seed" in inspect.signature(cls).parameters
        return cls(seed=seed) if takes_seed else initializer
    config = initializer.get("config") if isinstance(initializer, dict) else None
    if isinstance(config, dict) and config.get("seed", seed) is None:
        return {**initializer, "config": {**config, "seed": seed}}
    return initializer


def _class_of(name: str) -> Any:
    # Look up the class only: an instance would draw a seed from Python's global generator.
    return _of_keras().get(name) or keras.saving.get_registered_object(name)


def _of_keras() -> dict[str, type]:
    return {name: cls for name, cls in vars(keras.initializers).items() if inspect.isclass(cls)}
