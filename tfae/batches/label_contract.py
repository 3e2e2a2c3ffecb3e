"""The contract of a classifier's data: inputs and labels."""

import dataclasses
from typing import Any

import numpy as np

from tfae.batches.batch import Batch
from tfae.batches.contract import DataContract
from tfae.batches.label_range import LabelRange


@dataclasses.dataclass(frozen=True)
class LabelContract(DataContract):
    """A `DataContract` in which `y` is the label, which every example must have.

    Labels may also come as `{"x": x, "label": label}`. Keras' steps get them as the target, so that
    metrics can use them.
    """

    def from_keras(self, batch: Batch) -> Batch:
        label = batch.target if batch.has_own_target else batch.label
        return batch._replace(target=None, label=label)

    def inputs(self, batch: Batch) -> Batch:
        return Batch(batch.x, mask=batch.mask)

    def to_keras(self, batch: Batch) -> tuple:
        if batch.label is None:  # only inputs
            return (batch.x,)
        weights = () if batch.sample_weight is None else (batch.sample_weight,)
        return batch.x, batch.label, *weights

    def _label_range(self) -> LabelRange:
        return LabelRange(self.num_classes, may_be_unknown=False, name="y")

    def _checked_label(self, label: Any, n: int) -> np.ndarray | None:
        self._require(label)
        return None if label is None else super()._checked_label(label, n)

    def _check_label_spec(self, spec: Any) -> None:
        self._require(spec)
        if spec is not None:
            super()._check_label_spec(spec)

    def _require(self, label: Any) -> None:
        if label is None and self.expects_labels:
            raise ValueError(
                "`y` must hold the labels: give fit(x, y), or a dataset of (x, y), of "
                '(x, y, sample_weight) or of {"x": x, "label": y}.'
            )
