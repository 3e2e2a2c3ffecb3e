"""Makes the layers of a network with a common dtype policy and seeded initialisers."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import keras

from tfae.layers.missing import WithMissing
from tfae.networks.initializers import for_each_layer


class Layers:
    """Makes the layers of a network, with one dtype policy and a different seed for each kernel.

    It changes no global state, and with a seed it reads none. So networks can be built in several
    threads at once and still get the right weights.

    Args:
        kernel_initializer: Initialiser of every kernel; see `for_each_layer`.
        dtype: Dtype policy of the layers; `None` for Keras' global one.
        seed: Integer that determines the initial weights; `None` for Keras' global seed.
    """

    def __init__(self, kernel_initializer: Any, dtype: Any = None, seed: int | None = None):
        self._initializers = for_each_layer(kernel_initializer, seed)
        self._dtype = dtype

    channels_last: ClassVar[dict[str, str]] = {"data_format": "channels_last"}
    """For layers with a `data_format`: in this package images are always channels-last."""

    def weighted(self, cls: Callable, *args: Any, **options: Any) -> keras.layers.Layer:
        """Makes a layer that has a kernel."""
        return self.plain(cls, *args, kernel_initializer=next(self._initializers), **options)

    def plain(self, cls: Callable, *args: Any, **options: Any) -> keras.layers.Layer:
        """Makes a layer that has no weights."""
        return cls(*args, **{"dtype": self._dtype, **options})


def informed(layer: keras.layers.Layer, mask: keras.KerasTensor | None) -> Callable:
    """Lets the first layer with weights of an encoder know what is missing.

    Args:
        layer: The layer.
        mask: The encoder's input that is 1 where the data is observed; `None` leaves the layer as
            it is.

    Returns:
        A function of the layer's input.
    """
    if mask is None:
        return layer
    layer = WithMissing(layer)
    return lambda x: layer([x, mask])


def for_further_network(build: functools.partial, number: int = 1) -> dict[str, Any]:
    """Returns dtype and seed for a network in addition to those that `build` makes.

    Args:
        build: The function that `from_shape` passes to `_networks`.
        number: Number of the network, from 1; each gets different initial weights.
    """
    seed = build.keywords.get("seed")
    return {
        "dtype": build.keywords.get("dtype"),
        "seed": None if seed is None else (seed + number) % 2**31,
    }
