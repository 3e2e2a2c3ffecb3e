"""The smallest models, and a callback that records how they run."""

import keras
import pytest

import tfae


@pytest.fixture(scope="session", name="tiny")
def _tiny():
    return tiny


def tiny(
    seed=7,
    model_class=tfae.Autoencoder,
    learning_rate=1e-2,
    optimizer=keras.optimizers.Adam,
    **compile_options,
):
    """Builds a linear autoencoder, or another model without hidden layers.

    Under XLA, plain SGD compiles in two thirds of Adam's time.
    """
    keras.utils.set_random_seed(7)
    units = {"hidden_units": ()}
    if issubclass(model_class, tfae.AdversarialAutoencoder):
        units["discriminator_units"] = (8,)
    model = model_class.from_shape((8, 8, 1), 2, seed=seed, **units)
    options = {"jit_compile": False, **compile_options}
    model.compile(optimizer(learning_rate), **options)
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
