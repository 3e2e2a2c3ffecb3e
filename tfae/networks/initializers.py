"""Xavier initialisation, in both variances that go by that name.

A signal keeps its variance through a linear layer when each weight's variance is 1/n_in, and a
gradient on its way back when it is 1/n_out. Glorot and Bengio (2010) take the compromise
2/(n_in + n_out). Some texts write 1/(n_in + n_out) instead, half of it: a square layer then halves
the variance of a signal.
"""

import inspect
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


def for_each_layer(kernel_initializer: Any) -> Any:
    """Prepares an initialiser that several layers get: each makes one of its own of it.

    An initialiser object that is shared gives layers of one shape the same weights.

    Args:
        kernel_initializer: A name of `HALF_GLOROT` or of Keras, or whatever else a Keras layer
            takes.

    Returns:
        What to give to the layers.

    Raises:
        ValueError: If there is no initialiser of that name.
    """
    if isinstance(kernel_initializer, keras.initializers.Initializer):
        return keras.initializers.serialize(kernel_initializer)
    if not isinstance(kernel_initializer, str):
        return kernel_initializer
    if kernel_initializer in HALF_GLOROT:
        return HALF_GLOROT[kernel_initializer]
    # Looked up, not made: to make one draws a seed, and other weights would follow.
    of_keras = {name: cls for name, cls in vars(keras.initializers).items() if inspect.isclass(cls)}
    if kernel_initializer in of_keras or keras.saving.get_registered_object(kernel_initializer):
        return kernel_initializer
    names = {name for name in of_keras if name.islower()} | set(HALF_GLOROT)
    raise ValueError(
        f"`kernel_initializer` must be one of {', '.join(sorted(names))}, or a "
        f"keras.initializers.Initializer; received {kernel_initializer!r}."
    )
