"""Runs the examples in the documentation and keeps the pictures that they make.

    python docs/examples.py [PAGE ...]

The first `python` block of the README and of each page in docs/ is a complete program that saves
the pictures shown on the page. Without arguments, all of them are run.
"""

import contextlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

DOCS = Path(__file__).parent
_LINES = re.DOTALL | re.MULTILINE
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]


def example(page: Path) -> str | None:
    """The program on a page, if there is one."""
    found = re.search(r"^```python\n(.*?)^```", page.read_text(), _LINES)
    return found and found[1]


def output(page: Path) -> str | None:
    """What the page says that its program prints: the `text` block right after it, if any."""
    found = re.search(r"^```python\n.*?^```\n\n(?:```text\n(.*?)^```)?", page.read_text(), _LINES)
    return found and found[1]


def pictures(page: Path) -> list[Path]:
    """The pictures that a page shows, as files."""
    links = re.findall(r"!\[[^]]*\]\(([^)]+\.png)\)", page.read_text())
    return [page.parent / link for link in links]


def run(page: Path, folder: Path) -> dict:
    """Runs a page's program in `folder` and returns the variables that it defines."""
    names = {"__name__": "__main__"}
    with contextlib.chdir(folder):
        exec(compile(example(page), page.name, "exec"), names)
    return names


def main() -> None:
    """Runs the programs of the pages named on the command line, or of all pages."""
    pages = [page for page in PAGES if not sys.argv[1:] or page.stem in sys.argv[1:]]
    for page in pages:
        if example(page) is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            run(page, Path(folder))
            for picture in pictures(page):
                shutil.copy(Path(folder) / picture.name, picture)
                print(f"{page.name}: {picture.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
