# SPDX-License-Identifier: Apache-2.0
"""The live view of a running service, once and on a terminal, and what it makes of an endpoint that lies."""
import fcntl
import http.server
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
import unittest

from program import DONE, PERSONAS, UNREACHABLE, UNUSABLE, Case, Running, event, free_port, lines, run

WITHIN = 60
HALTED = event(2, agent={"id": "payer-1", "trust": "verified"}, tool={"server": "erp", "name": "supplier.x"})


class Screen:
    """The program on a terminal of its own."""

    def __init__(self, *words, rows=24, columns=100):
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.program = Running(*words, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        self.seen = b""

    def until(self, text):
        """Reads on until the program has written the text after what was waited for before."""
        deadline = time.monotonic() + WITHIN
        while text not in self.seen:
            if not select.select([self.ours], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"never written: {text!r} in {self.seen[-3000:]!r}")
            self.seen += os.read(self.ours, 65536)
        page = self.seen[:self.seen.index(text) + len(text)]
        self.seen = self.seen[len(page):]
        return page

    def press(self, key):
        os.write(self.ours, key)

    def ended(self):
        return self.program.wait(WITHIN)

    def close(self):
        self.program.kill()
        self.program.wait()
        os.close(self.ours)
        os.close(self.theirs)


class Top(Case):
    def settings(self, address):
        return self.file("settings.yaml", f"""input: {{kind: stdin}}
personas: {{directory: {PERSONAS}}}
state: {{directory: {self.dir}/state}}
control: {{key_file: {self.dir}/control.key}}
outputs: {{findings: "file:{self.dir}/findings", control: "file:{self.dir}/control", dead_letter: "file:{self.dir}/letters"}}
gate: {{acks: "file:{self.dir}/acks"}}
http: {{listen: "{address}"}}
""")

    def service(self, config):
        """A service that has been fed one agent to be halted."""
        service, _ = self.start("run", "--config", config, said=b"serving", stdin=subprocess.PIPE)
        threading.Thread(target=service.stderr.read, daemon=True).start()
        service.stdin.write(lines(event(1), HALTED))
        service.stdin.flush()
        return service

    def screen(self, *words, **size):
        screen = Screen("top", *words, **size)
        self.addCleanup(screen.close)
        return screen

    def test_shows_who_stands_where_in_a_running_service(self):
        config = self.settings(f"127.0.0.1:{free_port()}")
        service = self.service(config)
        screen = self.screen("--config", config)
        self.assertIn(b"\x1b[?1049h", screen.until(b"default/payer-1"))
        screen.until(b"agent:default/payer-1")  # contained; and it is drawn again without a key
        screen.until(b"default/payer-1")

        view = json.loads(run("top", "--config", config, "--json").out)
        self.assertEqual([(row["agent"], row["level"]) for row in view["agents"]], [("payer-1", "halt")])
        self.assertEqual([(row["scope"], row["state"]) for row in view["contained"]], [("agent:default/payer-1", "requested")])
        status = json.loads(run("status", "--config", config, "--json").out)
        self.assertEqual([(row["scope"], row["passed_since"]) for row in status], [("agent:default/payer-1", 0)], "while a service holds the states")
        page = run("top", "--config", config)  # no terminal: one look
        self.assertEqual(page.code, DONE, page)
        self.assertIn(b"payer-1", page.out)

        service.stdin.close()
        self.assertEqual(service.wait(WITHIN), DONE)
        screen.until(b"no service answers at 127.0.0.1")
        screen.press(b"q")
        self.assertIn(b"\x1b[?1049l", screen.until(b"\x1b[?1049l"))
        self.assertEqual(screen.ended(), DONE)
        self.assertEqual(termios.tcgetattr(screen.theirs), screen.before, "keys as they were")
        gone = run("top", "--config", config)
        self.assertEqual(gone.code, UNREACHABLE, gone)
        self.assertIn(b"top: no service answers at 127.0.0.1", gone.err)

    def test_shows_nobody_where_others_than_this_machine_could_look(self):
        port = free_port()
        self.service(self.settings(f"0.0.0.0:{port}"))
        ended = run("top", "--config", self.settings(f"127.0.0.1:{port}"))
        self.assertEqual(ended.code, UNREACHABLE, ended)
        self.assertIn(b"shows no live view", ended.err)

    def answered(self, body):
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return self.settings(f"127.0.0.1:{server.server_address[1]}")

    def hostile(self, agents=1):
        evil = "\x1b[2J\u202eevil\r\n"
        row = {"tenant": evil, "agent": evil, "level": evil, "score": 1e30, "threat": evil, "last": evil, "passed": 3}
        return json.dumps({"agents": [row] * agents, "agents_count": agents, "shards": [{"records": 1, "feed_delay_ms": 2}],
                           "contained": [{"scope": evil, "level": evil, "state": evil, "since": evil}], "contained_count": 1}).encode()

    def test_escapes_what_agents_call_themselves(self):
        config = self.answered(self.hostile())
        for how in ("--once", "--json"):
            self.assertEqual(run("top", "--config", config, how).code, DONE)
        page = self.screen("--config", config).until(b"\x1b[J")
        self.assertNotIn(b"\x1b[2J", page)
        self.assertNotIn("\u202e".encode(), page)

    def test_keeps_within_the_terminal(self):
        screen = self.screen("--config", self.answered(self.hostile(200)), rows=12, columns=70)
        page = screen.until(b"\x1b[J").split(b"\x1b[H")[-1]
        self.assertEqual(page.count(b"\r\n"), 11)
        fcntl.ioctl(screen.ours, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 70, 0, 0))
        while screen.until(b"\x1b[J").count(b"\r\n") != 29:
            pass

    def test_ends_by_a_key_or_a_signal_and_leaves_the_terminal_as_it_was(self):
        config = self.answered(self.hostile())
        for end in (lambda s: s.press(b"\x03"), lambda s: s.press(b"\x04"), lambda s: s.press(b"Q"), lambda s: s.program.send_signal(signal.SIGTERM),
                    lambda s: s.program.send_signal(signal.SIGINT)):
            screen = self.screen("--config", config)
            screen.until(b"\x1b[J")
            end(screen)
            screen.until(b"\x1b[?1049l")
            self.assertEqual(screen.ended(), DONE)
            self.assertEqual(termios.tcgetattr(screen.theirs), screen.before)

    def test_says_when_the_answer_is_none(self):
        for body in (b"", b"[]", b"{}", b'{"agents":7,"shards":[],"contained":[]}', b'{"agents":[{}],"shards":[],"contained":[]}'):
            ended = run("top", "--config", self.answered(body), "--once")
            self.assertEqual(ended.code, UNREACHABLE, (body, ended))

    def test_settings_that_do_not_read_are_no_service_that_is_away(self):
        self.assertEqual(run("top", "--config", self.file("settings.yaml", "nonsense: 1\n")).code, UNUSABLE)


if __name__ == "__main__":
    unittest.main()
