"""Signals that end a program, as exceptions, so that what it has opened is closed."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


@contextlib.contextmanager
def exit_on_signals() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP raise `SystemExit`, with a shell's status, while the block runs.

    Python ends at once on them otherwise, and temporary folders stay. In the main thread only.
    """

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), leave) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
