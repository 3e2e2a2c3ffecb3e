"""Headless Chromium, driven by the DevTools protocol over a pipe: no driver, no library."""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_OPTIONS = [
    "--headless=new",
    "--no-sandbox",  # it has none as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]


def find() -> str | None:
    """The browser's command, or `None` where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def chromium(width: int = 1280, height: int = 900) -> Iterator["Browser"]:
    """Starts a browser with an empty profile and one tab, and ends it."""
    with contextlib.ExitStack() as stack:
        profile = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        )
        # The browser reads commands from its file 3 and writes answers to its file 4.
        (commands, our_commands), (our_answers, answers) = os.pipe(), os.pipe()
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands, answers)]
        os.close(commands), os.close(answers)
        command = [find(), *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", 'exec 3<&"$0" 4>&"$1"; exec "${@:2}"', *map(str, theirs), *command],
            pass_fds=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in theirs:
            os.close(end)
        stack.callback(process.wait, 20)
        stack.callback(process.terminate)
        browser = Browser(os.fdopen(our_commands, "wb"), os.fdopen(our_answers, "rb"))
        stack.callback(browser.close)
        browser.resize(width, height)
        yield browser


class Browser:
    """One tab of a browser.

    Attributes:
        requests: URLs of all that the tab has asked for.
        errors: What scripts have thrown or logged as an error.
    """

    def __init__(self, commands: Any, answers: Any):
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._commands, self._answers = commands, answers
        self._results: dict[int, dict] = {}
        self._news = threading.Condition()
        self._last, self._session, self._ended = 0, None, False
        threading.Thread(target=self._listen, daemon=True).start()
        (tab,) = (
            target
            for target in self.send("Target.getTargets")["targetInfos"]
            if target["type"] == "page"
        )
        attach = {"targetId": tab["targetId"], "flatten": True}
        self._session = self.send("Target.attachToTarget", **attach)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "DOM"):
            self.send(f"{domain}.enable")
        # Keys reach the page also when the system has given the focus to another browser.
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)

    def send(self, method: str, **parameters: Any) -> dict:
        """Sends a command of the DevTools protocol and returns its result."""
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        with self._news:
            done = self._news.wait_for(lambda: number in self._results or self._ended, 60)
            assert done, f"no answer to {method}"
            assert not self._ended, f"the browser ended at {method}"
            answer = self._results.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def open(self, url: str) -> None:
        """Opens a page and waits until it is loaded; its scripts may go on."""
        self.requests.clear(), self.errors.clear()
        self.send("Page.navigate", url=url)
        self.wait_for(f"location.href == {json.dumps(url)} && document.readyState == 'complete'")

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        result = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, script: str, seconds: float = 30) -> Any:
        """Evaluates until the value is true, and returns it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.evaluate(script):
                return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}; errors: {self.errors}")

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Moves, presses or releases the left button: "Moved", "Pressed", "Released"."""
        button = {} if kind == "Moved" else {"button": "left", "clickCount": 1}
        self.send("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **button)

    def press(self, key: str, shift: bool = False) -> None:
        """Presses a key that is named as in KeyboardEvent.key."""
        for kind in ("rawKeyDown", "keyUp"):
            modifiers = 8 if shift else 0
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=modifiers)

    def choose_file(self, selector: str, file: Path) -> None:
        """Gives a file to an input."""
        node = self.send("DOM.getDocument")["root"]["nodeId"]
        found = self.send("DOM.querySelector", nodeId=node, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=found, files=[str(file)])

    def drop_file(self, x: float, y: float, file: Path) -> None:
        """Drops a file from outside on the page."""
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.send("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        """Sets the size of the page in CSS pixels, and pixels for each."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def prefer(self, scheme: str) -> None:
        """Asks pages for a "light" or "dark" look."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def screenshot(self, file: Path) -> None:
        """Writes what is seen as PNG."""
        file.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        """Ends the browser."""
        self._session = None
        with contextlib.suppress(AssertionError, OSError):
            self.send("Browser.close")

    def _listen(self) -> None:
        waiting = b""
        while chunk := self._answers.read1(2**20):
            *messages, waiting = (waiting + chunk).split(b"\0")
            for message in map(json.loads, messages):
                self._hear(message)
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _hear(self, message: dict) -> None:
        parameters = message.get("params", {})
        match message.get("method"):
            case None:
                with self._news:
                    self._results[message["id"]] = message
                    self._news.notify_all()
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(parameters["exceptionDetails"]))
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                self.errors.append(json.dumps(parameters["entry"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "assert"):
                self.errors.append(json.dumps(parameters["args"]))
