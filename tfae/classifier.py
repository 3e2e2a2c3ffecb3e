"""A linear classifier on top of an encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import keras
import numpy as np
import tensorflow as tf

from tfae.arguments import non_negative, whole_number
from tfae.batches.batch import Batch, unpack
from tfae.batches.feeding import checked_arrays
from tfae.batches.label_contract import LabelContract
from tfae.batches.sources import checked_dataset, is_in_batches
from tfae.layers.dropout import Dropout
from tfae.training import Trainer
from tfae.training.network_copies import execution_options, frozen, new_optimizer

HEADS = ("softmax", "svm")


def _checked_head(head: str) -> str:
    if head not in HEADS:
        raise ValueError(f"`head` must be one of {list(HEADS)}; received {head!r}.")
    return head


@keras.saving.register_keras_serializable("tfae")
class Classifier(Trainer):
    """A linear classifier on the codes of an encoder; `fit(x, y)` trains both, end to end.

    The head `"softmax"` minimises the cross-entropy, and `predict` gives probabilities. The head
    `"svm"` is a linear one-vs-rest support vector machine with squared hinge loss,
    sum_k max(0, 1 - t_k s_k)^2 with t_k = 1 for the label and -1 for the other classes, and
    `predict` gives the margins s_k (Tang, 2013). The head's weights W add weight_decay / 2 * |W|^2
    to the mean loss; for the SVM this corresponds to C = 1 / (weight_decay * number of examples).

    Keras' `compile`, `fit`, `evaluate`, callbacks and `.keras` files work as usual; the loss and an
    `accuracy` metric are built in. `StackedAutoencoder.classifier` makes one, and it can be used
    with any encoder.

    Args:
        encoder: Keras model from data `(batch, ...)` to codes, which are flattened.
        num_classes: Number of classes, 2 or more; labels are 0 to `num_classes - 1`.
        head: `"softmax"` or `"svm"`.
        dropout: Dropout rate on the codes, in [0, 1).
        weight_decay: Weight decay of the head, zero or more.
        missing: `"mask"` if the encoder takes NaN as a missing value, as that of a stack with
            `missing="mask"` does; `None` if NaN is an error.
        seed: Integer that determines the noise and the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If an argument is not valid.

    Reference:
        Tang, "Deep Learning using Linear Support Vector Machines", 2013.
    """

    loss_names = ("classification_loss",)
    metric_modes: ClassVar[dict[str, str]] = {"accuracy": "max"}
    fixed_attributes = ("num_classes", "weight_decay")
    attribute_checks: ClassVar[dict[str, Callable]] = {"head": _checked_head}

    def __init__(
        self,
        encoder: keras.layers.Layer,
        num_classes: int,
        head: str = "softmax",
        dropout: float = 0.0,
        weight_decay: float = 1e-4,
        missing: str | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        self.num_classes = whole_number("num_classes", num_classes, 2)
        self.head = head
        self.missing = missing
        self.weight_decay = weight_decay = non_negative("weight_decay", weight_decay)

        self.encoder = encoder
        self.flatten = keras.layers.Flatten("channels_last", dtype="float32")
        self.dropout_layer = Dropout(dropout, seed=self.seed, dtype="float32")
        self.head_layer = keras.layers.Dense(
            num_classes,
            kernel_regularizer=keras.regularizers.L2(weight_decay / 2) if weight_decay else None,
            dtype="float32",
            name="head",
        )
        self._accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        self._contract: LabelContract | None = None
        shape = getattr(encoder, "input_shape", None) if encoder.built else None
        if shape is not None:
            self.build(shape)

    @property
    def dropout(self) -> float:
        """Part of the codes that is dropped in training."""
        return self.dropout_layer.rate

    @dropout.setter
    def dropout(self, value: float) -> None:
        self.dropout_layer.rate = value

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Builds encoder and head for data of `input_shape`, `(batch, ...)`."""
        input_shape = (None, *tuple(input_shape)[1:])
        self._outputs(Batch(keras.KerasTensor(input_shape)), training=False)
        self._contract = LabelContract(
            input_shape[1:], (), num_classes=self.num_classes, missing=self.missing is not None
        )
        self.built = True

    def encode_batch(self, batch: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        """Returns the head's input for a batch of data: "code", `(batch, size)`."""
        return {"code": self.flatten(self.encoder(batch.x, training=training))}

    def _outputs(self, batch: Batch, training: bool) -> tf.Tensor:
        """Logits or margins, `(batch, num_classes)`."""
        code = self.encode_batch(batch, training)["code"]
        return self.head_layer(self.dropout_layer(code, training=training))

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        outputs = self._outputs(unpack(x), training)
        return keras.ops.softmax(outputs) if self.head == "softmax" else outputs

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        outputs = self._outputs(batch, training)
        labels = tf.cast(tf.reshape(batch.target, [-1]), tf.int32)  # from any integer dtype
        self._accuracy.update_state(labels, outputs)
        if self.head == "softmax":
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=outputs)
        else:
            signs = 2.0 * tf.one_hot(labels, self.num_classes) - 1.0
            loss = tf.reduce_sum(tf.square(tf.nn.relu(1.0 - signs * outputs)), axis=-1)
        return {"classification_loss": loss}

    def data_contract(self) -> LabelContract:
        if self._contract is None:
            raise ValueError("The classifier is not built yet: call it on data once.")
        return self._contract

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        *args,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        **kwargs,
    ) -> keras.callbacks.History:
        """Trains encoder and head; all arguments as in `keras.Model.fit`.

        Args:
            x: Array `(n, ...)`, or a dataset of `(x, y)` or `{"x": x, "label": y}`.
            y: Integer labels `(n,)`, 0 to `num_classes - 1`.
            *args, **kwargs: As in Keras.
            class_weight: Weight of each class, for arrays; 1 for classes that are not named.
            sample_weight: Weight of each example, `(n,)`.

        Raises:
            ValueError: If data or labels are not valid. Arrays are checked before training,
                datasets while they are read.
        """
        if class_weight is not None:
            if is_in_batches(x):
                raise ValueError(
                    "`class_weight` works on arrays; let the dataset give (x, y, sample_weight)."
                )
            x = self._built_for(x)
            arrays = checked_arrays(self._contract, x, y, sample_weight)
            x, y, sample_weight = arrays.x, arrays.label, arrays.sample_weight
            weights = np.ones(self.num_classes, "float32")
            for label, weight in class_weight.items():
                if label not in range(self.num_classes):
                    raise ValueError(
                        f"`class_weight` names the class {label!r}; the classes are 0 to "
                        f"{self.num_classes - 1}."
                    )
                weights[label] = weight
            sample_weight = weights[y] * (1.0 if sample_weight is None else sample_weight)
        return super().fit(x, y, *args, sample_weight=sample_weight, **kwargs)

    def fit_head(
        self,
        x: Any,
        y: Any = None,
        epochs: int = 5,
        sample_weight: Any = None,
        validation_data: Any = None,
        **kwargs,
    ) -> keras.callbacks.History:
        """Trains only the head, on the encoder's present codes.

        Call it before `fit` to protect a pre-trained encoder from the large gradients of a new
        head. Codes of arrays are computed once. The optimizer is a copy of the compiled one.

        Args:
            x, y, sample_weight, validation_data: As in `fit`.
            epochs: Number of epochs.
            **kwargs: As in `fit`.

        Raises:
            ValueError: If data or labels are not valid.
        """
        x = self._built_for(x)
        x, y, sample_weight = self._with_codes(x, y, sample_weight)
        if validation_data is not None:
            data = keras.utils.unpack_x_y_sample_weight(validation_data)
            validation_data = self._with_codes(*data)
            if validation_data[1] is None:  # a dataset holds its labels itself
                validation_data = validation_data[0]
        with self.distribute_strategy.scope():
            codes = keras.Input(self.flatten.output.shape[1:])
            head_model = type(self).from_config(
                {
                    **self.get_config(),
                    "encoder": keras.Model(codes, self.flatten(codes)),
                    "missing": None,
                }
            )
            head_model.compile(new_optimizer(None, self), **execution_options(self))
        head_model.head_layer.set_weights(self.head_layer.get_weights())
        history = head_model.fit(
            x,
            y,
            epochs=epochs,
            sample_weight=sample_weight,
            validation_data=validation_data,
            **kwargs,
        )
        self.head_layer.set_weights(head_model.head_layer.get_weights())
        return history

    def _with_codes(self, x: Any, y: Any, sample_weight: Any) -> tuple:
        """Returns the arguments of `fit` with codes in place of `x`."""
        encode = frozen([self.encoder, self.flatten])
        if isinstance(x, tf.data.Dataset):
            dataset = checked_dataset(self._contract, x)
            return dataset.map(lambda x, *rest: (encode(x), *rest)), None, None
        if is_in_batches(x):
            raise ValueError(
                f"`x` must be an array or a tf.data.Dataset here; received a {type(x).__name__}."
            )
        arrays = checked_arrays(self._contract, x, y, sample_weight)
        batches = tf.data.Dataset.from_tensor_slices(arrays.x).batch(256).map(encode)
        codes = np.concatenate([b.numpy() for b in batches])
        return codes, arrays.label, arrays.sample_weight

    def predict_classes(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Returns the most likely class of each example: int64 labels `(n,)`."""
        return self.predict(x, batch_size=batch_size, verbose=0).argmax(axis=-1)

    # ------------------------------------------------------------------ serialisation

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "num_classes": self.num_classes,
            "head": self.head,
            "dropout": self.dropout,
            "weight_decay": self.weight_decay,
            "missing": self.missing,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Self:
        encoder = config["encoder"]
        if isinstance(encoder, dict):
            encoder = keras.saving.deserialize_keras_object(encoder, custom_objects=custom_objects)
        return cls(**{**config, "encoder": encoder})
