"""A headless Chromium, steered over its DevTools protocol: enough to look at our pages."""

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser():
    """Gives the program, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page; `wait_for` asks it until a JavaScript expression is true."""

    def __init__(self, profile, size=(1500, 1000), flags=()):
        self.profile = Path(profile)
        flags = [*flags, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        flags += ["--no-first-run", "--remote-debugging-port=0", "--no-proxy-server"]
        self.process = subprocess.Popen(
            [
                find_browser(),
                *flags,
                f"--user-data-dir={profile}",
                f"--window-size={size[0]},{size[1]}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.numbers = itertools.count(1)
        self.socket = connect(self._page(), max_size=None, proxy=None)
        self.call("Page.enable")

    def _page(self):
        deadline = time.monotonic() + 60
        port = self.profile / "DevToolsActivePort"
        while True:
            with contextlib.suppress(OSError, StopIteration, IndexError):
                url = f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json/list"
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                pages = json.loads(opener.open(url, timeout=5).read())
                return next(p["webSocketDebuggerUrl"] for p in pages if p["type"] == "page")
            assert time.monotonic() < deadline, "the browser did not come up"
            time.sleep(0.2)

    def call(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv(timeout=60))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, url):
        # A page of one address and another fragment is not loaded anew.
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)

    def ask(self, expression, *, by_user=False):
        """Give the value of an expression; what it starts `by_user` is what the user did."""
        asked = {"expression": expression, "returnByValue": True, "userGesture": by_user}
        try:
            result = self.call("Runtime.evaluate", **asked)
        except AssertionError as error:
            if "navigated or closed" in str(error):  # the page went on while it was asked
                return None
            raise
        return result["result"].get("value")

    def wait_for(self, expression, seconds=90):
        deadline = time.monotonic() + seconds
        while not (found := self.ask(expression)):
            assert time.monotonic() < deadline, f"{expression}: {self.text()[-2000:]}"
            time.sleep(0.3)
        return found

    def wait_for_text(self, *texts, seconds=90):
        for text in texts:
            self.wait_for(f"document.body?.innerText.includes({json.dumps(text)})", seconds)

    def text(self):
        return self.ask("document.body?.innerText") or ""

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        with contextlib.suppress(Exception):
            self.call("Browser.close")
        with contextlib.suppress(Exception):
            self.socket.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
