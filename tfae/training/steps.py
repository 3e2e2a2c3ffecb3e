"""What a train step and a test step compute."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfae.batches.batch import unpack
from tfae.internals import has_compiled_metrics
from tfae.training import objective
from tfae.training.players import Player


def train(
    model: Any, players: Sequence[Player], data: Any, overridden: bool
) -> dict[str, tf.Tensor]:
    """Lets every player take a step along the gradient of its own loss.

    Args:
        model: A `tfae.training.Trainer`.
        players: Its players.
        data: One batch, as Keras passes it to a step.
        overridden: Whether the model's class has a `compute_loss` of its own.

    Returns:
        What is logged.

    Raises:
        ValueError: If there are several players and `compute_loss` is overridden.
    """
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    batch = unpack(data)
    if overridden and len(players) > 1:
        raise ValueError(
            f"{type(model).__name__} has several losses, one for each of its players; "
            "instead of `compute_loss` override `loss_terms`, and `players`, which assigns "
            "the terms."
        )
    with tf.GradientTape(persistent=len(players) > 1) as tape:
        if len(players) == 1:  # a user's subclass may override `compute_loss`
            losses = [model.compute_loss(x, y, None, sample_weight, training=True)]
        else:
            losses = objective.player_losses(model, players, batch, training=True)
        scaled = [p.optimizer.scale_loss(loss) for p, loss in zip(players, losses, strict=True)]
    objective.log_loss(model, losses, batch.x)
    # All gradients are taken before any of them is applied.
    gradients = [tape.gradient(loss, p.variables) for p, loss in zip(players, scaled, strict=True)]
    if not any(gradients):
        warnings.warn(f"{type(model).__name__} has no trainable weights.", stacklevel=2)
    for player, gradient in zip(players, gradients, strict=True):
        if gradient:  # otherwise all of the player's layers are frozen
            player.optimizer.apply_gradients(zip(gradient, player.variables, strict=True))
    return model._logs(x, y, sample_weight)


def test(model: Any, data: Any) -> dict[str, tf.Tensor]:
    """Computes the loss and the metrics of a batch; returns what is logged."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    loss = model.compute_loss(x, y, None, sample_weight, training=False)
    objective.log_loss(model, [loss], unpack(data).x)
    return model._logs(x, y, sample_weight)


def logs(model: Any, x: Any, y: Any, sample_weight: Any) -> dict[str, tf.Tensor]:
    """Updates the metrics given to `compile`, if any, with the model's reconstruction."""
    if not has_compiled_metrics(model):
        return model.get_metrics_result()
    batch = unpack((x, y, sample_weight))
    y_pred = model(model._inputs(batch), training=False)
    target = batch.target
    if model.data_contract().missing and target.shape == y_pred.shape:
        # A metric that knows nothing of missing values sees no error there, instead of NaN.
        target = tf.where(tf.math.is_nan(target), tf.cast(y_pred, target.dtype), target)
    return model.compute_metrics(x, target, y_pred, sample_weight=sample_weight)
