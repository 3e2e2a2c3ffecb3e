"""Atheris over every reader of `readers.py`: python fuzz_readers.py SECONDS FOLDER

After SECONDS it writes FOLDER/counts.json: for each reader how often it ran, and of what it neither
took nor refused clearly one traceback of each kind; the input of each is a file beside it.
"""

import json
import os
import pathlib
import sys
import tempfile
import time
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import atheris

sys.path.insert(0, str(pathlib.Path(__file__).parent))
with atheris.instrument_imports(include=["tfae"]):
    import readers

SECONDS, FOLDER = float(sys.argv[1]), pathlib.Path(sys.argv[2])
end = time.monotonic() + SECONDS
counts = {
    reader.__name__: {"executions": 0, "seconds": 0.0, "findings": []} for reader in readers.READERS
}
seen = set()


def test_one_input(data):
    """The first byte chooses the reader."""
    if time.monotonic() > end:
        (FOLDER / "counts.json").write_text(json.dumps(counts, indent=2))
        os._exit(0)
    if not data:
        return
    reader = readers.READERS[data[0] % len(readers.READERS)].__name__
    counts[reader]["executions"] += 1
    begun = time.monotonic()
    try:
        readers.read(data[0], data[1:])
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        place = [frame for frame in frames if "tfae" in frame.filename][-1]
        kind = (reader, type(error).__name__, place.filename, place.lineno)
        if kind not in seen:
            seen.add(kind)
            (FOLDER / f"{reader}-{len(seen)}").write_bytes(data[1:])
            counts[reader]["findings"].append("".join(traceback.format_exception(error)))
    counts[reader]["seconds"] += time.monotonic() - begun


corpus = pathlib.Path(tempfile.mkdtemp())
for i, reader in enumerate(readers.READERS):
    for j, content in enumerate(readers.examples()[reader]):
        (corpus / f"{i}-{j}").write_bytes(bytes([i]) + content)
options = ["-max_len=65536", "-timeout=20", "-rss_limit_mb=6000", "-print_final_stats=1"]
atheris.Setup([sys.argv[0], *options, str(corpus)], test_one_input)
atheris.Fuzz()
