# SPDX-License-Identifier: Apache-2.0
"""Containments that people and links put over agents: trees and users, in a replay, killed and continued, and live over files with a gate."""
import datetime
import json
import re
import signal
import subprocess
import unittest

import program
from program import DONE, WATCHED, event, free_port, lines, run

# Nothing halts by itself: who leads whom is not declared.
PERSONA = WATCHED.replace(", undeclared: {default: halt}", "")
TREE, USER = "subtree:default/chief", "user:default/u-1"


def call(number, agent, **rest):
    return event(number, agent={"id": agent, "trust": "verified"}, **rest)


def below_chief(number, agent, **rest):
    return call(number, agent, delegation={"parent": "chief", "root": "chief"}, **rest)


def for_user(number, agent, **rest):
    return call(number, agent, user={"id": "u-1"}, **rest)


def violations(findings):
    return [f for f in findings if f["finding_info"]["analytic"]["uid"] == "containment.violated"]


class Replays(program.Case):
    def placed(self, after, **record):
        return {"partition": 0, "after": after, "record": json.dumps({"v": 1, **record})}

    def command(self, after, word, by):
        return self.placed(after, kind="command", command=word, scope=TREE, reason="looked at", by=by, approver="", ticket="")

    def word(self, after, level, at, gates):
        return self.placed(after, kind="enforced", scope=USER, level=level, effective_at=at, skew_ms=0,
                           gates=[{"gate": gate, "applied_at": at} for gate in gates], writer="operator", finding="op-1")

    def story(self):
        """Two agents below the chief, the second from 10 on, and one of a user; an hour passes ahead of 20."""
        agents = [below_chief if i % 3 < 2 else for_user for i in range(40)]
        names = ["watched-1" if i % 3 == 0 or i < 10 else "watched-2" for i in range(40)]
        return [tell(i, "watched-3" if tell is for_user else names[i], time=f"2026-11-18T{8 + (i >= 20):02}:00:{i:02}Z")
                for i, tell in enumerate(agents)]

    def words(self, name, *more):
        self.file("personas/watched.yaml", PERSONA)
        at = int(datetime.datetime(2026, 11, 18, 8, tzinfo=datetime.timezone.utc).timestamp() * 1000)
        context = [self.command(3, "halt", "ada"), self.word(5, "halt", at, ["edge"]), self.command(30, "release", "grace"),
                   self.word(33, "observe", at + 3_700_000, [])]
        where = self.dir / name
        where.mkdir()
        return ["replay", "--personas", self.dir / "personas", "--findings", where / "findings", "--verdicts", where / "verdicts", "--control",
                where / "control", "--state", where / "state", "--context", self.file("context", lines(*context)), *more,
                self.file("in.ndjson", lines(*self.story()))]

    def bytes_of(self, name):
        return {kind: (self.dir / name / kind).read_bytes() for kind in ("findings", "verdicts", "control")}

    def test_members_are_stopped_and_freed_by_name_and_the_users_agent_is_found(self):
        ended = run(*self.words("straight"))
        self.assertEqual(ended.code, DONE, ended)
        records = [next(iter(json.loads(line)["events"].values())) for line in (self.dir / "straight/control").read_text().splitlines()]
        self.assertEqual([(r["scope"].split("/")[1], r["state"], r["epoch"]) for r in records],
                         [("watched-1", "contained", 1), ("watched-2", "contained", 1), ("watched-1", "released", 2), ("watched-2", "released", 2)])
        found = violations(self.left("straight/findings"))
        self.assertEqual([f["activity_id"] for f in found][:1] + [f["activity_id"] for f in found][-1:], [1, 3])
        self.assertEqual({f["unmapped"]["ringfence"]["agent"] for f in found}, {"watched-3"})
        self.assertEqual(len({f["finding_info"]["uid"] for f in found}), 1)

    def test_the_same_over_three_shards(self):
        self.assertEqual(run(*self.words("straight")).code, DONE)
        self.assertEqual(run(*self.words("shards", "--shards", "3")).code, DONE)
        self.assertEqual(self.bytes_of("shards"), self.bytes_of("straight"))

    def test_the_same_when_killed_and_continued(self):
        self.assertEqual(run(*self.words("straight")).code, DONE)
        for kills in ((1,), (2,), (3,), (1, 2)):
            with self.subTest(kills=kills):
                name = "killed-" + "-".join(map(str, kills))
                words = self.words(name)
                for told in kills:
                    with program.Running(*words, "--transcript", "--speed", "60x", stderr=subprocess.PIPE) as process:
                        for _ in range(told):
                            self.assertTrue(process.stderr.readline())
                        process.send_signal(signal.SIGKILL)
                self.assertEqual(run(*words).code, DONE)
                self.assertEqual(self.bytes_of(name), self.bytes_of("straight"))


