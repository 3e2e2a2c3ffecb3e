"""Computes each player's loss and the logs from the named loss terms."""

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
    strategy the divisor is the size of the global batch, so that the replicas' gradients add up to
    that of one device even if their shares of the last batch differ.

    Args:
        model: A `tfae.training.Trainer`.
        players: Its players.
        batch: The batch on this replica.
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
    """Logs the sum of the losses; all replicas together log the same as one device would."""
    count, global_count = batch_sizes(x)
    total = tf.add_n([tf.cast(loss, tf.float32) for loss in losses])
    replica_loss = tf.math.divide_no_nan(total * global_count, count)
    loss_tracker(model).update_state(replica_loss, sample_weight=count)


def batch_sizes(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the numbers of examples on this replica and on all replicas, float32."""
    context = tf.distribute.get_replica_context()
    count = tf.cast(tf.shape(x)[0], tf.float32)
    if context.num_replicas_in_sync == 1:
        return count, count
    return count, context.all_reduce(tf.distribute.ReduceOp.SUM, count)


def _weighted_terms(
    model: Any, batch: Batch, training: bool, count: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Returns the weighted sums of the terms over the batch; logs their unweighted means."""
    weights = model.term_weights()
    with losses_add_up(model, training):
        terms = model.loss_terms(batch, training)
    trackers = model._loss_term_trackers
    if set(terms) != set(trackers):
        raise ValueError(
            f"`loss_terms` of {type(model).__name__} must return the names in `loss_names` and "
            f"`monitor_names`, {sorted(trackers)}; it returns {sorted(terms)}."
        )
    weighted = {}
    for name, per_example in terms.items():
        per_example = tf.cast(per_example, tf.float32)
        if batch.sample_weight is not None and name in model.loss_names:
            # Not to [-1]: weights of time steps, in data that is not checked, must raise.
            weight = tf.reshape(batch.sample_weight, tf.shape(per_example))
            per_example *= tf.cast(weight, tf.float32)
        term = tf.reduce_sum(per_example)
        trackers[name].update_state(tf.math.divide_no_nan(term, count), sample_weight=count)
        weighted[name] = tf.cast(weights.get(name, 1.0), tf.float32) * term
    return weighted
