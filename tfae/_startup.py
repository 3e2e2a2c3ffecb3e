"""What happens before TensorFlow is imported, in programs and in the command `tfae`.

When TensorFlow is imported and first used, it writes a dozen lines about CPU instructions, missing
GPUs and XLA to standard error, even if TF_CPP_MIN_LOG_LEVEL forbids it. They come from C++, so they
can only be filtered out of the stream itself. That is done for the command alone: a program that
imports tfae decides for itself what to do about TensorFlow's messages.
"""

import atexit
import importlib
import os
import re
import sys
import threading
from collections.abc import Collection
from pathlib import Path

_NOISE = re.compile(
    rb"I\d{4} \d\d:\d\d:"  # information; warnings and errors begin with W and E
    rb"|INFO: Created TensorFlow Lite"
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|To enable the following instructions:"
    rb"|E\d{4} .*failed call to cuInit"  # there is no GPU
    rb"|W\d{4} .*Local rendezvous is aborting|\t \[\[\{?\{?"  # the exception says so, too
)
_LINE_ENDS = re.compile(rb"(?<=[\r\n])")


def is_the_command() -> bool:
    """Whether this process is the command `tfae`, and TensorFlow has not been imported yet."""
    is_script = Path(sys.argv[0] if sys.argv else "").stem == "tfae"
    is_module = sys.orig_argv[1:3] == ["-m", "tfae"]
    return (is_script or is_module) and "tensorflow" not in sys.modules


def check_backend() -> None:
    """Raises `ImportError` if Keras runs on another backend than TensorFlow."""
    import keras

    if keras.config.backend() != "tensorflow":
        raise ImportError(
            "tfae needs Keras' TensorFlow backend, but Keras runs on "
            f"{keras.config.backend()!r}. Set the environment variable KERAS_BACKEND=tensorflow "
            '(or "backend": "tensorflow" in ~/.keras/keras.json) before Python starts.'
        )


def import_attribute(name: str, public: Collection[str]) -> object:
    """Imports and returns the model or module `name`; this is the package's `__getattr__`."""
    if name not in public:
        raise AttributeError(f"module 'tfae' has no attribute {name!r}")
    if name[0].isupper():
        return getattr(importlib.import_module("tfae.models"), name)
    return importlib.import_module(f"tfae.{name}")


def prepare_the_command() -> None:
    """Sets Keras' backend, opens closed streams, and filters TensorFlow's noise."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that are not text, and terminals may lack some characters.
        stream.reconfigure(errors="backslashreplace")
    if "--debug" not in sys.argv:
        _filter_standard_error()


def _open_closed_streams() -> None:
    """Opens closed standard streams; otherwise the next file opened would take their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _filter_standard_error() -> None:
    try:
        terminal = os.dup(2)
        read_end, write_end = os.pipe()
    except OSError:  # too many open files
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
        os.dup2(terminal, 2)  # closes the last write end, which ends the thread
        thread.join(timeout=2)

    atexit.register(close)
