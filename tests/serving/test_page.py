"""The commands and files of docs/serving.md work."""

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

import tfae

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()


@pytest.mark.slow
def test_its_program_exports_and_its_commands_get_answers(serve, tmp_path):
    with contextlib.chdir(tmp_path):
        exec(re.search(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1], {})
    commands = re.findall(r"^    ((?:curl|sh|python|node) .*)$", PAGE, re.MULTILINE)
    assert len(commands) == 5
    with serve(tmp_path / "digits", batching=True) as (grpc, rest):
        for command in commands:
            command = command.replace("localhost:8501", f"127.0.0.1:{rest}")
            command = command.replace("localhost:8500", f"127.0.0.1:{grpc}")
            arguments = shlex.split(re.sub("^python", sys.executable, command))
            if arguments[0] == "curl":
                arguments += ["--fail", "--silent", "--max-time", "30"]
            elif arguments[0] == "sh":
                arguments.append(f"http://127.0.0.1:{rest}")
            elif not shutil.which(arguments[0]):
                continue  # no Node.js here
            result = subprocess.run(
                arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60
            )
            assert result.returncode == 0, result.stderr
            if arguments[0] == "curl":
                assert set(json.loads(result.stdout)) & {"model_version_status", "outputs"}


def test_its_policies_are_ones_that_a_server_reads():
    policies = re.findall(r"^```proto\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    versions = [
        list(text_format.Parse(p, ModelConfig()).model_version_policy.specific.versions)
        for p in policies
    ]
    assert versions == [[1], [1, 2]]


def test_its_tree_and_its_batching_parameters_are_those_that_are_written(exported):
    _, directory = exported(tfae.VariationalAutoencoder)
    tree = PAGE[PAGE.index("    digits/") : PAGE.index("A version appears")]
    for name in re.findall(r"\b[\w-]+\.(?:config|yml|py|md|sh)\b|tf_serving_warmup_requests", tree):
        assert list(directory.rglob(name)), name
    batching = (directory / "serving" / "batching.config").read_text()
    written = dict(re.findall(r"^(\w+) \{ value: (\w+) \}$", batching, re.MULTILINE))
    shown = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
    assert written == shown
