"""What a .tflite file is, beside the Keras model that it comes from."""

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
"""By `quantize`: the largest `relative_error` and `reconstruction_change`, and the smallest
`score_correlation`, that a file may have.
"""


@dataclasses.dataclass(frozen=True)
class SignatureReport:
    """One signature of a file.

    Attributes:
        operators: How often its graph has each operator of LiteRT.
        max_error, rms_error: Largest and root mean square difference from Keras over all outputs
            of floats, in their unit.
        relative_error: `rms_error` of an output over the root mean square of the output itself;
            of the worst output.
        microseconds: Of one call on one thread, the shortest of several measurements.
        unaccelerated: The operators that LiteRT's accelerated kernels (XNNPACK) do not have, and
            that its reference kernels run; none where the signature is fully accelerated.
    """

    operators: dict[str, int]
    max_error: float
    rms_error: float
    relative_error: float
    microseconds: float
    unaccelerated: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Report:
    """A file beside its model, measured on examples that calibration has not seen.

    `print(report)` shows it as a table.

    Attributes:
        path: Of the file.
        quantize: As it was asked for.
        bytes: Size of the file.
        num_examples: On which errors were measured.
        random_examples: Whether these were drawn at random because no data was given; then the
            three measures below the signatures are `None`.
        signatures: By name.
        reconstruction_error: Mean squared error of Keras' reconstructions.
        reconstruction_change: By what fraction the file's differs from it.
        score_correlation: Spearman's rank correlation of the file's anomaly scores with Keras';
            also `None` for scores that have no formula.
        decisions_changed: Fraction of examples on the other side of the model's threshold; also
            `None` for a model without one.
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
        """That of the worst signature."""
        return max(signature.relative_error for signature in self.signatures.values())

    def violations(self, bounds: Mapping[str, float]) -> list[str]:
        """The bounds that are passed, each with its figures."""
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
    """A file is too far from its model, and was not written.

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
