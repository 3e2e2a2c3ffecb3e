"""The signatures of an exported model, made from the model's graph functions."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfae.bases.autoencoding import Autoencoding
from tfae.batches.batch import Batch
from tfae.classifier import Classifier

Outputs = dict[str, tf.Tensor]


class Signature(NamedTuple):
    """One function of an exported model.

    Attributes:
        function: Maps the inputs, in order, to named outputs. The first axis of every tensor is the
            batch, and each row of the outputs depends only on the same row of the inputs.
        inputs: Named specifications with a free batch axis.
    """

    function: Callable[..., Outputs]
    inputs: list[tf.TensorSpec]


def signatures(
    model: Autoencoding | Classifier,
    uint8: bool = False,
    label_dtype: tf.DType = tf.int64,
    with_mask: bool = False,
) -> dict[str, Signature]:
    """Returns the signatures of a model by name; the first is the default.

    Args:
        model: A built model.
        uint8: Whether data comes as 8-bit values. The graph divides them by 255, unless the model
            has a scaling of its own, which takes them as they are.
        label_dtype: Integer type of labels.
        with_mask: Whether `x` is followed by the input `mask`, 1 where `x` is observed and 0 where
            it is missing, and `x` must then be finite. Without it, NaN is missing.

    Raises:
        ValueError: If the model is not built, or does not belong to this package.
    """
    if not isinstance(model, Autoencoding | Classifier):
        raise ValueError(
            f"`model` must be one of tfae's models; received a {type(model).__name__}. Keras' own "
            "model.export() takes any model."
        )
    if not model.built:
        raise ValueError(
            f"`model`, a {type(model).__name__}, is not built yet: fit it, or call it on data once."
        )
    dtype = tf.float64 if model.compute_dtype == "float64" else tf.float32
    shape = [None, *model.data_contract().input_shape]
    x = [tf.TensorSpec(shape, tf.uint8 if uint8 else dtype, "x")]
    if with_mask:
        x.append(tf.TensorSpec(shape, dtype, "mask"))

    divide = uint8 and getattr(model, "scaling", None) is None

    def of_data(function: Callable[[Batch], Outputs]) -> Callable[..., Outputs]:
        def of_tensors(x: tf.Tensor, *others: tf.Tensor) -> Outputs:
            rest = iter(others)
            mask = next(rest) if with_mask else None
            x = tf.cast(x, dtype)
            return function(Batch(x / 255 if divide else x, label=next(rest, None), mask=mask))

        return of_tensors

    if isinstance(model, Classifier):
        return {
            "classify": _signature(of_data(lambda batch: _classes(model(batch.x))), x),
            "encode": _signature(of_data(model.encode_batch), x),
        }

    def reconstructed(batch: Batch) -> Outputs:
        return {"reconstruction": model.reconstruct_batch(batch)}

    contract = model.data_contract()

    def scored(batch: Batch) -> Outputs:
        """Scores rows; a server cannot reject invalid rows, so they get an infinite score."""
        x = batch.x
        valid = _are_data(x, contract.support, contract.missing)
        of_rows = tf.reshape(valid, [-1] + [1] * (x.shape.rank - 1))
        finite = batch._replace(x=tf.where(of_rows, x, tf.zeros_like(x)))
        score = model.anomaly_score_batch(finite)
        score = tf.where(valid, score, tf.constant(np.inf, score.dtype))
        if model.threshold is None:
            return {"anomaly_score": score}
        is_normal = score <= tf.constant(model.threshold, score.dtype)  # false for NaN
        return {"anomaly_score": score, "is_anomaly": ~is_normal}

    def decoded(code: tf.Tensor, label: tf.Tensor | None = None) -> Outputs:
        return {"x": model.decode_batch(Batch(code, label=label))}

    def generated(seed: tf.Tensor, label: tf.Tensor | None = None) -> Outputs:
        return decoded(model.sample_prior_batch(seed, label), label)

    # No input of a signature can be left out, so a model with labels always requires them.
    label = [tf.TensorSpec([None], label_dtype, "label")]
    also = label if model.conditional else []
    code = [tf.TensorSpec([None, *model.code_shape], dtype, "code")]
    seed = [tf.TensorSpec([None], tf.int64, "seed")]
    found = {
        "reconstruct": _signature(of_data(reconstructed), x + also),
        "encode": _signature(of_data(model.encode_batch), x + also),
        "decode": _signature(decoded, code + also),
        "score": _signature(of_data(scored), x + also),
    }
    if _generates(model):
        found["generate"] = _signature(
            generated, seed + (also if model.num_classes is None else label)
        )
    return found


def _are_data(x: tf.Tensor, support: tuple[float, float] | None, missing: bool) -> tf.Tensor:
    """Returns which rows `(batch, ...)` hold only finite values in the support, `(batch,)`.

    With `missing`, NaN is as good as any value.
    """
    valid = tf.math.is_finite(x)
    if support is not None:
        low, high = (tf.cast(limit, x.dtype) for limit in support)
        valid &= (x >= low) & (x <= high)
    if missing:
        valid |= tf.math.is_nan(x)
    return tf.reduce_all(valid, axis=list(range(1, x.shape.rank)))


def _generates(model: Autoencoding) -> bool:
    try:
        model.sample_prior_batch(tf.zeros([0], tf.int64))
    except NotImplementedError:
        return False
    return True


def _signature(function: Callable[..., Outputs], inputs: list[tf.TensorSpec]) -> Signature:
    def in_full_precision(*arguments: tf.Tensor) -> Outputs:
        """Converts half precision to float32, since JSON and most clients do not support it."""
        return {
            name: tf.cast(tensor, tf.float32) if tensor.dtype.size == 2 else tensor
            for name, tensor in function(*arguments).items()
        }

    return Signature(in_full_precision, inputs)


def _classes(scores: tf.Tensor) -> Outputs:
    return {"scores": scores, "class": tf.argmax(scores, axis=-1)}
