"""Greedy layer-wise pre-training of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import keras
import numpy as np
import tensorflow as tf

from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.batches.batch import Batch, unpack
from tfae.batches.feeding import split_off_last
from tfae.layers import TopK
from tfae.layers import corruption as corruptions
from tfae.layers.seeds import seed_unseeded
from tfae.losses.codes import likelihood_of_codes
from tfae.models.autoencoder import Autoencoder
from tfae.models.denoising import DenoisingAutoencoder
from tfae.models.sparse import SparseAutoencoder
from tfae.networks.outputs import activation_of, output_layer
from tfae.training.backup import Backup, EarlyStop, save_weights_at_once
from tfae.training.network_copies import frozen, new_optimizer, way_to_run

if TYPE_CHECKING:
    from tfae.models.stacked import StackedAutoencoder


def pretrain(
    stack: StackedAutoencoder,
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
    """See `StackedAutoencoder.pretrain`."""
    n = len(stack.encoders)
    if validation_split and validation_data is None:
        (x, _, _), validation_data = split_off_last(_only_x(x), None, None, validation_split)
        validation_data = validation_data[0]
    x = _checked(stack, "x", x)
    if validation_data is not None:
        validation_data = _checked(stack, "validation_data", validation_data)
    epochs = [_positive("epochs", value) for value in _per_layer("epochs", epochs, n)]
    patience = [
        value if value is None else _positive("patience", value)
        for value in _per_layer("patience", patience, n)
    ]
    if any(patience) and validation_data is None:
        raise ValueError(
            "`patience` waits for the validation loss: give `validation_split` or "
            "`validation_data` as well."
        )
    with stack.distribute_strategy.scope():
        optimizers = [new_optimizer(o, stack) for o in _per_layer("optimizer", optimizer, n)]
    corruption = _per_layer("corruption", corruption, n)
    sparsity = _per_layer("sparsity", sparsity, n)

    def model_of_layer(i: int) -> EncoderDecoder:
        with stack.distribute_strategy.scope():
            return _model_of_layer(stack, i, corruption[i], sparsity[i])

    for i in range(n):
        model_of_layer(i)  # shows what does not fit

    # From here on nothing is wrong with the arguments.
    folder = Path(backup_dir) if backup_dir is not None else None
    if folder is not None and stack.pretrained_layers < n:
        if (folder / _STACK_FILE).exists():
            stack.load_weights(folder / _STACK_FILE)
        else:  # the first weights of layers to come, too, are part of what must not be lost
            save_weights_at_once(stack, folder / _STACK_FILE)
    first = stack.pretrained_layers
    codes, validation_codes = (_codes(stack, data, 0, first) for data in (x, validation_data))
    histories = []
    for i in range(first, n):
        model = model_of_layer(i)  # now, as the stack's seed may be that of the backup
        if verbose:
            print(f"Layer {i + 1} of {n}: {_sizes(model)}")
        with stack.distribute_strategy.scope():
            model.compile(optimizers[i], **way_to_run(stack))
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
        if folder is not None:
            save_weights_at_once(stack, folder / _STACK_FILE)
        if i + 1 < n:
            codes, validation_codes = (
                _codes(stack, data, i, i + 1, raw)
                for data, raw in ((codes, x), (validation_codes, validation_data))
            )
    return histories


_STACK_FILE = "stack.weights.h5"


def _model_of_layer(stack: StackedAutoencoder, i: int, corruption: Any, sparsity: Any) -> Any:
    """The autoencoder that layer `i`, from 0, is trained as."""
    encoder, decoder = stack.encoders[i], stack.decoders[i]
    likelihood = stack.likelihood
    if i:
        likelihood = likelihood_of_codes(activation_of(output_layer(stack.encoders[i - 1])))
    shared = {"likelihood": likelihood, "seed": stack.seed + i, "dtype": stack.dtype_policy}
    corruption = _own_corruption(corruption)
    if sparsity is not None:
        if sparsity == "top_k" or isinstance(sparsity, TopK):
            raise ValueError(
                "Units that top-k drops must be dropped in the stack, too: end the encoder of the "
                f"layer in a tfae.layers.TopK instead of pretrain(sparsity={sparsity!r})."
            )
        encoder, decoder = _with_graphs(stack, i)
        return _SparseLayer(encoder, decoder, sparsity, **shared).with_corruption(corruption)
    if corruption is not None:
        return DenoisingAutoencoder(encoder, decoder, corruption, **shared)
    return Autoencoder(encoder, decoder, **shared)


class _SparseLayer(SparseAutoencoder):
    """A sparse autoencoder that can be a denoising one as well."""

    corruption: keras.layers.Layer | None = None

    def with_corruption(self, corruption: keras.layers.Layer | None) -> Self:
        if corruption is not None:
            seed_unseeded(corruption, self.seed)
            self.corruption = corruption
        return self

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        if training and self.corruption is not None:
            batch = batch._replace(x=self.corruption(batch.x, training=True))
        return super().loss_terms(batch, training)


def _with_graphs(stack: StackedAutoencoder, i: int) -> tuple[keras.Model, keras.Model]:
    """The networks of layer `i`; bare layers become models, whose inner tensors are known."""
    shape = (None, *stack.data_contract().input_shape)
    for encoder in stack.encoders[:i]:
        shape = encoder.compute_output_shape(shape)
    networks = []
    for network in (stack.encoders[i], stack.decoders[i]):
        if not isinstance(network, keras.Model):
            x = keras.Input(shape[1:])
            network = keras.Model(x, network(x))
        networks.append(network)
        shape = network.compute_output_shape(shape)
    return tuple(networks)


def _own_corruption(corruption: Any) -> keras.layers.Layer | None:
    """A new layer, so that what it draws depends on its seed, or the layer's, and nothing else."""
    corruption = corruptions.get(corruption)
    if corruption is None:
        return None
    return type(corruption).from_config(corruption.get_config())


