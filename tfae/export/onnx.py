"""Exports a model as an ONNX file."""

import importlib.util
import os
import warnings
from pathlib import Path

from tfae.bases.autoencoding import Autoencoding
from tfae.classifier import Classifier
from tfae.export.signatures import signatures
from tfae.export.validity import check_numbers
from tfae.files import atomic_write


def onnx(
    model: Autoencoding | Classifier, path: str | os.PathLike, check_finite: bool = True
) -> Path:
    """Writes what `predict` computes to an ONNX file, with Keras' exporter.

    The input is called "x", and the batch may have any size. To export one part of a model alone,
    use `model.encoder.export(path, format="onnx")`, or the same for the decoder.

    Args:
        model: A built model in float32.
        path: Path of the file; an existing one is replaced.
        check_finite: Whether a model with NaN or infinity among its weights is rejected.

    Returns:
        The path.

    Raises:
        ImportError: If tf2onnx is not installed, which `pip install 'keras-autoencoders[onnx]'`
            does.
        ValueError: If the model is not built, holds NaN, or a layer has no counterpart in ONNX,
            which the message names. Nothing is written then.
        OSError: If the file cannot be written.
    """
    if importlib.util.find_spec("tf2onnx") is None:
        raise ImportError(
            "ONNX files are written by tf2onnx: pip install 'keras-autoencoders[onnx]'."
        )
    from onnx import checker

    path = Path(path)
    inputs = next(iter(signatures(model).values())).inputs
    check_numbers(model, weights=check_finite)
    # In the form that `call` takes.
    signature = inputs if len(inputs) == 1 else [{spec.name: spec for spec in inputs}]
    with atomic_write(path, replace=True) as new:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="keras")  # np.object
            model.export(str(new), format="onnx", input_signature=signature, verbose=False)
        try:
            checker.check_model(str(new))
        except checker.ValidationError as error:
            raise ValueError(f"`model` cannot be exported to ONNX: {error}") from error
    return path
