"""Compares a .tflite file with the Keras model that it was made from."""

import os
import time
from pathlib import Path

import numpy as np
import scipy.stats
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter

from tfae.bases.autoencoding import Autoencoding
from tfae.device import DeviceModel, score
from tfae.export import flatbuffer
from tfae.export.examples import Examples, answers, inputs_of
from tfae.export.quiet import quiet
from tfae.export.report import Report, SignatureReport
from tfae.export.signatures import Signature

_FEWEST_FOR_CORRELATION = 10
_TINY = float(np.finfo("float32").tiny)  # instead of zero, to divide by


def verified_formula(
    model: Autoencoding, examples: Examples, expected: dict[str, Examples]
) -> list[dict] | None:
    """Returns the formula of the model's anomaly score, if it agrees with the model's scores.

    A subclass may have overridden only one of the two.

    Args:
        model: The model in float32.
        examples: Examples to try the formula on.
        expected: The model's outputs for them, by signature.
    """
    formula = model.score_formula()
    if formula is None:
        return None
    reconstruction = expected["reconstruct"]["reconstruction"]
    metadata = {"score": formula, "missing": model.missing}
    by_formula = score(metadata, examples["x"], reconstruction, expected["encode"])
    of_model = expected["score"]["anomaly_score"]
    # The median, because logits cannot be recovered from probabilities of almost 0 or 1.
    same = np.median(np.abs(by_formula - of_model)) <= 1e-3 * np.median(np.abs(of_model))
    return formula if same else None


def measure(
    path: Path,
    content: bytes,
    found: dict[str, Signature],
    examples: Examples,
    expected: dict[str, Examples],
    is_random: bool,
) -> Report:
    """Runs a file and the model on examples.

    Args:
        path: Path of the file, for the report.
        content: Content of the file.
        found: The signatures of the model, in float32.
        examples: Examples that were not used for calibration.
        expected: The model's outputs for them, by signature: "encode", "reconstruct", "score".
        is_random: Whether the examples are random instead of data.
    """
    with quiet():  # LiteRT announces its delegate
        device = DeviceModel(content)
        codes = {**examples, "code": expected["encode"]["code"]}
        expected = {**expected, "decode": answers(found["decode"], codes)}
        outputs = {
            name: device.run(name, **inputs_of(found[name], codes))
            for name in ("encode", "decode", "reconstruct")
        }
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
    x = examples["x"]
    if not is_random:
        error, of_file = (
            float(
                np.nanmean(np.square(x - of["reconstruct"]["reconstruction"]))
            )  # of what is known
            for of in (expected, outputs)
        )
        change = (of_file - error) / max(error, _TINY)
    if not is_random and device.metadata["score"] is not None:
        scores = device.anomaly_score(**examples)
        of_model = expected["score"]["anomaly_score"]
        if len(x) >= _FEWEST_FOR_CORRELATION and np.ptp(of_model) > 0:
            correlation = float(scipy.stats.spearmanr(scores, of_model).statistic)
        threshold = device.metadata["threshold"]
        if threshold is not None:
            changed = float(np.mean((scores <= threshold) != (of_model <= threshold)))
    return Report(
        path=os.fspath(path),
        quantize=device.metadata["quantize"],
        bytes=len(content),
        num_examples=len(x),
        random_examples=is_random,
        signatures=signatures,
        reconstruction_error=error,
        reconstruction_change=change,
        score_correlation=correlation,
        decisions_changed=changed,
    )


def _errors(outputs: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> dict[str, float]:
    differences = {
        name: outputs[name] - np.float64(expected[name])
        for name in outputs
        if expected[name].dtype.kind == "f"  # differences of codebook indices mean nothing
    }
    together = np.concatenate([d.ravel() for d in differences.values()])
    return {
        "max_error": float(np.abs(together).max()),
        "rms_error": _rms(together),
        "relative_error": max(
            _rms(d) / max(_rms(expected[n]), _TINY) for n, d in differences.items()
        ),
    }


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(np.float64(values)))))


def _microseconds(content: bytes, rounds: int = 6, seconds: float = 0.004) -> float:
    """Returns the time of a call: the shortest of a few rounds of as many calls as timing needs."""
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
