"""From named loss terms to what each player minimises, and to what is logged."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfae.batches.batch import Batch
from tfae.internals import loss_tracker, losses_add_up
from tfae.training.players import Player


def player_losses(
    model: Any, players: Sequence[Player], batch: Batch, training: bool
) -> list[tf.Tensor]:
    """Sums each player's weighted terms, averages over the batch, and adds its regularisers.

    With sample weights the mean is `sum(weight * loss) / batch`, as in Keras. Under a distribution
    strategy it is divided by the size of the global batch, so that replicas with unequal shares of
    a last batch still add up to the gradient of one device.

    Args:
        model: A `tfae.training.Trainer`.
        players: Its players.
        batch: One batch, on this replica.
        training: Whether this is a train step.

    Returns:
        A scalar for each player.
    """
    count, global_count = batch_sizes(batch.x)
    terms = _weighted_terms(model, batch, training, count)
    losses = []
    counted: set[int] = set()
    for player in players:
        total = tf.add_n([tf.zeros(()), *(terms[name] for name in player.terms)])
        own = [layer for layer in player.layers if id(layer) not in counted]
        counted.update(map(id, own))
        penalties = [loss for layer in own for loss in layer.losses] + player.own_losses
        penalty = tf.add_n([tf.zeros(()), *(tf.cast(p, tf.float32) for p in penalties)])
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        losses.append(total / global_count + penalty / replicas)
    return losses


def log_loss(model: keras.Model, losses: Sequence[tf.Tensor], x: tf.Tensor) -> None:
    """Logs the sum of the losses, so that replicas add up to what one device would log."""
    count, global_count = batch_sizes(x)
    total = tf.add_n([tf.cast(loss, tf.float32) for loss in losses])
    of_replica = tf.math.divide_no_nan(total * global_count, count)
    loss_tracker(model).update_state(of_replica, sample_weight=count)


def batch_sizes(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Number of examples on this replica, and on all of them, float32."""
    context = tf.distribute.get_replica_context()
    count = tf.cast(tf.shape(x)[0], tf.float32)
    if context.num_replicas_in_sync == 1:
        return count, count
    return count, context.all_reduce(tf.distribute.ReduceOp.SUM, count)


def _weighted_terms(
    model: Any, batch: Batch, training: bool, count: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Sums of the terms over the batch with their weights; logs their means without these."""
    weights = model.term_weights()
    with losses_add_up(model, training):
        terms = model.loss_terms(batch, training)
    trackers = model._loss_term_trackers
    if set(terms) != set(trackers):
        raise ValueError(
            f"`loss_terms` of {type(model).__name__} must give what `loss_names` and "
            f"`monitor_names` list, {sorted(trackers)}; it gives {sorted(terms)}."
        )
    weighted = {}
    for name, per_example in terms.items():
        per_example = tf.cast(per_example, tf.float32)
        if batch.sample_weight is not None and name in model.loss_names:
            # Not [-1]: of data that comes unchecked, weights of time steps must fail.
            weight = tf.reshape(batch.sample_weight, tf.shape(per_example))
            per_example *= tf.cast(weight, tf.float32)
        term = tf.reduce_sum(per_example)
        trackers[name].update_state(tf.math.divide_no_nan(term, count), sample_weight=count)
        weighted[name] = tf.cast(weights.get(name, 1.0), tf.float32) * term
    return weighted
