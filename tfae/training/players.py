"""Who minimises what in a train step."""

from collections.abc import Sequence
from typing import NamedTuple

import keras

from tfae.internals import own_losses


class Player(NamedTuple):
    """One optimizer, the layers whose weights it changes, and the loss terms that it lowers.

    Most models have one player. An adversarial model has several, whose aims contradict each other:
    all take their step at once, each along the gradient of its own terms.

    Attributes:
        optimizer: The Keras optimizer; `None` before `compile`.
        layers: Layers whose trainable weights are this player's. Their regularisers count for the
            first player that has them.
        terms: Names out of the model's `loss_names`.
        model: A model whose own weights and losses, outside of any layer, are this player's too.
    """

    optimizer: keras.optimizers.Optimizer | None
    layers: Sequence[keras.layers.Layer]
    terms: Sequence[str]
    model: keras.Model | None = None

    @property
    def variables(self) -> list[keras.Variable]:
        """The trainable weights of the layers, each once."""
        variables = [v for layer in self.layers for v in layer.trainable_variables]
        if self.model is not None:
            variables += _own_variables(self.model)
        return list({id(v): v for v in variables}.values())

    @property
    def own_losses(self) -> list:
        """Losses of the model that belong to no layer: `add_loss`, regularised own weights."""
        if self.model is None:
            return []
        own = [v for v in _own_variables(self.model) if v.regularizer is not None]
        return own_losses(self.model) + [v.regularizer(v) for v in own]


def complete(players: Sequence[Player], model: keras.Model) -> list[Player]:
    """Gives the first player what no player has: layers and weights that a subclass added."""
    first, *others = players
    if any(layer is model for layer in first.layers):
        return [first, *others]
    taken = {id(layer) for player in players for layer in player.layers}
    added = [layer for layer in model.layers if id(layer) not in taken]
    return [first._replace(layers=[*first.layers, *added], model=model), *others]


def _own_variables(model: keras.Model) -> list[keras.Variable]:
    of_layers = {id(v) for layer in model.layers for v in layer.trainable_variables}
    return [v for v in model.trainable_variables if id(v) not in of_layers]
