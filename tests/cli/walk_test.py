# SPDX-License-Identifier: Apache-2.0
"""The README's walk with nginx and Kafka: its commands are run as they stand there, in one shell, with a real broker and a real nginx. Ports
alone are others, and a block whose output is shown is run again until it is that."""
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import program
from cli_readme_test import expected

SECTION = re.compile(r"^## Five minutes[^\n]*\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCKS = re.compile(r"^```sh\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
PORTS = ("9092", "9093", "9464", "9465", "8080", "8000")
END = "that was it:"
FAILED = "it has failed:"
PATIENCE_S = 120


def free_ports(count):
    """Ports that nobody listens at now, below those that outgoing connections are given: nothing takes them before the walk does."""
    held = []
    for port in random.sample(range(15000, 32000), 1000):
        with contextlib.suppress(OSError):
            held.append(socket.create_server(("127.0.0.1", port)))
        if len(held) == count:
            break
    ports = [str(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


class Ended(Exception):
    """The shell has; with what it said."""


class Shell:
    """One bash that keeps its variables and jobs from block to block, and ends at the first command that fails; it says so, because jobs hold
    its output open."""

    def __init__(self, directory, libs):
        self.process = subprocess.Popen(["bash", "-e"], cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True, env={**os.environ, "RINGFENCE_BROKER_LIBS": libs})
        self.process.stdin.write(f'trap \'echo "{FAILED}"\' EXIT\n')

    def run(self, commands):
        self.process.stdin.write(f'{commands}\necho "{END}"\n')
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if END in line:
                said.append(line.partition(END)[0])
                return "".join(said)
            if FAILED in line:
                break
            said.append(line)
        raise Ended("".join(said))

    def end(self):
        """Nothing that was started outlives it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Walk(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="ringfence-walk-")
        self.addCleanup(directory.cleanup)
        self.dir = pathlib.Path(directory.name)
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        (self.dir / "build/release").mkdir(parents=True)
        (self.dir / "build/release/ringfence").symlink_to(program.BINARY)
        (self.dir / "config").symlink_to(program.SOURCE / "config")
        shutil.copytree(program.SOURCE / "deploy", self.dir / "deploy")
        for file in (self.dir / "deploy").rglob("*"):
            if file.is_file():
                file.write_text(self.moved(file.read_text(encoding="utf-8")), encoding="utf-8")
        self.libs = os.environ.get("RINGFENCE_BROKER_LIBS", str(program.SOURCE / "build/broker/libs"))

    def moved(self, text):
        """The same with this run's ports."""
        return re.sub(r"(127\.0\.0\.1:)(\d{4})\b", lambda found: found[1] + self.ports.get(found[2], found[2]), text)

    def logs(self):
        kept = [log for log in sorted(self.dir.glob("out/walk/**/*.log")) if not {"state", "data"} & set(log.parts)]  # stores have logs of their own
        return "".join(f"\n== {log.name}\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}" for log in kept)

    def test_the_walk(self):
        section = SECTION.search((program.SOURCE / "README.md").read_text(encoding="utf-8"))
        blocks = BLOCKS.findall(section[1])
        self.assertGreaterEqual(len(blocks), 9)
        shell = Shell(self.dir, self.libs)
        self.addCleanup(shell.end)
        self.addCleanup(self.end_nginx)
        for commands, output in blocks:
            self.walk(shell, commands, output)

    def end_nginx(self):
        """It has left the shell's session; the walk's last block ends it, and it takes its file away when it has."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.dir / "out/walk/nginx.pid").read_text(encoding="utf-8")), signal.SIGTERM)

    def said(self, shell, commands):
        try:
            return shell.run(self.moved(commands))
        except Ended as ended:
            return self.fail(f"{commands}\nended with\n{ended}{self.logs()}")

    def walk(self, shell, commands, output):
        until = time.monotonic() + PATIENCE_S
        said = self.said(shell, commands)
        while output and not expected(output).search(said) and time.monotonic() < until:
            said = self.said(shell, commands)
        if output:
            self.assertTrue(expected(output).search(said), f"README:\n{output}\nprinted:\n{said}{self.logs()}")


if __name__ == "__main__":
    unittest.main()
