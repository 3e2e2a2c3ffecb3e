"""Saves the random state of a model in its weight files, which Keras' own files lack.

So a resumed run has the same noise and the same order of the data as one that was not interrupted.
"""

from collections.abc import Mapping
from typing import Any

import keras

from tfae.attributes import set_fixed


def save(model: keras.Model, store: Any) -> None:
    """Writes the model's seed and the states of all its seed generators to an open store."""
    store[_ORDER_KEY] = model.seed
    for i, state in enumerate(seed_states(model)):
        store[f"{_SEED_KEY}{i}"] = state


def load(model: keras.Model, store: Mapping[str, Any]) -> dict[str, Any]:
    """Reads what `save` wrote, if it is there.

    Returns:
        The rest of the store, for Keras.
    """
    keys = [key for key in store.keys() if key.startswith(_SEED_KEY)]  # noqa: SIM118 - HDF5
    states = seed_states(model)
    # A file from before a random layer was added still loads; the new layer keeps its seed.
    for i, state in enumerate(states[: len(keys)]):
        state.assign(store[f"{_SEED_KEY}{i}"])
    if _ORDER_KEY in store:
        set_fixed(model, seed=int(store[_ORDER_KEY][()]))
    return {key: store[key] for key in store.keys() if key not in (*keys, _ORDER_KEY)}  # noqa: SIM118


def seed_states(model: keras.Model) -> list[keras.Variable]:
    """Returns the states of all seed generators, including those of the user's layers."""
    return [v for v in model.variables if v.name == "seed_generator_state"]


_ORDER_KEY = "seed"
_SEED_KEY = "seed_generator_state_"
