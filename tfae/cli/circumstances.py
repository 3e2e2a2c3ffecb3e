"""What a run notes about how it was made, beside what was asked for."""

from __future__ import annotations

import datetime
import platform
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfae
from tfae import ops


def circumstances() -> dict[str, Any]:
    """Returns the versions, machine, command and time of a run."""
    return {
        "versions": {
            "tfae": tfae.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "machine": {
            "platform": platform.platform(),
            "devices": [device.name for device in tf.config.list_logical_devices()],
            "compiled_ops": ops.kernel_available(),
        },
        "command": sys.argv,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