def _fit(
    model: EncoderDecoder,
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
    backup = Backup(folder, early_stop) if folder else None
    past: list[dict[str, float]] = []
    if backup is not None:
        backup.restore(model)
        past = list(backup.history)
    if early_stop is not None and early_stop.stopped:
        epochs = len(past)  # it was killed between its last epoch and the next layer
        early_stop.set_model(model)
        early_stop.bring_back()
    history = model.fit(
        codes,
        epochs=epochs,
        initial_epoch=min(len(past), epochs),
        batch_size=batch_size,
        validation_data=validation_codes,
        # The backup comes last: it keeps what the others have done.
        callbacks=[*filter(None, [early_stop]), *callbacks, *filter(None, [backup])],
        verbose=verbose,
    )
    logs = {name: [epoch[name] for epoch in past] for name in (past[0] if past else {})}
    history.history = {name: logs.get(name, []) + history.history.get(name, [])
                       for name in {**logs, **history.history}}  # fmt: skip
    history.epoch = list(range(len(past))) + history.epoch
    return history


def _codes(stack: StackedAutoencoder, data: Any, start: int, end: int, raw: Any = None) -> Any:
    """Sends data through the frozen encoders of the layers from `start` to `end`.

    Args:
        stack: Whose encoders.
        data: What layer `start` takes.
        start, end: Layers, from 0, the last one left out.
        raw: What layer 0 takes; a dataset is mapped from there once more.
    """
    if data is None or start == end:
        return data
    if isinstance(data, tf.data.Dataset):
        encode = frozen(stack.encoders[:end])
        source = data if raw is None else raw
        return source.map(encode, num_parallel_calls=tf.data.AUTOTUNE)

    def encode(x: tf.Tensor) -> tf.Tensor:
        for encoder in stack.encoders[start:end]:
            x = encoder(x, training=False)
        return tf.cast(x, tf.float32)

    codes = stack._map(f"codes of layers {start} to {end}", encode, data, batch_size=256)
    if not np.isfinite(codes).all():
        raise ValueError(
            f"The codes of layer {end} hold NaN or infinity: its training diverged. Try a lower "
            "learning rate for it (`optimizer`)."
        )
    return codes


# ---------------------------------------------------------------------------- arguments


def _checked(stack: StackedAutoencoder, name: str, x: Any) -> Any:
    """Data for layer 1, without targets and labels, after the checks that `fit` makes."""
    if not isinstance(x, tf.data.Dataset):
        if isinstance(x, keras.utils.PyDataset) or hasattr(x, "__next__"):
            raise ValueError(
                f"`{name}` must be an array or a tf.data.Dataset: its codes are computed for every "
                f"layer; received a {type(x).__name__}."
            )
        x = _only_x(x)
        stack._build_for(x)
        x, _, _ = stack.data_contract().checked_arrays(x)
        return x
    stack._build_for(x.element_spec)
    return stack.data_contract().checked_dataset(x.map(lambda *batch: unpack(_one(batch)).x))


def _one(batch: tuple) -> Any:
    """What `map` passes as arguments, as one element again."""
    return batch if len(batch) > 1 else batch[0]


def _only_x(x: Any) -> Any:
    if isinstance(x, tuple):
        x = x[0]
    return x["x"] if isinstance(x, dict) and "x" in x else x


def _per_layer(name: str, value: Any, n: int) -> list:
    if not isinstance(value, list | tuple):
        return [value] * n
    if len(value) != n:
        raise ValueError(
            f"`{name}` must be one value for all layers or a list of {n}, one for each layer; "
            f"received {len(value)}: {value!r}."
        )
    return list(value)


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"`{name}` must be a positive whole number; received {value!r}.")
    return int(value)


def _sizes(model: EncoderDecoder) -> str:
    shapes = (getattr(model.encoder, name, None) for name in ("input_shape", "output_shape"))
    texts = ["x".join(map(str, shape[1:])) for shape in shapes if shape]
    return " -> ".join(texts) or model.encoder.name
