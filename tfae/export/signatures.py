"""What an exported model can be asked, made of the functions that a model has for graphs."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfae.bases.autoencoding import Autoencoding
from tfae.batches.batch import Batch
from tfae.classifier import Classifier

Outputs = dict[str, tf.Tensor]


class Signature(NamedTuple):
    """One thing to ask.

    Attributes:
        function: From the inputs, in their order, to named outputs. Every tensor's first axis is
            the batch, and a row of the outputs depends on that row of the inputs alone.
        inputs: Named, with a free batch.
    """

    function: Callable[..., Outputs]
    inputs: list[tf.TensorSpec]


def signatures(
    model: Autoencoding | Classifier, uint8: bool = False, label_dtype: tf.DType = tf.int64
) -> dict[str, Signature]:
    """The signatures of a model by name; the first is what it is asked by default.

    Args:
        model: Built.
        uint8: Whether data comes as 8-bit values. The graph divides them by 255, unless the model
            has a scaling, which takes them as they are.
        label_dtype: Integers that labels come as.

    Raises:
        ValueError: If the model is not built, or is no model of this package.
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

    divide = uint8 and getattr(model, "scaling", None) is None

    def of_data(function: Callable[[Batch], Outputs]) -> Callable[..., Outputs]:
        def of_tensors(x: tf.Tensor, label: tf.Tensor | None = None) -> Outputs:
            x = tf.cast(x, dtype)
            return function(Batch(x / 255 if divide else x, label=label))

        return of_tensors

    if isinstance(model, Classifier):
        return {
            "classify": _signature(of_data(lambda batch: _classes(model(batch.x))), x),
            "encode": _signature(of_data(model.encode_batch), x),
        }

    def reconstructed(batch: Batch) -> Outputs:
        return {"reconstruction": model.reconstruct_batch(batch)}

    support = model.data_contract().support

    def scored(batch: Batch) -> Outputs:
        """No data can be refused on a server: what no data can be is infinitely anomalous."""
        x = batch.x
        valid = _are_data(x, support)
        of_rows = tf.reshape(valid, [-1] + [1] * (x.shape.rank - 1))
        finite = batch._replace(x=tf.where(of_rows, x, tf.zeros_like(x)))
        score = model.anomaly_score_batch(finite)
        score = tf.where(valid, score, tf.constant(np.inf, score.dtype))
        if model.threshold is None:
            return {"anomaly_score": score}
        is_normal = score <= tf.constant(model.threshold, score.dtype)  # which NaN is not
        return {"anomaly_score": score, "is_anomaly": ~is_normal}

    def decoded(code: tf.Tensor, label: tf.Tensor | None = None) -> Outputs:
        return {"x": model.decode_batch(Batch(code, label=label))}

    def generated(seed: tf.Tensor, label: tf.Tensor | None = None) -> Outputs:
        return decoded(model.sample_prior_batch(seed, label), label)

    # No input of a signature can be left out, so where there are labels they are always asked for.
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


def _are_data(x: tf.Tensor, support: tuple[float, float] | None) -> tf.Tensor:
    """Which rows `(batch, ...)` hold finite values in the support only, as booleans `(batch,)`."""
    valid = tf.math.is_finite(x)
    if support is not None:
        low, high = (tf.cast(limit, x.dtype) for limit in support)
        valid &= (x >= low) & (x <= high)
    return tf.reduce_all(valid, axis=list(range(1, x.shape.rank)))


def _generates(model: Autoencoding) -> bool:
    try:
        model.sample_prior_batch(tf.zeros([0], tf.int64))
    except NotImplementedError:
        return False
    return True


def _signature(function: Callable[..., Outputs], inputs: list[tf.TensorSpec]) -> Signature:
    def in_full_precision(*arguments: tf.Tensor) -> Outputs:
        """Half precision is not for the wire: JSON and most clients have no such numbers."""
        return {
            name: tf.cast(tensor, tf.float32) if tensor.dtype.size == 2 else tensor
            for name, tensor in function(*arguments).items()
        }

    return Signature(in_full_precision, inputs)


def _classes(scores: tf.Tensor) -> Outputs:
    return {"scores": scores, "class": tf.argmax(scores, axis=-1)}
