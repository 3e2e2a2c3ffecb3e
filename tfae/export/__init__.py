"""Models for where neither tfae nor Keras is: one function a format."""

from tfae.export.tflite import tflite

__all__ = ["tflite"]
