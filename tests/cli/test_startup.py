"""The command as a process: it answers quickly, and prints only what it should."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tfae as package

HEAVY = {"tensorflow", "keras", "matplotlib", "sklearn", "scipy", "numpy"}


def python(code, *arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(Path(package.__file__).parent.parent)}
    return subprocess.run(
        [sys.executable, *code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


@pytest.fixture
def script(tmp_path):
    """The command as pip makes it; at its end it says which heavy packages it has imported."""
    file = tmp_path / "bin" / "tfae"
    file.parent.mkdir()
    file.write_text(
        "import sys\n"
        "from tfae.cli import main\n"
        "try:\n    main()\n"
        f"finally:\n    print('imported', sorted({HEAVY} & set(sys.modules)))\n"
    )
    return [str(file)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--help", "Train autoencoders"),
        ("--version", package.__version__),
        ("trian", "There is no command 'trian'; there are demo, list, train"),
        ("train vea", "There is no model 'vea'"),
        ("evaluate --nope", "No such option '--nope'"),
        ("fit --help", "--false-positive-rate"),
        ("score --help", "print the oddest examples"),
        ("encode run --data nothing --out a.txt", "must be a file that ends in .npy"),
        ("generate run --out a.txt", "must end in .png, .npy"),
    ],
)
def test_help_and_mistyped_words_are_answered_without_the_heavy_packages(script, arguments, said):
    result = python(script, *arguments.split())
    assert "imported []" in result.stdout
    assert said in result.stdout + result.stderr


REGISTERED = "sorted(n for n in keras.saving.get_custom_objects() if n.startswith('tfae>'))"


@pytest.mark.slow
def test_the_command_imports_what_a_program_imports_but_only_when_it_is_needed(script):
    """Importing the models is enough for Keras to know every class that files of models name."""
    Path(script[0]).write_text(
        "import sys, tfae\n"
        "assert 'tensorflow' not in sys.modules\n"
        "import tfae.models, keras\n"
        f"first = {REGISTERED}\n"
        "for name in tfae.__all__: getattr(tfae, name)\n"
        f"assert {REGISTERED} == first\n"
        "print(*first)\n"
        "try: tfae.nothing\n"
        "except AttributeError as error: print(error)\n"
    )
    result = python(script)
    names, error = result.stdout.splitlines()
    assert {f"tfae>{name}" for name in package.models.MODELS} < set(names.split()), result.stderr
    assert error == "module 'tfae' has no attribute 'nothing'"


def test_all_models_are_imported_explicitly():
    """Editors and type checkers see only what these two files import by name."""
    for module in (package, package.models):
        source = Path(module.__file__).read_text()
        unlisted = [
            name
            for name in package.models.MODELS
            if f"import {name}\n" not in source and f"        {name},\n" not in source
        ]
        assert not unlisted, f"not imported in {module.__name__}/__init__.py: {unlisted}"
        assert not set(package.models.MODELS) - set(module.__all__)
    assert {name for name in package.__all__ if name[0].isupper()} == set(package.models.MODELS)


@pytest.mark.slow
def test_a_program_that_imports_tfae_keeps_its_standard_error():
    result = python(["-c"], "import os, tfae; os.write(2, b'I0000 00:00:1.0 mine')")
    assert "I0000 00:00:1.0 mine" in result.stderr


def test_debug_shows_the_traceback(tmp_path):
    result = python(["-m", "tfae"], "--debug", "generate", str(tmp_path))
    assert result.returncode == 2
    assert "Traceback" in result.stderr


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_command_works_with_a_closed_standard_stream(script, tmp_path, number):
    """Otherwise the next file to be opened would get its number, and the messages."""
    Path(script[0]).write_text(
        "import os\n"
        "from tfae.cli import main\n"
        f"file = os.open({str(tmp_path / 'file')!r}, os.O_RDWR | os.O_CREAT)\n"
        "assert file > 2, file\n"
        "main()"
    )
    result = python(script, "generate", str(tmp_path), preexec_fn=lambda: os.close(number))
    assert result.returncode == 2
    assert not (tmp_path / "file").read_bytes()


def test_a_name_that_is_not_utf_8_is_refused_without_a_traceback(script, tmp_path):
    result = python(script, "generate", os.fsdecode(os.fsencode(tmp_path) + b"/run\xff"))
    assert result.returncode == 2
    assert "is not UTF-8" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_messages_of_tensorflow_are_not_shown(tmp_path, run):
    out = str(tmp_path / "x.npy")
    result = python(["-m", "tfae"], "generate", str(run), "-n", "1", "--out", out)
    assert result.returncode == 0
    assert result.stderr == ""
    # Errors of the command come through.
    result = python(["-m", "tfae"], "generate", str(tmp_path))
    assert result.returncode == 2
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
