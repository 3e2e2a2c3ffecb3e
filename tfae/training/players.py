"""Who minimises what in a train step."""

from collections.abc import Sequence
from typing import NamedTuple

import keras


class Player(NamedTuple):
    """One optimizer, the layers whose weights it changes, and the loss terms that it lowers.

    Most models have one player. An adversarial model has several, whose aims contradict each other:
    all take their step at once, each along the gradient of its own terms.

    Attributes:
        optimizer: The Keras optimizer; `None` before `compile`.
        layers: Layers whose trainable weights are this player's. Their regularisers count for the
            first player that has them.
        terms: Names out of the model's `loss_names`.
    """

    optimizer: keras.optimizers.Optimizer | None
    layers: Sequence[keras.layers.Layer]
    terms: Sequence[str]

    @property
    def variables(self) -> list[keras.Variable]:
        """The trainable weights of the layers, each once."""
        return list({id(v): v for layer in self.layers for v in layer.trainable_variables}.values())
