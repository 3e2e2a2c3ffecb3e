"""Fuzzes the op's core (libFuzzer) and every reader of files and texts (Atheris).

    python tests/fuzz/run.py [--seconds 60]

Needs clang with its runtime library (Debian: clang, libclang-rt-14-dev), atheris, and tfae. Both
run at once, for so many seconds each. Prints how much was tried, and fails if anything was found;
the inputs that did it are left in a folder that is named then.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = ["gaussian_sample_kl_cpu.cc", "parallel_for_cpu.cc", "sample_arguments.cc"]
FLAGS = [
    *("-std=c++17", "-O1", "-g", "-DNDEBUG", "-I", str(ROOT)),
    *("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"),
]


def build_op(folder):
    """Compiles the fuzzer of the op's core and returns the program."""
    program = folder / "gaussian_sample_kl_fuzz"
    sources = [HERE / "gaussian_sample_kl_fuzz.cc"]
    sources += [ROOT / "kernels" / "core" / name for name in SOURCES]
    subprocess.run(["clang++", *FLAGS, *sources, "-o", program], check=True)
    return program


def fuzz_op(seconds, folder):
    """Returns the number of executions and the findings: at most one, as libFuzzer then stops."""
    program = build_op(folder)
    options = [f"-max_total_time={seconds}", "-max_len=512", "-print_final_stats=1", "-seed=1"]
    process = subprocess.run([program, *options], cwd=folder, capture_output=True, text=True)
    executions = re.search(r"number_of_executed_units: (\d+)", process.stderr)
    return {
        "op": {
            "executions": int(executions[1]) if executions else 0,
            "findings": [process.stderr[-4000:]] if process.returncode else [],
        }
    }


def fuzz_readers(seconds, folder):
    """Returns the same for each reader by name, with one finding of each kind."""
    process = subprocess.run(
        [sys.executable, HERE / "fuzz_readers.py", str(seconds), folder],
        capture_output=True,
        text=True,
    )
    if process.returncode:
        finding = process.stdout[-2000:] + process.stderr[-4000:]
        return {"readers": {"executions": 0, "findings": [finding]}}
    return json.loads((folder / "counts.json").read_text())


def fuzz(seconds, folder):
    """Runs both at once and returns the counts by name."""
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run, seconds, folder) for run in (fuzz_op, fuzz_readers)]
        return {name: count for run in runs for name, count in run.result().items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tfae-fuzz-"))
    counts = fuzz(arguments.seconds, folder)
    for name, count in counts.items():
        print(f"{name:20} {count['executions']:>9,} inputs, {len(count['findings'])} found")
        for finding in count["findings"]:
            print(finding)
    if any(count["findings"] for count in counts.values()):
        raise SystemExit(f"the inputs that did it are in {folder}")


if __name__ == "__main__":
    main()
