"""Random state that is saved with a model, so that a run resumes exactly."""

from typing import Any

import keras

from tfae.layers.seeds import random_seed


class SavedSeeds(keras.Model):
    """A `keras.Model` whose weight files hold all its random state, which Keras leaves out.

    Args:
        seed: Integer from which the order of the data follows; `None` takes one from Keras' global
            seed (`keras.utils.set_random_seed`).
        **kwargs: Passed to `keras.Model`.
    """

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.seed = random_seed() if seed is None else int(seed)

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store[_ORDER_KEY] = self.seed
        for i, state in enumerate(self._seed_states()):
            store[f"{_SEED_KEY}{i}"] = state

    def load_own_variables(self, store: Any) -> None:
        keys = [k for k in store.keys() if k.startswith(_SEED_KEY)]  # noqa: SIM118
        states = self._seed_states()
        # A file from before a random layer was added still loads; the new layer keeps its seed.
        for i, state in enumerate(states[: len(keys)]):
            state.assign(store[f"{_SEED_KEY}{i}"])
        if _ORDER_KEY in store:
            self.seed = int(store[_ORDER_KEY][()])
        others = {k: store[k] for k in store.keys() if k not in (*keys, _ORDER_KEY)}  # noqa: SIM118
        super().load_own_variables(others)

    def _seed_states(self) -> list[keras.Variable]:
        """The states of all seed generators, those of the user's layers included."""
        return [v for v in self.variables if v.name == "seed_generator_state"]


_ORDER_KEY = "seed"
_SEED_KEY = "seed_generator_state_"
