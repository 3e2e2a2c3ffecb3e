"""What the layers of a network that is built have in common."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import keras

from tfae.networks.initializers import for_each_layer


class Layers:
    """Makes the layers of a network: of one dtype policy, each kernel with a seed of its own.

    Nothing global is touched, and with a seed nothing global is read: networks that are built at
    once in several threads do not get one another's layers or weights.

    Args:
        kernel_initializer: Of every kernel; see `for_each_layer`.
        dtype: Dtype policy of the layers; `None` for Keras' global one.
        seed: Integer from which the initial weights follow; `None` for Keras' global seed.
    """

    def __init__(self, kernel_initializer: Any, dtype: Any = None, seed: int | None = None):
        self._initializers = for_each_layer(kernel_initializer, seed)
        self._dtype = dtype

    channels_last: ClassVar[dict[str, str]] = {"data_format": "channels_last"}
    """For layers that ask: images are so in this package, whatever Keras is configured for."""

    def weighted(self, cls: Callable, *args: Any, **options: Any) -> keras.layers.Layer:
        """A layer with a kernel."""
        return self.plain(cls, *args, kernel_initializer=next(self._initializers), **options)

    def plain(self, cls: Callable, *args: Any, **options: Any) -> keras.layers.Layer:
        """A layer without weights."""
        return cls(*args, **{"dtype": self._dtype, **options})


def for_further_network(build: functools.partial, number: int = 1) -> dict[str, Any]:
    """Dtype and seed of a network beside those that `build` makes.

    Args:
        build: What `from_shape` hands to `_networks`.
        number: Which one, from 1: each starts from other weights.
    """
    seed = build.keywords.get("seed")
    return {
        "dtype": build.keywords.get("dtype"),
        "seed": None if seed is None else (seed + number) % 2**31,
    }