class Live(program.Case):
    def setUp(self):
        super().setUp()
        key = self.dir / "control.key"
        run("keys", "generate", key)
        self.file("keys.json", run("keys", "show", key, "--writer", "engine-*", "--writer", "operator").out)
        self.file("personas/watched.yaml", PERSONA)
        self.file("control", b"")
        self.config = self.file("settings.yaml", f"""input: {{kind: stdin}}
personas: {{directory: {self.dir}/personas}}
state: {{directory: {self.dir}/state}}
control: {{key_file: {key}, gates: [edge], clock_skew: 0s}}
outputs: {{findings: "file:{self.dir}/findings", control: "file:{self.dir}/control", dead_letter: "file:{self.dir}/letters"}}
gate: {{name: edge, listen: "127.0.0.1:0", state: {self.dir}/gate, keys_file: {self.dir}/keys.json,
       acks: "file:{self.dir}/acks", subject: {{agent: "header:x-agent-id", user: "header:x-user"}}}}
http: {{listen: "127.0.0.1:{free_port()}"}}
""")

    def started(self, command):
        # Of the two on one machine the service has the endpoint that `top` asks.
        config = self.config if command == "run" else self.file("gate.yaml", re.sub('http: .*', 'http: {listen: "127.0.0.1:0"}', self.config.read_text()))
        return self.start(command, "--config", config, stdin=subprocess.PIPE)

    def give(self, word, scope):
        ended = run(word, scope, "--reason", "a test", "--by", "ada", "--approver", "grace", "--config", self.config)
        self.assertEqual(ended.code, DONE, ended)

    def row(self, scope):
        rows = [r for r in json.loads(run("status", "--config", self.config, "--trusted", self.dir / "keys.json", "--json").out) if r["scope"] == scope]
        return rows[0] if rows else {"state": None, "enforcement": None}

    def heard(self, scope):
        return lambda: (self.dir / "state/context.ndjson").exists() and scope in (self.dir / "state/context.ndjson").read_text()

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def test_people_stop_a_tree_and_a_user_and_every_step_is_seen(self):
        service = self.started("run")
        self.started("gate")
        for scope in (TREE, USER):
            self.give("halt", scope)
            self.until(lambda at=scope: self.row(at)["enforcement"] == "enforced", f"{scope} is in force")
            self.until(self.heard(scope), f"the engine knows of {scope}")
        records = [below_chief(1, "watched-1", time=self.now()), for_user(2, "watched-3", time=self.now())]
        service.stdin.write(lines(*records))
        service.stdin.flush()
        member = "agent:default/watched-1"
        self.until(lambda: self.row(member)["enforcement"] == "enforced", "the member is stopped at the gate")
        self.assertEqual(self.row(member)["finding"], self.row(TREE)["finding"])
        self.assertEqual(self.row(member)["writer"], "engine-files-0")
        self.assertIsNone(self.row("agent:default/watched-3")["state"])
        self.until(lambda: (self.dir / "findings").exists() and bool(violations(program.written(self.dir / "findings"))), "the user's agent is found")
        self.assertIn(USER, json.dumps(violations(self.left("findings"))[0]))
        view = json.loads(run("top", "--config", self.config, "--json").out)
        self.assertEqual({row["scope"]: row["state"] for row in view["contained"]}, dict.fromkeys((TREE, USER, member), "enforced"))
        self.assertEqual({row["agent"]: (row["level"], row["passed"]) for row in view["agents"]}, {"watched-1": ("halt", 0), "watched-3": ("halt", 1)})
        self.give("release", TREE)
        self.until(lambda: self.row(member)["enforcement"] == "released", "the member is free with its tree")
        self.give("release", USER)
        self.until(lambda: any(f["activity_id"] == 3 for f in violations(program.written(self.dir / "findings"))), "what its call had made of it is closed, though it calls no more")
        self.assertIn("Released by ada, approved by grace: a test", json.dumps(violations(self.left("findings"))[-1]))
        view = json.loads(run("top", "--config", self.config, "--json").out)
        self.assertNotIn("watched-3", [row["agent"] for row in view["agents"]])
        service.stdin.close()
        self.assertEqual(service.wait(60), DONE)
        self.assertEqual({f["unmapped"]["ringfence"]["agent"] for f in violations(self.left("findings"))}, {"watched-3"})


if __name__ == "__main__":
    unittest.main()
