"""How many inputs the fuzzers in tests/fuzz tried, and what they found.

    python benchmarks/fuzzing.py [--seconds 600]

It needs the same as tests/fuzz/run.py.
"""

import _results  # isort: skip - it starts the clock
import argparse
import runpy
import tempfile
from pathlib import Path

RUN = Path(__file__).parents[1] / "tests" / "fuzz" / "run.py"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts = runpy.run_path(RUN)["fuzz"](arguments.seconds, Path(folder))
    _results.publish(
        "fuzzing",
        "Fuzzing: inputs tried, and those that crashed, gave a wrong number, or were refused by "
        "another error than a clear one",
        ["reader", "inputs", "found"],
        [
            [name.replace("_", " "), f"{count['executions']:,}", len(count["findings"])]
            for name, count in counts.items()
        ],
        effort={"seconds": arguments.seconds},
        note="The op's core is compiled with AddressSanitizer and UndefinedBehaviorSanitizer, "
        "driven by libFuzzer and compared with its contract, element by element; the readers are "
        "driven by Atheris, which shares its time out among them. Found before this run and "
        "mended: damaged run folders and .keras files, and archives of arrays in whose headers "
        "NumPy, zipfile or the system stumbled.",
    )


if __name__ == "__main__":
    main()
