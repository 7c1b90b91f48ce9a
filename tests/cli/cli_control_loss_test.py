# SPDX-License-Identifier: Apache-2.0
"""A control log that was lost or replaced, and many people who speak on it at once: what is said is in force at the gate."""
import concurrent.futures
import json
import os
import signal
import subprocess
import time
import unittest
import urllib.error
import urllib.request

import program
from program import DONE, event, free_port, lines, run

PERSONA = """schema: ringfence/persona/v1
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


def scope(agent):
    return f"agent:default/{agent}"


class ControlLoss(program.Case):
    def setUp(self):
        super().setUp()
        key = self.dir / "control.key"
        run("keys", "generate", key)
        self.file("keys.json", run("keys", "show", key, "--writer", "engine-*", "--writer", "operator").out)
        self.file("personas/watched.yaml", PERSONA)
        self.control, self.number = self.dir / "control", 0
        self.input = self.file("in.ndjson", b"")
        self.gate_port = free_port()
        self.config = self.settings("settings.yaml", "gate", self.gate_port)

    def settings(self, name, state, port):
        return self.file(name, f"""input: {{kind: file, files: [{self.input}], follow: true}}
personas: {{directory: {self.dir}/personas}}
state: {{directory: {self.dir}/state}}
control: {{key_file: {self.dir}/control.key, gates: [edge], max_halted_share: 1.0}}
outputs: {{findings: "file:{self.dir}/findings", control: "file:{self.control}", dead_letter: "file:{self.dir}/letters"}}
gate: {{name: edge, listen: "127.0.0.1:{port}", state: {self.dir}/{state}, keys_file: {self.dir}/keys.json,
       acks: "file:{self.dir}/acks", subject: {{agent: "header:x-agent-id"}}}}
http: {{listen: "127.0.0.1:0"}}
""")

    def started(self, command, config=None):
        process = subprocess.Popen([program.BINARY, command, "--config", config or self.config], stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def until(self, what, so):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if so():
                return
            subprocess.run(["true"], check=True)  # gives way
        self.fail(what)

    def act(self, agent, tool="delete"):
        self.number += 1
        with self.input.open("ab") as out:
            out.write(lines(event(self.number, agent={"id": agent, "trust": "verified"}, tool={"server": "wiki", "name": tool})))

    def answer(self, agent, port=None):
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.gate_port}/envoy/x", headers={"x-agent-id": agent})
        try:
            return urllib.request.urlopen(request, timeout=5).status
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return None

    def refused(self, agent, port=None):
        return lambda: self.answer(agent, port) == 403

    def passes(self, agent, port=None):
        return lambda: self.answer(agent, port) == 200

    def give(self, word, agent):
        ended = run(word, scope(agent), "--reason", "a test", "--by", "ada", "--approver", "grace", "--config", self.config)
        self.assertEqual(ended.code, DONE, ended)
        return ended.out.decode()

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), DONE)

    def contained(self):
        rows = json.loads(run("status", "--config", self.config, "--trusted", self.dir / "keys.json", "--json").out)
        return {row["scope"] for row in rows if row["state"] == "contained"}

    def test_a_first_halt_needs_no_engine_that_ran_before(self):
        self.assertIn("published", self.give("halt", "watched-1"))
        self.started("gate")
        self.until("it is refused", self.refused("watched-1"))

    def test_a_log_that_is_moved_away_under_the_engine_takes_no_halt_with_it(self):
        self.started("run")
        self.started("gate")
        self.act("watched-1")
        self.until("the agent is halted", self.refused("watched-1"))
        self.control.rename(self.dir / "moved")
        self.act("watched-2")
        self.until("halts after it are in force", self.refused("watched-2"))
        both = {scope("watched-1"), scope("watched-2")}
        self.until("and on the log, with those before it", lambda: self.control.exists() and self.contained() >= both)
        port = free_port()
        self.started("gate", self.settings("new.yaml", "new-gate", port))
        for agent in ("watched-1", "watched-2"):
            self.until("a gate that begins now refuses them too", self.refused(agent, port))

    def test_a_log_that_is_lost_between_two_runs_of_the_engine(self):
        gate = self.started("gate")
        for start in (1, 2, 3):
            service = self.started("run")
            self.act(f"watched-{start}")
            self.until("the agent is halted", self.refused(f"watched-{start}"))
            self.end(service)
        self.give("halt", "other-1")
        self.until("a person's halt is in force", self.refused("other-1"))
        self.control.unlink()

        service = self.started("run")
        self.act("watched-4")
        self.until("the engine's next halt is in force", self.refused("watched-4"))
        self.until("what stood is on the log again", lambda: self.contained() == {scope(f"watched-{i}") for i in (1, 2, 3, 4)})
        self.give("halt", "other-2")
        self.until("a person's next halt is in force", self.refused("other-2"))
        for agent in ("watched-1", "other-1"):
            self.assertEqual(self.answer(agent), 403, agent)
            self.give("release", agent)
            self.until(f"{agent} is released", self.passes(agent))
        self.assertIsNone(gate.poll())
        self.end(service)

    def test_of_a_log_restored_from_an_older_backup_people_can_halt_and_release_again(self):
        self.started("gate")
        self.give("halt", "other-1")
        self.until("halted", self.refused("other-1"))
        backup = self.control.read_bytes()
        self.give("release", "other-1")
        self.until("released", self.passes("other-1"))
        self.file("next", backup)
        os.rename(self.dir / "next", self.control)
        self.assertIn("published", self.give("halt", "other-1"))  # the log says that it is halted: the gate knows better
        self.until("halted again", self.refused("other-1"))

    def test_of_many_people_at_once_every_one_is_heard(self):
        self.started("gate")
        agents = [f"crowd-{i}" for i in range(32)]
        with concurrent.futures.ThreadPoolExecutor(16) as crowd:
            said = list(crowd.map(lambda agent: self.give("halt", agent), agents))
        self.assertTrue(all("published" in words for words in said), said)
        for agent in agents:
            self.until(f"{agent} is refused", self.refused(agent))
        trail = self.dir / "state/audit-operator.ndjson"
        self.assertEqual(len(trail.read_bytes().splitlines()), len(agents), "each is on record")
        verified = run("audit", "verify", trail, "--trusted", self.dir / "keys.json")
        self.assertEqual(verified.code, DONE, verified)


if __name__ == "__main__":
    unittest.main()
