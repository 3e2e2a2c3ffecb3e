"""The models. Every public class of every file in this folder is found by itself.

A new variant is one file here and one test file: `MODELS` lists it, `import tfae` exports it, and
the command line and the contract tests go through the list.
"""

import importlib
import inspect
import pkgutil

from tfae.training import Trainer


def _discover() -> dict[str, type[Trainer]]:
    found = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isclass(value) and issubclass(value, Trainer):
                found[name] = value
    return dict(sorted(found.items()))


MODELS = _discover()
"""The model classes by name."""

globals().update(MODELS)
__all__ = [*MODELS, "MODELS"]
