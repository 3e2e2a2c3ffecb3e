"""Turns class labels of any kind into numbers."""

import numpy as np

_ADVICE = "If this is data, pass label_column='none' for a table, or rename the array."


def as_numbers(
    values: np.ndarray, origin: str, known: tuple[str, ...] = ()
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Turns labels into int64.

    Args:
        values: `(n,)` or `(n, 1)`: integers (-1 for unlabelled), floats without a fraction, or
            strings (empty for unlabelled).
        origin: Where they came from, for messages.
        known: Class names of the training split, whose numbers apply to every split.

    Returns:
        int64 `(n,)`; and for strings, the class names that these numbers index: first the known
        ones, then new ones in alphabetical order.

    Raises:
        ValueError: If the values are anything else.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"{origin}: labels must have shape (n,), one class number each; they have shape "
            f"{values.shape}. Convert one-hot labels with numpy.argmax(labels, axis=1)."
        )
    if values.dtype.kind in "US":
        texts = np.char.strip(values.astype(str))
        is_labelled = texts != ""
        try:
            values = np.where(is_labelled, texts, "-1").astype(np.float64)
        except ValueError:
            values = texts
        if known or values is texts:
            found = np.unique(texts[is_labelled]).tolist()
            names = (*known, *(name for name in found if name not in known))
            number_of = {"": -1, **{name: number for number, name in enumerate(names)}}
            return np.array([number_of[text] for text in texts.tolist()], np.int64), names
    if known:
        raise ValueError(f"{origin}: the labels are numbers here, but names in the training split.")
    if values.dtype.kind not in "biuf" or not (values == np.floor(values)).all():
        raise ValueError(
            f"{origin}: labels must be whole numbers or names; received values such as "
            f"{values[:3].tolist()}. {_ADVICE}"
        )
    numbers = values.astype(np.int64)
    if len(numbers) and numbers.min() < -1:
        raise ValueError(
            f"{origin}: labels must count from 0, with -1 for unlabelled; the smallest is "
            f"{numbers.min()}. {_ADVICE}"
        )
    return numbers, None
