"""Players: the optimizers of a train step, each with its layers and loss terms."""

from collections.abc import Sequence
from typing import NamedTuple

import keras

from tfae.internals import own_losses


class Player(NamedTuple):
    """An optimizer, the layers that it trains, and the loss terms that it minimises.

    Most models have one player. An adversarial model has several with conflicting objectives. All
    of them step at once, each along the gradient of its own terms.

    Attributes:
        optimizer: The Keras optimizer; `None` before `compile`.
        layers: Layers whose trainable weights it changes. Their regularisers count only for the
            first player that has them.
        terms: Names in the model's `loss_names`.
        model: A model whose own weights and losses, outside its layers, belong to this player too.
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
        """Losses of the model outside its layers: from `add_loss` and regularised weights."""
        if self.model is None:
            return []
        own = [v for v in _own_variables(self.model) if v.regularizer is not None]
        return own_losses(self.model) + [v.regularizer(v) for v in own]


def complete(players: Sequence[Player], model: keras.Model) -> list[Player]:
    """Adds to the first player the layers and weights that no player has, as in a subclass."""
    first, *others = players
    if any(layer is model for layer in first.layers):
        return [first, *others]
    taken = {id(layer) for player in players for layer in player.layers}
    added = [layer for layer in model.layers if id(layer) not in taken]
    return [first._replace(layers=[*first.layers, *added], model=model), *others]


def _own_variables(model: keras.Model) -> list[keras.Variable]:
    in_layers = {id(v) for layer in model.layers for v in layer.trainable_variables}
    return [v for v in model.trainable_variables if id(v) not in in_layers]
