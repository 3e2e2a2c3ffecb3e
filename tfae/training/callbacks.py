"""Adds the package's callbacks to the user's."""

from collections.abc import Sequence
from typing import Any

import keras


def with_callbacks(
    callbacks: Any,
    before: Sequence[keras.callbacks.Callback],
    after: Sequence[keras.callbacks.Callback],
    model: keras.Model,
) -> list | keras.callbacks.CallbackList:
    """Returns the user's callbacks, unchanged, with others before and after them."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return keras.callbacks.CallbackList(
            [*before, *callbacks.callbacks, *after], model=model, **(callbacks.params or {})
        )
    if not isinstance(callbacks, list | tuple):
        callbacks = [] if callbacks is None else [callbacks]
    return [*before, *callbacks, *after]
