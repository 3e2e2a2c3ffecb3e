"""Greedy layer-wise pre-training of a stack."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfae.arguments import finite_array, whole_number
from tfae.batches.batch import Batch, unpack
from tfae.batches.epochs_of_arrays import split_off_last
from tfae.batches.feeding import Inputs, checked_arrays, checked_inputs
from tfae.batches.sources import is_in_batches
from tfae.training.backup import Backup, EarlyStop, load_kept_weights
from tfae.training.network_copies import execution_options, frozen, new_optimizer
from tfae.training.numbered_states import NumberedStates


def pretrain_layers(
    stack: Any,
    layer_model: Callable[[int, Any, Any], Any],
    x: Any,
    epochs: int | Sequence[int],
    batch_size: int | None,
    optimizer: Any,
    corruption: Any,
    sparsity: Any,
    validation_split: float,
    validation_data: Any,
    patience: int | Sequence[int | None] | None,
    callbacks: Any,
    verbose: str | int,
    backup_dir: str | Path | None,
) -> list[keras.callbacks.History]:
    """Trains the layers of a stack one after another, each on the frozen codes of the one below.

    Args:
        stack: A `StackedAutoencoder`.
        layer_model: Takes the index of a layer, its corruption and its sparsity; returns the
            autoencoder as which it is trained, which shares its networks with the stack.
        x, epochs, batch_size, optimizer, corruption, sparsity, validation_split, validation_data,
            patience, callbacks, verbose, backup_dir: As in `StackedAutoencoder.pretrain`.

    Returns:
        The histories of the layers that were trained, in order.
    """
    n = len(stack.encoders)
    x = _checked(stack, "x", x)
    if validation_data is not None:
        validation_data = _checked(stack, "validation_data", validation_data)
    elif validation_split:
        x, validation_data = _split(x, validation_split)
    epochs = [whole_number("epochs", value, 1) for value in _per_layer("epochs", epochs, n)]
    patience = [
        value if value is None else whole_number("patience", value, 1)
        for value in _per_layer("patience", patience, n)
    ]
    if any(patience) and validation_data is None:
        raise ValueError(
            "`patience` needs a validation loss: give `validation_split` or `validation_data` as "
            "well."
        )
    with stack.distribute_strategy.scope():
        optimizers = [new_optimizer(o, stack) for o in _per_layer("optimizer", optimizer, n)]
    corruption = _per_layer("corruption", corruption, n)
    sparsity = _per_layer("sparsity", sparsity, n)

    def model_of_layer(i: int) -> Any:
        with stack.distribute_strategy.scope():
            return layer_model(i, corruption[i], sparsity[i])

    for i in range(n):
        model_of_layer(i)  # raises for wrong arguments before anything is trained

    folder = Path(backup_dir) if backup_dir is not None else None
    # After k layers the stack is state k. The first weights of layers to come, too, are part of
    # what must not be lost.
    states = NumberedStates(folder / "stack") if folder is not None else None
    begun = states is None or stack.pretrained_layers == n
    if not begun and not states.load(lambda state: _load(stack, state)):
        states.save(0, lambda new: stack.save_weights(new / _WEIGHTS))
    first = stack.pretrained_layers
    codes, validation_codes = (_codes(stack, data, 0, first) for data in (x, validation_data))
    histories = []
    for i in range(first, n):
        model = model_of_layer(i)  # made here, since a backup may have changed the stack's seed
        if verbose:
            print(f"Layer {i + 1} of {n}: {_sizes(model)}")
        with stack.distribute_strategy.scope():
            model.compile(optimizers[i], **execution_options(stack))
        histories.append(
            _fit(
                model,
                codes,
                validation_codes,
                epochs[i],
                batch_size,
                patience[i],
                callbacks(i) if callable(callbacks) else callbacks,
                verbose,
                folder and folder / f"layer_{i + 1}",
            )
        )
        stack.pretrained_layers = i + 1
        if states is not None:
            states.save(i + 1, lambda new: stack.save_weights(new / _WEIGHTS))
        if i + 1 < n:
            codes, validation_codes = (
                _codes(stack, data, i, i + 1, raw)
                for data, raw in ((codes, x), (validation_codes, validation_data))
            )
    return histories


_WEIGHTS = "stack.weights.h5"


def _load(stack: Any, state: Path) -> bool:
    load_kept_weights(stack, state / _WEIGHTS)
    return True


def _fit(
    model: Any,
    codes: Any,
    validation_codes: Any,
    epochs: int,
    batch_size: int | None,
    patience: int | None,
    callbacks: Any,
    verbose: str | int,
    folder: Path | None,
) -> keras.callbacks.History:
    callbacks = list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
    callbacks = [callback for callback in callbacks if callback is not None]
    early_stop = EarlyStop(patience) if patience else None
    backup = Backup(folder, early_stop, delete=False) if folder else None
    past: list[dict[str, float]] = []
    if backup is not None:
        backup.restore(model)
        past = list(backup.history)
    if early_stop is not None and early_stop.stopped:
        epochs = len(past)  # the process was killed after this layer's last epoch
        early_stop.set_model(model)
        early_stop.restore_best_weights()
    history = model.fit(
        codes,
        epochs=epochs,
        initial_epoch=min(len(past), epochs),
        batch_size=batch_size,
        validation_data=validation_codes,
        # The backup comes last, since it saves what the others have done.
        callbacks=[*filter(None, [early_stop]), *callbacks, *filter(None, [backup])],
        verbose=verbose,
    )
    logs = {name: [epoch[name] for epoch in past] for name in (past[0] if past else {})}
    history.history = {name: logs.get(name, []) + history.history.get(name, [])
                       for name in {**logs, **history.history}}  # fmt: skip
    history.epoch = list(range(len(past))) + history.epoch
    return history


def _codes(stack: Any, data: Any, start: int, end: int, raw: Any = None) -> Any:
    """Encodes data with the frozen encoders of the layers from `start` up to, not including, `end`.

    Args:
        stack: The stack of the encoders.
        data: The input of layer `start`.
        start, end: Indices of layers, from 0.
        raw: The input of layer 0, from which a dataset is mapped again.
    """
    if data is None or start == end:
        return data
    if isinstance(data, tf.data.Dataset):
        source = data if raw is None else raw
        codes = frozen(stack.encoders[:end], lambda x: stack._encoder_input(Batch(x)))
        return source.map(codes, num_parallel_calls=tf.data.AUTOTUNE)

    def encode(batch: Batch) -> tf.Tensor:
        x = batch.x if start else stack._encoder_input(batch)
        for encoder in stack.encoders[start:end]:
            x = encoder(x, training=False)
        return tf.cast(x, tf.float32)

    inputs = Inputs(Batch(data), stack.data_contract())
    codes = stack._map_batches(f"codes of layers {start} to {end}", encode, inputs, batch_size=256)
    advice = "Its training diverged: use a lower learning rate for it (`optimizer`)."
    return finite_array(f"codes of layer {end}", codes, codes.dtype, advice)


# ---------------------------------------------------------------------------- arguments


def _checked(stack: Any, name: str, x: Any) -> Any:
    """Checks data as `fit` does, and removes targets and labels."""
    if is_in_batches(x) and not isinstance(x, tf.data.Dataset):
        raise ValueError(
            f"`{name}` must be an array or a tf.data.Dataset: its codes are computed for every "
            f"layer; received a {type(x).__name__}."
        )
    x = stack._built_for(x)
    contract = dataclasses.replace(stack.data_contract(), num_classes=None)
    if isinstance(x, tf.data.Dataset):
        inputs = checked_inputs(contract, x, for_scores=True, name=name).data
        return inputs.map(lambda x: unpack(x).x)
    return checked_arrays(contract, x[0] if isinstance(x, tuple) else x).x


def _split(x: Any, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(x, tf.data.Dataset):
        raise ValueError(
            "`validation_split` works on arrays; for a dataset give `validation_data`."
        )
    first, last = split_off_last(Batch(x), fraction)
    return first.x, last.x


def _per_layer(name: str, value: Any, n: int) -> list:
    if not isinstance(value, list | tuple):
        return [value] * n
    if len(value) != n:
        raise ValueError(
            f"`{name}` must be one value for all layers or a list of {n}, one for each layer; "
            f"received {len(value)}: {value!r}."
        )
    return list(value)


def _sizes(model: Any) -> str:
    shapes = (getattr(model.encoder, name, None) for name in ("input_shape", "output_shape"))
    texts = ["x".join(map(str, shape[1:])) for shape in shapes if shape]
    return " -> ".join(texts) or model.encoder.name
