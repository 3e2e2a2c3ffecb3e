"""The callbacks of `fit`: those of the user with others around them."""

from collections.abc import Sequence
from typing import Any

import keras


def with_callbacks(
    callbacks: Any,
    before: Sequence[keras.callbacks.Callback],
    after: Sequence[keras.callbacks.Callback],
    model: keras.Model,
) -> list | keras.callbacks.CallbackList:
    """Puts callbacks around those that the user gave to `fit`, which are left as they are."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return keras.callbacks.CallbackList(
            [*before, *callbacks.callbacks, *after], model=model, **(callbacks.params or {})
        )
    if not isinstance(callbacks, list | tuple):
        callbacks = [] if callbacks is None else [callbacks]
    return [*before, *callbacks, *after]
