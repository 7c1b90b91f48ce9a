# SPDX-License-Identifier: Apache-2.0
"""A control log that was lost or replaced, and many people who speak on it at once: what is said is in force at the gate."""
import concurrent.futures
import json
import os
import signal
import unittest
import urllib.error
import urllib.request

import program
from program import DONE, UNUSABLE, WATCHED, event, free_port, lines, run


def scope(agent):
    return f"agent:default/{agent}"


class ControlLoss(program.Case):
    def setUp(self):
        super().setUp()
        key = self.dir / "control.key"
        run("keys", "generate", key)
        self.file("keys.json", run("keys", "show", key, "--writer", "engine-*", "--writer", "operator").out)
        self.file("personas/watched.yaml", WATCHED)
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
        return self.start(command, "--config", config or self.config)

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

    def damage(self, file):
        """Changes one letter of the last line's signature; says which line that is."""
        rows = (self.dir / file).read_bytes().splitlines(keepends=True)
        at = len(rows[-1]) - 20
        rows[-1] = rows[-1][:at] + (b"A" if rows[-1][at:at + 1] != b"A" else b"B") + rows[-1][at + 1:]
        (self.dir / file).write_bytes(b"".join(rows))
        return len(rows)

    def assert_named(self, ended, file, line):
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(f"{file} is damaged: line {line}: signature: does not hold".encode(), ended.err)

    def contained(self):
        rows = json.loads(run("status", "--config", self.config, "--trusted", self.dir / "keys.json", "--json").out)
        return {row["scope"] for row in rows if row["state"] == "contained"}

    def test_a_first_halt_needs_no_engine_that_ran_before(self):
        self.assertIn("published", self.give("halt", "watched-1"))
        self.started("gate")
        self.until(self.refused("watched-1"), "it is refused")

    def test_a_letter_changed_on_the_gates_disk_or_the_engines_stops_its_start(self):
        gate, service = self.started("gate"), self.started("run")
        self.act("watched-1")
        self.until(self.refused("watched-1"), "the agent is halted")
        self.end(service)
        self.end(gate)
        line = self.damage("gate/verified.ndjson")
        self.assert_named(run("gate", "--config", self.config), "gate/verified.ndjson", line)
        line = self.damage("state/control/verified.ndjson")
        self.assert_named(run("run", "--config", self.config), "state/control/verified.ndjson", line)
        (self.dir / "gate/verified.ndjson").unlink()
        self.started("gate")
        self.until(self.refused("watched-1"), "what the log holds is in force again")

    def test_a_gate_of_another_audience_says_that_what_it_holds_is_not_for_it(self):
        self.give("halt", "other-1")
        gate = self.started("gate")
        self.until(self.refused("other-1"), "halted")
        self.end(gate)
        other = self.file("other.yaml", self.config.read_text().replace("gate: {", "gate: {audience: other-gates, "))
        ended = run("gate", "--config", other)
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(b"not for this reader as it is set now: line 1: aud: ", ended.err)

    def test_a_log_that_is_moved_away_under_the_engine_takes_no_halt_with_it(self):
        self.started("run")
        self.started("gate")
        self.act("watched-1")
        self.until(self.refused("watched-1"), "the agent is halted")
        self.control.rename(self.dir / "moved")
        self.act("watched-2")
        self.until(self.refused("watched-2"), "halts after it are in force")
        both = {scope("watched-1"), scope("watched-2")}
        self.until(lambda: self.control.exists() and self.contained() >= both, "and on the log, with those before it")
        port = free_port()
        self.started("gate", self.settings("new.yaml", "new-gate", port))
        for agent in ("watched-1", "watched-2"):
            self.until(self.refused(agent, port), "a gate that begins now refuses them too")

    def test_an_engine_with_nothing_new_to_say_says_what_stood_on_a_log_that_is_gone(self):
        self.started("run")
        self.started("gate")
        self.act("watched-1")
        self.until(self.refused("watched-1"), "the agent is halted")
        for other in (None, b""):  # gone, and another one
            os.rename(self.control, self.dir / "moved")
            if other is not None:
                self.control.write_bytes(other)
            self.until(lambda: self.control.exists() and self.contained() == {scope("watched-1")}, "it is on the log again")
        port = free_port()
        self.started("gate", self.settings("new.yaml", "new-gate", port))
        self.until(self.refused("watched-1", port), "a gate that begins now refuses it too")

    def test_a_log_that_is_lost_between_two_runs_of_the_engine(self):
        gate = self.started("gate")
        for start in (1, 2):
            service = self.started("run")
            self.act(f"watched-{start}")
            self.until(self.refused(f"watched-{start}"), "the agent is halted")
            self.end(service)
        self.give("halt", "other-1")
        self.until(self.refused("other-1"), "a person's halt is in force")
        self.control.unlink()

        service = self.started("run")
        self.act("watched-3")
        self.until(self.refused("watched-3"), "the engine's next halt is in force")
        self.until(lambda: self.contained() == {scope(f"watched-{i}") for i in (1, 2, 3)}, "what stood is on the log again")
        self.give("halt", "other-2")
        self.until(self.refused("other-2"), "a person's next halt is in force")
        for agent in ("watched-1", "other-1"):
            self.assertEqual(self.answer(agent), 403, agent)
            self.give("release", agent)
            self.until(self.passes(agent), f"{agent} is released")
        self.assertIsNone(gate.poll())
        self.end(service)

    def test_of_a_log_restored_from_an_older_backup_people_can_halt_and_release_again(self):
        self.started("gate")
        self.give("halt", "other-1")
        self.until(self.refused("other-1"), "halted")
        backup = self.control.read_bytes()
        self.give("release", "other-1")
        self.until(self.passes("other-1"), "released")
        self.file("next", backup)
        os.rename(self.dir / "next", self.control)
        self.assertIn("published", self.give("halt", "other-1"))  # the log says that it is halted: the gate knows better
        self.until(self.refused("other-1"), "halted again")

    def test_of_many_people_at_once_every_one_is_heard(self):
        self.started("gate")
        agents = [f"crowd-{i}" for i in range(32)]
        with concurrent.futures.ThreadPoolExecutor(16) as crowd:
            said = list(crowd.map(lambda agent: self.give("halt", agent), agents))
        self.assertTrue(all("published" in words for words in said), said)
        for agent in agents:
            self.until(self.refused(agent), f"{agent} is refused")
        trail = self.dir / "state/audit-operator.ndjson"
        self.assertEqual(len(trail.read_bytes().splitlines()), len(agents), "each is on record")
        verified = run("audit", "verify", trail, "--trusted", self.dir / "keys.json")
        self.assertEqual(verified.code, DONE, verified)


if __name__ == "__main__":
    unittest.main()
