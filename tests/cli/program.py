# SPDX-License-Identifier: Apache-2.0
"""The real binary and what the tests of the command line share."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("RINGFENCE_BINARY", str(SOURCE / "build/release/ringfence"))
PERSONAS = SOURCE / "tests/scenario/personas"

DONE, NO, UNUSABLE, UNREACHABLE = 0, 1, 2, 3

# Anything a terminal acts on: C0 but line feed and tab, DEL, C1, and the marks that turn text around.
ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Ended:
    """How a run of the program ended."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return f"exit {self.code}\nout: {self.out[-2000:]!r}\nerr: {self.err[-2000:]!r}"


def run(*words, stdin=b"", under=(), timeout=120, raw=False):
    """Runs the program, `under` another one where given; nothing of it may move a terminal, whatever it was given, unless it hands back
    records as they came."""
    done = subprocess.run([*under, BINARY, *map(str, words)], input=stdin, capture_output=True, timeout=timeout, check=False)
    ended = Ended(done)
    for stream in (done.stderr,) if raw else (done.stdout, done.stderr):
        found = ACTIVE.search(stream.decode("utf-8"))  # and it is valid UTF-8
        assert found is None, f"printed raw: {found!r} in {ended}"
    return ended


class Running(subprocess.Popen):
    """The program, given its words; a test that fails beside it does not wait for its end."""

    def __init__(self, *words, **streams):
        super().__init__([BINARY, *map(str, words)], **streams)

    def __exit__(self, failed, *how):
        if failed:
            self.kill()
        super().__exit__(failed, *how)


def written(path):
    """The JSON lines of a file that is being written: what stands behind its last line feed is no line yet."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def event(number=1, **changes):
    """An ordinary call of an agent that has a job; `changes` replace top-level fields, None takes one out."""
    fields = {"v": 1, "kind": "tool_call", "id": f"c-{number}", "time": f"2026-11-18T08:{number // 60 % 60:02}:{number % 60:02}Z",
              "agent": {"id": "watched-alert-1", "trust": "verified"}, "session": {"id": "s-1"}, "tool": {"server": "wiki", "name": "get"},
              "outcome": {"status": "ok"}, **changes}
    return {k: v for k, v in fields.items() if v is not None}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lines(*records):
    """Records as NDJSON; bytes stand as they are."""
    return b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in records)


# Reads the wiki, and is halted at the first call of anything else.
WATCHED = """schema: ringfence/persona/v1
id: watched
version: "1"
job: Reads the wiki.
owner: {team: desk, contact: desk@corp.example}
confidence: reviewed
applies_to: {agents: ["watched-*"]}
actions:
  - {id: read, tools: ["wiki/get"], effect: read}
destinations: {external: any}
response: {mode: enforce, undeclared: {default: halt}}
"""


class Case(unittest.TestCase):
    DEADLINE = 400  # seconds; whatever a test waits for then, it fails there and the others go on

    def setUp(self):
        def late(*_):
            raise AssertionError(f"it waited here when its {self.DEADLINE} seconds were over")
        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, self.DEADLINE, 30)  # again for what is waited for while the test ends
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)
        directory = tempfile.TemporaryDirectory(prefix="ringfence-cli-")
        self.addCleanup(directory.cleanup)
        self.dir = pathlib.Path(directory.name)

    def file(self, name, content):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def until(self, so, what="it did not come about"):
        deadline = time.monotonic() + 120
        while not so():
            self.assertLess(time.monotonic(), deadline, what)
            subprocess.run(["true"], check=True)  # gives way

    def start(self, *words, stdin=subprocess.DEVNULL, said=None):
        """The program, until the test ends; with `said` once it has logged such a line, and that line's fields."""
        process = Running(*words, stdin=stdin, stderr=subprocess.DEVNULL if said is None else subprocess.PIPE)
        for pipe in filter(None, (process.stdin, process.stderr)):
            self.addCleanup(pipe.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        if said is None:
            return process
        for line in process.stderr:
            if said in line:
                return process, json.loads(line)
        raise AssertionError(f"{words} ended without a word of {said}")

    def replay(self, *words, personas=PERSONAS, stdin=b"", **rest):
        return run("replay", "--personas", personas, "--findings", self.dir / "findings", "--verdicts", self.dir / "verdicts",
                   "--dead-letter", self.dir / "dead", *words, stdin=stdin, **rest)

    def left(self, name):
        """The JSON lines of an output, each of them checked to hold nothing a terminal acts on."""
        text = (self.dir / name).read_bytes().decode("utf-8") if (self.dir / name).exists() else ""
        self.assertIsNone(ACTIVE.search(text), text[:2000])
        return [json.loads(line) for line in text.splitlines()]

    def reasons(self):
        return [letter["reason"] for letter in self.left("dead")]
