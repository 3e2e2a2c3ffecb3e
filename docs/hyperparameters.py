"""Writes hyperparameters.md from the models themselves: `python docs/hyperparameters.py`."""

from pathlib import Path

import tfae
from tfae import hyperparameters
from tfae.networks import ARCHITECTURES

PAGE = Path(__file__).with_name("hyperparameters.md")


def page() -> str:
    """The whole page: a table for each model and each architecture."""
    parts = [
        "# Hyperparameters\n",
        "These are the keyword arguments of "
        "`Model.from_shape(input_shape, latent_dim, architecture, ...)` and the options of "
        "`tfae train MODEL`, where `num_samples` is `--num-samples`. Models that are built from an "
        "architecture also take those of the architecture.\n",
    ]
    for name, cls in tfae.models.MODELS.items():
        own = hyperparameters.of_constructor(cls)
        if hasattr(cls, "from_shape"):
            own = {**hyperparameters.of_networks(cls), **own}
        parts.append(_table(f"`tfae.{name}`", own))
    for name in ARCHITECTURES:
        own = hyperparameters.of_architecture(name)
        parts.append(_table(f'`architecture="{name}"`', own))
    return "\n".join(parts)


def _table(title: str, found: dict[str, hyperparameters.Hyperparameter]) -> str:
    rows = [f"| `{h.name}` | {_default(h)} | {_cell(h.description)} |" for h in found.values()]
    return "\n".join([f"## {title}\n", "| name | default | |", "|---|---|---|", *rows, ""])


def _default(hyperparameter: hyperparameters.Hyperparameter) -> str:
    value = hyperparameter.default
    return "required" if value is hyperparameters.REQUIRED else f"`{_cell(repr(value))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
