"""The smallest models, and a callback that records how they run."""

import keras
import pytest

import tfae


@pytest.fixture(scope="session", name="tiny")
def _tiny():
    return tiny


def tiny(seed=7, model_class=tfae.Autoencoder, learning_rate=1e-2, **compile_options):
    """A linear autoencoder, or another model without hidden layers."""
    keras.utils.set_random_seed(7)
    model = model_class.from_shape((8, 8, 1), 2, hidden_units=(), seed=seed)
    options = {"jit_compile": False, **compile_options}
    model.compile(keras.optimizers.Adam(learning_rate), **options)
    return model


@pytest.fixture
def watch():
    """A callback that records how each epoch runs."""
    return Watch()


class Watch(keras.callbacks.Callback):
    """Records whether XLA is used and how many steps are fused in each epoch."""

    def __init__(self):
        super().__init__()
        self.xla, self.steps = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.xla.append(bool(self.model.jit_compile))
        self.steps.append(self.model.steps_per_execution)
