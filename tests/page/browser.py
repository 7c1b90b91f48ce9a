# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium without network, spoken to through its DevTools pipe, and the pixels of its pictures. Standard library only."""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
import zlib

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
SECONDS = 120


def installed():
    """The path of a Chromium, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page. What the page asks for, says on its console or fails at is in `requests`, `messages`."""

    def __init__(self):
        self.home = tempfile.TemporaryDirectory(prefix="ringfence-page-")
        to_read, self.to_write = os.pipe()
        self.from_read, from_write = os.pipe()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (to_read, from_write)]
        command = [installed(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                   "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--force-color-profile=srgb", "--hide-scrollbars",
                   "--remote-debugging-pipe", f"--user-data-dir={self.home.name}"]
        with open(os.devnull, "wb") as null:
            self.process = subprocess.Popen(["bash", "-c", f'exec "$0" "$@" 3<&{high[0]} 4>&{high[1]}', *command], pass_fds=high, stdout=null,
                                            stderr=null, env={**os.environ, "HOME": self.home.name})
        for fd in (to_read, from_write, *high):
            os.close(fd)
        self.number, self.left, self.session, self.answers, self.events = 0, b"", None, {}, []
        self.requests, self.messages = [], []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime", "DOM"):
            self.ask(f"{domain}.enable")

    def close(self):
        os.close(self.to_write)  # which ends it
        os.close(self.from_read)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.home.cleanup()

    def _receive(self):
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self.left:
            ready, _, _ = select.select([self.from_read], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.from_read, 1 << 16) if ready else b""
            if not data:
                raise RuntimeError("the browser does not answer")
            self.left += data
        text, self.left = self.left.split(b"\0", 1)
        message = json.loads(text)
        if "id" in message:
            self.answers[message["id"]] = message
            return
        self.events.append(message["method"])
        if message["method"] == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.messages.append(message["params"])

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_write, json.dumps(message).encode() + b"\0")
        while self.number not in self.answers:
            self._receive()
        answer = self.answers.pop(self.number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, path, width):
        """Loads a file at a width in CSS pixels."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        self.events = []
        self.ask("Page.navigate", url=f"file://{path}")
        while "Page.loadEventFired" not in self.events:
            self._receive()

    def value(self, expression):
        """What an expression of ours gives in the page."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def boxes(self, selector):
        """Left, top, right, bottom of every element, on the page."""
        return self.value("[...document.querySelectorAll(" + json.dumps(selector) + ")].map(e => {const b = e.getBoundingClientRect(); "
                          "return [b.left + scrollX, b.top + scrollY, b.right + scrollX, b.bottom + scrollY]})")

    def picture(self, width, height):
        """The page from its top, as a Picture."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                        clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        return Picture(base64.b64decode(shot["data"]))


class Picture:
    """Pixels of a PNG with 8 bits a channel."""

    def __init__(self, png):
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        at, data = 8, b""
        while at < len(png):
            size, kind = int.from_bytes(png[at:at + 4], "big"), png[at + 4:at + 8]
            body = png[at + 8:at + 8 + size]
            if kind == b"IHDR":
                self.width, self.height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
                assert body[8] == 8 and body[12] == 0, "8 bits a channel, not interlaced"
                self.channels = {2: 3, 6: 4}[body[9]]
            elif kind == b"IDAT":
                data += body
            at += size + 12
        self.rows = list(self._rows(zlib.decompress(data)))

    def _rows(self, raw):
        step, stride = self.channels, self.width * self.channels
        above = bytes(stride)
        for y in range(self.height):
            start = y * (stride + 1)
            how, row = raw[start], bytearray(raw[start + 1:start + 1 + stride])
            for i in range(stride if how else 0):
                left, up = row[i - step] if i >= step else 0, above[i]
                if how == 1:
                    guess = left
                elif how == 2:
                    guess = up
                elif how == 3:
                    guess = (left + up) // 2
                else:
                    corner = above[i - step] if i >= step else 0
                    near = (abs(up - corner), abs(left - corner), abs(left + up - 2 * corner))
                    guess = (left, up, corner)[near.index(min(near))]
                row[i] = (row[i] + guess) & 255
            above = bytes(row)
            yield above

    def where(self, colour, within=8):
        """Places of the pixels of about this colour."""
        step = self.channels
        for y, row in enumerate(self.rows):
            for x in range(self.width):
                if all(abs(row[x * step + c] - colour[c]) <= within for c in range(3)):
                    yield x, y
