"""Codes and classes that users pass to a model, checked; codes that are drawn from q(z | x)."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfae.batches.feeding import Inputs, checked_inputs
from tfae.batches.label_range import LabelRange
from tfae.layers.seeds import random_seed


def checked_label(model: Any, label: Any, n: int) -> tf.Tensor:
    """Returns the classes of `n` examples, int64 `(n,)`, given one for all or one for each of them.

    Raises:
        ValueError: If the model generates no classes, or one is not a class.
    """
    if model.num_classes is None:
        raise ValueError(f"{type(model).__name__} has no classes; leave `label` out.")
    if model.fitted_prior is not None and not model.conditional:
        raise ValueError(
            "The fitted density of codes has no classes; leave `label` out, or call "
            "forget_prior() first."
        )
    label = np.asarray(label)
    if label.shape not in ((), (n,)):
        raise ValueError(
            f"`label` must be one integer or {n} of them, one for each example; received "
            f"shape {label.shape}."
        )
    label = LabelRange(model.num_classes).checked(np.broadcast_to(label, (n,)))
    return tf.constant(label, tf.int64)


def checked_codes(model: Any, z: Any, label: Any = None) -> Inputs:
    """Checks codes, an array or a dataset, and the classes that go with an array.

    Raises:
        ValueError: If their shape or values do not fit, or `label` goes with other codes.
    """
    if label is not None:
        if not model.conditional:
            raise ValueError(f"{type(model).__name__} is not conditional; leave `label` out.")
        if isinstance(z, tf.data.Dataset):
            raise ValueError(
                '`label` goes with an array of codes; let a dataset give {"x": z, "label": label}.'
            )
        z = np.asarray(z)
        z = {"x": z, "label": checked_label(model, label, len(z))}
    contract = dataclasses.replace(
        model.data_contract(),
        input_shape=model.code_shape,
        support=None,
        num_classes=model.num_classes if model.conditional else None,
        missing=False,
    )
    return checked_inputs(contract, z, name="z")


def drawn(encoded: dict[str, np.ndarray], seed: int | None) -> np.ndarray:
    """Draws a code from each q(z | x), given what `encode` returns as a dictionary."""
    if "log_variance" not in encoded:
        return encoded["code"]
    rng = np.random.default_rng(random_seed() if seed is None else seed)
    noise = rng.standard_normal(encoded["code"].shape, np.float32)
    return encoded["code"] + np.exp(0.5 * encoded["log_variance"].astype(np.float32)) * noise
