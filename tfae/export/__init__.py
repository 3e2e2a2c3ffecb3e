"""Trained models for servers and devices, where neither Python nor this package is installed."""

from tfae.export.onnx import onnx
from tfae.export.saved_model import saved_model
from tfae.export.signatures import signatures
from tfae.export.tflite import tflite

__all__ = ["onnx", "saved_model", "signatures", "tflite"]
