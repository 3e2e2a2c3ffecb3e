"""The report on a .tflite file, compared with the Keras model that it was made from."""

import dataclasses
from collections.abc import Mapping

from rich.console import Console, Group
from rich.table import Table

BOUNDS = {
    None: {"relative_error": 1e-4, "reconstruction_change": 1e-3, "score_correlation": 0.999},
    "float16": {"relative_error": 0.01, "reconstruction_change": 5e-3, "score_correlation": 0.999},
    "dynamic": {"relative_error": 0.1, "reconstruction_change": 0.02, "score_correlation": 0.99},
    "int8": {"relative_error": 0.1, "reconstruction_change": 0.02, "score_correlation": 0.99},
}
"""The largest `relative_error` and `reconstruction_change`, and the smallest `score_correlation`,
that a file may have, for each value of `quantize`.
"""


@dataclasses.dataclass(frozen=True)
class SignatureReport:
    """One signature of a file.

    Attributes:
        operators: How many of each LiteRT operator its graph has.
        max_error, rms_error: Largest and root mean square difference from Keras over all float
            outputs, in their unit.
        relative_error: `rms_error` of an output divided by the root mean square of the output
            itself; for the worst output.
        microseconds: Time of one call on one thread, the shortest of several measurements.
        unaccelerated: The operators that LiteRT's accelerated kernels (XNNPACK) do not support, so
            that its reference kernels run them; empty if the signature is fully accelerated.
    """

    operators: dict[str, int]
    max_error: float
    rms_error: float
    relative_error: float
    microseconds: float
    unaccelerated: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Report:
    """A file compared with its model, on examples that were not used for calibration.

    `print(report)` shows it as a table.

    Attributes:
        path: Path of the file.
        quantize: The quantization that was asked for.
        bytes: Size of the file.
        num_examples: Number of examples that errors were measured on.
        random_examples: Whether these were drawn at random because no data was given. If so, the
            attributes below `signatures` are `None`.
        signatures: The report on each signature, by name.
        reconstruction_error: Mean squared error of Keras' reconstructions.
        reconstruction_change: The fraction by which the file's own differs from it.
        score_correlation: Spearman's rank correlation between the anomaly scores of the file and
            those of Keras; also `None` if the scores have no formula.
        decisions_changed: Fraction of examples that end up on the other side of the threshold; also
            `None` if the model has no threshold.
    """

    path: str
    quantize: str | None
    bytes: int
    num_examples: int
    random_examples: bool
    signatures: dict[str, SignatureReport]
    reconstruction_error: float | None
    reconstruction_change: float | None
    score_correlation: float | None
    decisions_changed: float | None

    @property
    def relative_error(self) -> float:
        """The relative error of the worst signature."""
        return max(signature.relative_error for signature in self.signatures.values())

    def violations(self, bounds: Mapping[str, float]) -> list[str]:
        """Returns a text for each bound that is exceeded, with its figures."""
        return [
            f"{name} is {value:.4g}, its bound {bound:g}"
            for name, bound in bounds.items()
            if (value := getattr(self, name)) is not None
            and not (value >= bound if name == "score_correlation" else abs(value) <= bound)
        ]

    def __rich__(self) -> Group:
        of_signatures = Table(
            title=f"{self.path}: {self.quantize or 'float32'}, {self.bytes / 1000:,.0f} kB",
            title_justify="left",
        )
        of_signatures.add_column("signature")
        for column in ("operators", "max error", "RMS error", "us a call", "accelerated"):
            of_signatures.add_column(column, justify="right")
        for name, signature in self.signatures.items():
            of_signatures.add_row(
                name,
                str(sum(signature.operators.values())),
                f"{signature.max_error:.2g}",
                f"{signature.rms_error:.2g}",
                f"{signature.microseconds:,.0f}",
                f"all but {', '.join(signature.unaccelerated)}"
                if signature.unaccelerated
                else "fully",
            )
        examples = "random" if self.random_examples else "held-out"
        lines = [f"Errors are against Keras, on {self.num_examples} {examples} examples."]
        if self.reconstruction_error is not None:
            lines.append(
                f"Reconstruction error {self.reconstruction_error:.4g}, "
                f"changed by {100 * self.reconstruction_change:+.2f} %."
            )
        if self.score_correlation is not None:
            lines.append(f"Rank correlation of anomaly scores {self.score_correlation:.4f}.")
        if self.decisions_changed is not None:
            lines.append(f"Other side of the threshold: {100 * self.decisions_changed:.2f} %.")
        return Group(of_signatures, *lines)

    def __str__(self) -> str:
        console = Console(width=110)
        with console.capture() as text:
            console.print(self)
        return text.get()


class QuantizationError(ValueError):
    """A file differs too much from its model, and was not written.

    Attributes:
        report: What was measured.
    """

    def __init__(self, report: Report, violations: list[str]):
        super().__init__(
            f"{report.path} was not written, because it is too far from the model: "
            f"{'; '.join(violations)}. Give calibration data that is like what the device will "
            "see, choose another `quantize`, or accept it, for example with "
            f"allow={{{violations[0].split()[0]!r}: ...}}."
        )
        self.report = report
