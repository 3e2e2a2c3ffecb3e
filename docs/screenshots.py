r"""Takes the pictures of the page that `tfae explore` opens, in its light and dark versions.

    tfae train variational --data mnist --latent-dim 2 --hidden-units 512,256 --epochs 40 \
        --seed 1 --out runs/mnist-vae
    python docs/screenshots.py runs/mnist-vae

It needs Chromium, and a run with images and two latent dimensions.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, os.fspath(ROOT / "tests" / "explore"))

from browser import Browser, chromium  # noqa: E402

WIDTH, HEIGHT, SCALE = 1280, 890, 1.25
POINTED_AT = (0.66, 0.6)  # where the pointer is, as fractions of the map's width and height


def take(browser: Browser, url: str, scheme: str, file: Path) -> None:
    """Opens the page, shows the decoded plane, points at an example, and saves a screenshot."""
    browser.resize(WIDTH, HEIGHT, SCALE)
    browser.prefer(scheme)
    browser.open(url)
    browser.wait_for("document.documentElement.dataset.example")
    browser.evaluate("document.querySelector('#show-plane').click()")
    browser.wait_for(  # until its last row is drawn
        "(() => { const c = document.querySelector('#map > canvas');"
        "return c.getContext('2d').getImageData(c.width - 2, c.height - 2, 1, 1).data[3]; })()"
    )
    left, top, width, height = browser.evaluate(
        "(() => { const b = document.querySelector('#map').getBoundingClientRect();"
        "return [b.x, b.y, b.width, b.height]; })()"
    )
    x, y = left + POINTED_AT[0] * width, top + POINTED_AT[1] * height
    for right in range(0, 200, 4):  # until the pointer is on an example
        browser.mouse("Moved", x + right, y)
        time.sleep(0.1)
        if browser.evaluate("!document.querySelector('#tip').hidden"):
            break
    time.sleep(0.5)
    browser.screenshot(file)
    print(file.relative_to(ROOT))


def main() -> None:
    """Starts `tfae explore RUN` and takes the pictures."""
    command = [sys.executable, "-m", "tfae", "explore", sys.argv[1], "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        found = (re.search(r"http://127\S+/", line) for line in process.stdout)
        url = next(filter(None, found))[0]
        with chromium() as browser:
            take(browser, url, "light", IMAGES / "explore.png")
            take(browser, url, "dark", IMAGES / "explore-dark.png")
        process.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
