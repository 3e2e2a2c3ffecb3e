"""Keeps TensorFlow's start-up messages off the terminal of the `tfae` command.

TensorFlow writes a dozen lines about CPU instructions, missing GPUs and XLA to the standard error
when it is imported and first used, and no longer heeds TF_CPP_MIN_LOG_LEVEL for them. They come
from C++, so they can only be taken out of the stream itself. A program that imports tfae is left
alone: there the messages are its own business.
"""

import atexit
import os
import re
import sys
import threading
from pathlib import Path

_NOISE = re.compile(
    rb"I\d{4} \d\d:\d\d:"  # information; warnings and errors have W and E
    rb"|INFO: Created TensorFlow Lite"
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|To enable the following instructions:"
    rb"|E\d{4} .*failed call to cuInit"  # there is no GPU
    rb"|W\d{4} .*Local rendezvous is aborting|\t \[\[\{?\{?"  # the exception says it, too
)
_LINE_ENDS = re.compile(rb"(?<=[\r\n])")


def quieten_the_command() -> None:
    """Filters the standard error when this process is the `tfae` command, without `--debug`."""
    is_script = Path(sys.argv[0]).stem == "tfae"
    is_module = sys.orig_argv[1:3] == ["-m", "tfae"]
    if (is_script or is_module) and "--debug" not in sys.argv and "tensorflow" not in sys.modules:
        _filter_standard_error()


def _filter_standard_error() -> None:
    try:
        terminal = os.dup(2)
        read_end, write_end = os.pipe()
    except OSError:  # there is no standard error
        return
    os.dup2(write_end, 2)
    os.close(write_end)

    def pass_on() -> None:
        waiting = b""
        while chunk := os.read(read_end, 65536):
            *lines, waiting = _LINE_ENDS.split(waiting + chunk)
            os.write(terminal, b"".join(line for line in lines if not _NOISE.match(line)))
        os.write(terminal, waiting)

    thread = threading.Thread(target=pass_on, daemon=True)
    thread.start()

    def close() -> None:
        sys.stderr.flush()
        os.dup2(terminal, 2)  # closes the last write end
        thread.join(timeout=2)

    atexit.register(close)
