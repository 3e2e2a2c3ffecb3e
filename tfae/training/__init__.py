"""Training of all tfae models: `Trainer` and the parts that it uses."""

from tfae.training.backup import Backup, EarlyStop
from tfae.training.learning_rate import CosineOverFit, set_learning_rate
from tfae.training.trainer import Trainer

__all__ = ["Backup", "CosineOverFit", "EarlyStop", "Trainer", "set_learning_rate"]
