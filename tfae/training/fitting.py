"""What a `fit` needs around Keras' own: arguments that are checked, epochs, callbacks, programs."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfae.arguments import whole_number, whole_number_or_none
from tfae.batches.feeding import clear_data_errors
from tfae.batches.order_callbacks import SeededOrder
from tfae.batches.sources import num_batches
from tfae.internals import start_fit_at
from tfae.training.callbacks import with_callbacks
from tfae.training.divergence import DivergenceWarning
from tfae.training.learning_rate import DecayOverFit
from tfae.training.programs import FreshPrograms


def check_arguments(
    model: keras.Model, class_weight: Any, validation_freq: Any, **numbers: int | None
) -> None:
    """Refuses arguments of `fit` that would fail later, or without a word.

    Args:
        model: The model.
        class_weight: Must be `None`.
        validation_freq: A whole number, or a list of epochs.
        **numbers: Whole numbers, or `None`, by the names of the arguments.

    Raises:
        ValueError: If one is wrong.
    """
    if class_weight is not None:
        raise ValueError(
            f"{type(model).__name__} reconstructs its input and has no classes to weight; use "
            "`sample_weight`, one weight for each example, instead of `class_weight`."
        )
    for name, value in numbers.items():
        whole_number_or_none(name, value, 1)
    if not isinstance(validation_freq, list | tuple):
        whole_number("validation_freq", validation_freq, 1)


def fit_on_batches(
    model: Any,
    fit: Callable,
    data: Any,
    seed: tf.Variable,
    callbacks: Any,
    epochs: int,
    steps_per_epoch: int | None,
    one_iterator: bool,
    **options: Any,
) -> keras.callbacks.History:
    """Runs Keras' `fit` with what is `"auto"` resolved, and the package's own callbacks.

    Args:
        model: A `tfae.training.Trainer`.
        fit: Keras' own.
        data: Checked batches.
        seed: From which their order follows.
        callbacks: The user's.
        epochs: Number of epochs.
        steps_per_epoch: Batches of an epoch, if the user said so.
        one_iterator: Whether one iterator may serve all epochs, where each reads all of the data.
        **options: Further arguments of Keras' `fit`.
    """
    optimizers = [player.optimizer for player in model.players()] if model.compiled else []
    steps = steps_per_epoch or num_batches(data)
    decay = DecayOverFit(optimizers, epochs, steps)
    programs = model._programs
    with programs.for_fit(callbacks, data, steps and epochs * steps):
        if one_iterator and not steps_per_epoch and programs.keeps_epochs_apart():
            # One iterator for all epochs: making one takes as long as many small steps.
            steps_per_epoch = int(data.cardinality())
            data = data.repeat()
        programs.steps_per_epoch = steps_per_epoch
        after = [SeededOrder(data, seed)] if isinstance(data, tf.data.Dataset) else []
        after += [FreshPrograms(), DivergenceWarning()]
        callbacks = with_callbacks(callbacks, [decay], after, model)
        try:
            with clear_data_errors():
                return fit(
                    data,
                    epochs=epochs,
                    callbacks=callbacks,
                    steps_per_epoch=steps_per_epoch,
                    **options,
                )
        finally:
            decay.reset()
            start_fit_at(model, None)  # a callback may have set it
