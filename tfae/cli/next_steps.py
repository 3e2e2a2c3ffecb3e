"""Suggests what to do with a run next, as commands to copy."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tfae.cli.console import shown

if TYPE_CHECKING:
    import keras


def next_steps(run: Path, model: keras.Model) -> str:
    """Returns commands that work on a run of this model, one per line."""
    name = shlex.quote(str(run))
    steps = []
    decodes = hasattr(model, "decode")
    if decodes and _shows_a_page(model):
        steps.append((f"tfae explore {name}", "its latent space, in the browser"))
    if decodes and model.sampling_prior is None:
        steps.append((f"tfae fit {name} --prior {model.prior_kinds[0]}", "then it generates"))
    elif decodes:
        steps.append((f"tfae generate {name}", "new examples"))
    likelihood = " --importance-samples 100" if hasattr(model, "log_likelihood") else ""
    steps.append((f"tfae evaluate {name}{likelihood}", "on held-out data"))
    if decodes:
        steps.append((f"tfae score {name} --data FILE", "other data: what is odd in it"))
        steps.append((f"tfae export {name}", "for TensorFlow Serving"))
    width = max(len(command) for command, _ in steps)
    lines = [f"  {command:{width}}  # {what}" for command, what in steps]
    path = str(run / "model.keras")
    lines += ["Or in Python:", f"  import keras, tfae; model = keras.saving.load_model({path!r})"]
    return shown("Next:\n" + "\n".join(lines))


def _shows_a_page(model: keras.Model) -> bool:
    has_runtime = importlib.util.find_spec("ai_edge_litert") is not None
    return has_runtime and len(model.code_shape) == 1
