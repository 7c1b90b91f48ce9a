# SPDX-License-Identifier: Apache-2.0
"""An answer that could not be printed is none, whatever the command."""
import subprocess

import program
from program import BINARY, DONE, PERSONAS, UNREACHABLE, event, lines, run


class FullDevice(program.Case):
    def full(self, *words, stdin=b""):
        with open("/dev/full", "wb") as full:
            return subprocess.run([BINARY, *map(str, words)], input=stdin, stdout=full, stderr=subprocess.PIPE, timeout=120, check=False)

    def test_each_command_says_that_its_output_cannot_be_written(self):
        key, state = self.dir / "control.key", self.dir / "state"
        self.assertEqual(run("keys", "generate", key).code, DONE)
        jwks = self.file("trusted.json", run("keys", "show", key).out)
        self.file("in", lines(*(event(n, tool={"server": "wiki", "name": "delete"}) for n in range(1, 4)), b"{"))
        self.assertEqual(self.replay("--state", state, self.dir / "in").code, DONE)
        agent = ("--agent", "watched-alert-1", "--state", state, "--personas", PERSONAS)
        for words in (("keys", "show", key), ("keys", "merge", jwks, jwks), ("validate", PERSONAS), ("test", PERSONAS.parents[2] / "config/personas"),
                      ("explain", *agent), ("explain", *agent, "--json"), ("explain", "--finding", self.dir / "findings"),
                      ("report", self.dir / "findings", "-o", "-"), ("state", "show", "watched-alert-1", "--state", state),
                      ("deadletter", "show", self.dir / "dead"), ("deadletter", "resend", self.dir / "dead"), ("keys", "generate", self.dir / "other.key"),
                      ("replay", "--personas", PERSONAS, self.dir / "in"), ("--help",), ("keys", "--help"), ("--version",)):
            with self.subTest(words=words):
                ended = self.full(*words)
                self.assertEqual(ended.returncode, UNREACHABLE, ended)
                self.assertRegex(ended.stderr, b"No space left on device|standard output cannot be written")

    def test_a_closed_standard_output_is_none_that_failed_where_nothing_is_printed(self):
        made = self.file("in", lines(event(1)))
        quiet = (BINARY, "replay", "--personas", PERSONAS, "--findings", self.dir / "findings", made)
        ended = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *map(str, quiet)], capture_output=True, timeout=120, check=False)
        self.assertEqual(ended.returncode, DONE, ended)


class DeadLetters(program.Case):
    def setUp(self):
        super().setUp()
        self.replay(stdin=lines(b'{"v":1,', b'{"v":2,', b"{"))
        self.dead = self.dir / "dead"

    def test_what_could_not_be_written_is_not_called_sent(self):
        ended = run("deadletter", "resend", self.dead, "--to", "/dev/full")
        self.assertEqual(ended.code, UNREACHABLE, ended)
        self.assertNotIn(b"sent back", ended.err)
        self.assertIn(b"/dev/full: cannot be written (No space left on device)", ended.err)

    def test_the_file_they_lie_in_is_not_written_to(self):
        before = self.dead.read_bytes()
        (self.dir / "link").symlink_to("dead")
        for name in ("dead", "link"):
            with self.subTest(name=name):
                ended = run("deadletter", "resend", self.dead, "--to", self.dir / name)
                self.assertEqual((ended.code, self.dead.read_bytes()), (program.UNUSABLE, before), ended)
                self.assertIn(b"it would be destroyed", ended.err)

    def test_a_file_is_not_named_for_the_letters_of_a_topic(self):
        settings = self.file("settings.yaml", "kafka: {brokers: localhost:1}\n")
        for to in ("back", "-"):
            ended = run("deadletter", "resend", "--config", settings, "--to", to)
            self.assertEqual(ended.code, program.UNUSABLE, ended)
            self.assertIn(b"--to", ended.err)
        self.assertFalse((self.dir / "back").exists())


class Keys(program.Case):
    def test_no_private_key_is_written_to_standard_output_or_a_file_of_that_name(self):
        made = subprocess.run([BINARY, "keys", "generate", "-"], capture_output=True, cwd=self.dir, timeout=120, check=False)
        self.assertEqual((made.returncode, made.stdout), (program.UNUSABLE, b""), made)
        self.assertIn(b"name a file", made.stderr)
        self.assertEqual(list(self.dir.iterdir()), [])
