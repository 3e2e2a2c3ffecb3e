"""Trained models for servers and devices, where neither Python nor this package is installed."""

from tfae.export.saved_model import saved_model
from tfae.export.tflite import tflite

__all__ = ["saved_model", "tflite"]
