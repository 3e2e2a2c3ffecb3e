"""How every tfae model trains: the train step, its data, its random state, its speed."""

from tfae.training.backup import Backup, EarlyStop
from tfae.training.learning_rate import CosineOverFit, set_learning_rate
from tfae.training.trainer import Trainer

__all__ = ["Backup", "CosineOverFit", "EarlyStop", "Trainer", "set_learning_rate"]
