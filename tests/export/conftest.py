"""Models that exports are tested with."""

import keras
import numpy as np
import pytest

import tfae


@pytest.fixture(scope="session")
def trained(digits):
    """Makes a model that has trained a little on digits, once for each set of options."""
    made = {}

    def train(model_class=tfae.Autoencoder, **options):
        options = {"hidden_units": (24,), "seed": 7, **options}
        key = (model_class, str(sorted(options.items(), key=str)))
        if key not in made:
            keras.utils.set_random_seed(7)
            model = model_class.from_shape((8, 8, 1), 3, **options)
            model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
            model.fit(digits[:1000], epochs=5, verbose=0)
            made[key] = model
        return made[key]

    return train


@pytest.fixture(scope="session")
def unseen(digits) -> np.ndarray:
    """Digits that `trained` models were not trained on."""
    return digits[1000:1300]
