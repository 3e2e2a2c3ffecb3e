"""Measures a .tflite file beside the Keras model that it comes from."""

import time

import numpy as np
import scipy.stats
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter

from tfae.device import DeviceModel, score
from tfae.export import flatbuffer
from tfae.export.quiet import quiet
from tfae.export.report import Report, SignatureReport
from tfae.models.autoencoding import Autoencoding

_FEWEST_FOR_CORRELATION = 10


def verified_formula(model: Autoencoding, x: np.ndarray) -> list[dict] | None:
    """The formula of the model's anomaly score, if it gives the scores that the model gives.

    A subclass may have overridden the one and not the other.
    """
    formula = model.score_formula()
    if formula is None:
        return None
    encoding = model._map("encoding", model.encoding, x, 256)
    by_formula = score({"score": formula}, x, model.reconstruct(x), encoding)
    expected = model.anomaly_score(x)
    # The median, because probabilities of almost 0 and 1 lose the logits that they came from.
    same = np.median(np.abs(by_formula - expected)) <= 1e-3 * np.median(np.abs(expected))
    return formula if same else None


def measure(path: str, content: bytes, model: Autoencoding, x: np.ndarray, random: bool) -> Report:
    """Runs a file and the model on examples.

    Args:
        path: For the report.
        content: Of the file.
        model: In float32.
        x: Examples `(n, ...)` that were not used for calibration.
        random: Whether they are no real data.
    """
    with quiet():  # LiteRT announces its delegate
        device = DeviceModel(content)
        encoding = model._map("encoding", model.encoding, x, 256)
        reconstruction = model.reconstruct(x)
        inputs = {"encode": x, "decode": encoding["code"], "reconstruct": x}
        expected = {
            "encode": encoding,
            "decode": {"x": reconstruction},
            "reconstruct": {"reconstruction": reconstruction},
        }
        outputs = {name: device.run(name, values) for name, values in inputs.items()}
        signatures = {
            name: SignatureReport(
                operators=dict(flatbuffer.operators(part)),
                microseconds=_microseconds(part),
                unaccelerated=_unaccelerated(part),
                **_errors(outputs[name], expected[name]),
            )
            for name, part in flatbuffer.signatures(content).items()
        }
    error = correlation = change = changed = None
    if not random:
        error = float(np.mean(np.square(x - reconstruction)))
        of_file = float(np.mean(np.square(x - outputs["reconstruct"]["reconstruction"])))
        change = (of_file - error) / max(error, np.finfo("float32").tiny)
    if not random and device.metadata["score"] is not None:
        scores = device.anomaly_score(x)
        of_model = model.anomaly_score(x)
        if len(x) >= _FEWEST_FOR_CORRELATION and np.ptp(of_model) > 0:
            correlation = float(scipy.stats.spearmanr(scores, of_model).statistic)
        threshold = device.metadata["threshold"]
        if threshold is not None:
            changed = float(np.mean((scores > threshold) != (of_model > threshold)))
    return Report(
        path=path,
        quantize=device.metadata["quantize"],
        bytes=len(content),
        num_examples=len(x),
        random_examples=random,
        signatures=signatures,
        reconstruction_error=error,
        reconstruction_change=change,
        score_correlation=correlation,
        decisions_changed=changed,
    )


def _errors(outputs: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> dict[str, float]:
    differences = {name: outputs[name] - np.float64(expected[name]) for name in outputs}
    together = np.concatenate([d.ravel() for d in differences.values()])
    tiny = np.finfo("float32").tiny
    return {
        "max_error": float(np.abs(together).max()),
        "rms_error": _rms(together),
        "relative_error": max(
            _rms(d) / max(_rms(expected[n]), tiny) for n, d in differences.items()
        ),
    }


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(np.float64(values)))))


def _microseconds(content: bytes, rounds: int = 10, seconds: float = 0.01) -> float:
    """Time of a call: the shortest of some rounds, each of so many calls that it can be timed."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    runner = interpreter.get_signature_runner()
    inputs = {k: np.zeros(v["shape"], v["dtype"]) for k, v in runner.get_input_details().items()}

    def timed(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            runner(**inputs)
        return (time.perf_counter() - start) / calls

    timed(3)
    calls = max(1, round(seconds / timed(3)))
    return 1e6 * min(timed(calls) for _ in range(rounds))


def _unaccelerated(content: bytes) -> tuple[str, ...]:
    if _fully_accelerated(content):
        return ()
    parts = flatbuffer.single_operators(content)
    return tuple(name for name, part in parts.items() if not _fully_accelerated(part)) or ("some",)


def _fully_accelerated(content: bytes) -> bool:
    return CompiledModel.from_buffer(content).is_fully_accelerated()
