"""`tfae train stacked`: pre-training is part of the run, and can be resumed."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tfae.cli import epochs

COMMAND = (
    "train stacked --data digits --latent-dim 4 --hidden-units 16 --batch-size 256 --epochs 2 "
    "--pretrain-epochs 2 --seed 3"
)


def weights(run):
    return [np.asarray(v) for v in keras.saving.load_model(Path(run) / "model.keras").variables]


@pytest.mark.slow
def test_a_run_stopped_in_pretraining_resumes_to_the_same_model(tfae, monkeypatch):
    output = tfae(f"{COMMAND} --out whole").output
    assert "Pre-training layer 1 of 2" in output
    assert "Pre-training layer 2 of 2" in output
    assert keras.saving.load_model("whole/model.keras").pretrained_layers == 2

    class Stop(epochs.ShowProgress):
        made = 0

        def __init__(self, *args):
            super().__init__(*args)
            Stop.made += 1

        def on_epoch_begin(self, epoch, logs=None):
            if Stop.made == 2 and epoch == 1:
                raise KeyboardInterrupt
            super().on_epoch_begin(epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(epochs, "ShowProgress", Stop)
        tfae(f"{COMMAND} --out again", exit_code=130)
    output = tfae(f"{COMMAND} --out again --resume").output
    assert "Pre-training layer 1" not in output
    assert "Pre-training layer 2 of 2" in output
    for a, b in zip(weights("whole"), weights("again"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_only_a_model_with_layers_to_pretrain_has_the_option(tfae):
    assert "--pretrain-epochs" in tfae("train stacked --help").output
    assert "--pretrain-epochs" not in tfae("train autoencoder --help").output
