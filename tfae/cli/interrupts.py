"""A command that is told to end, however it is told."""

from __future__ import annotations

import signal
from typing import Any


class sigterm_as_ctrl_c:  # noqa: N801
    """During the block, SIGTERM interrupts the process as Ctrl-C does."""

    def __enter__(self) -> None:
        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        self._before = signal.signal(signal.SIGTERM, interrupt)

    def __exit__(self, *_: Any) -> None:
        signal.signal(signal.SIGTERM, self._before)
