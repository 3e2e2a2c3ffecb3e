"""Exports trained models to servers and devices, which need neither Python nor this package."""

from tfae.export.onnx import onnx
from tfae.export.saved_model import saved_model
from tfae.export.signatures import signatures
from tfae.export.tflite import tflite

__all__ = ["onnx", "saved_model", "signatures", "tflite"]
