# SPDX-License-Identifier: Apache-2.0
"""What a person commands: releases in a replay, and the commands that sign and put them on record."""
import json
import signal
import subprocess
import time

import program
from program import DONE, UNUSABLE, WATCHED, event, lines, run

AGENT = {"id": "watched-halt-1", "trust": "verified"}
SCOPE = "agent:default/watched-halt-1"


def command(word="release", **changes):
    """A command as a context log holds it."""
    return json.dumps({"v": 1, "kind": "command", "command": word, "scope": SCOPE, "reason": "a wrong list", "by": "ada", "approver": "",
                       "ticket": "SOC-7", **changes})


def placed(after, record):
    return {"partition": 0, "after": after, "record": record}


class Releases(program.Case):
    def setUp(self):
        super().setUp()
        self.personas = self.dir / "personas"
        self.file("personas/watched.yaml", WATCHED)

    def call(self, number, tool="get", **rest):
        return event(number, agent=AGENT, tool={"server": "wiki", "name": tool}, **rest)

    def story(self, pause):
        """Halted at 5, and once more at 25; an hour passes ahead of call `pause`."""
        return [self.call(i, "delete" if i in (5, 25) else "get", time=f"2026-11-18T{8 + (i >= pause):02}:00:{i:02}Z") for i in range(40)]

    def judged(self, name, context, *words, pause=20):
        where = self.dir / name
        where.mkdir(exist_ok=True)
        command = ["replay", "--personas", self.personas, "--findings", where / "findings", "--verdicts", where / "verdicts", "--control",
                   where / "control", "--state", where / "state", "--context", self.file("context", lines(*context)), *words,
                   self.file("in.ndjson", lines(*self.story(pause)))]
        return where, command

    def bytes_of(self, where):
        return {name: (where / name).read_bytes() for name in ("findings", "verdicts", "control")}

    CONTEXT = [placed(15, command()), placed(15, command("approve")), placed(33, command("halt")), placed(36, command())]

    def test_a_released_agent_is_judged_from_zero(self):
        where, words = self.judged("straight", self.CONTEXT)
        ended = run(*words)
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"release of agent:default/watched-halt-1 by ada: done", ended.err)
        levels = [json.loads(line)["level"] for line in (where / "verdicts").read_text().splitlines()]
        self.assertEqual(levels, ["observe"] * 5 + ["halt"] * 11 + ["observe"] * 9 + ["halt"] * 12 + ["observe"] * 3)
        records = [next(iter(json.loads(line)["events"].values())) for line in (where / "control").read_text().splitlines()]
        self.assertEqual([(r["epoch"], r["state"]) for r in records], [(1, "contained"), (2, "released"), (3, "contained"), (4, "released")])
        self.assertEqual((records[1]["approver"], records[1]["reason"], records[1]["release"]), ("ada", "a wrong list", "manual"))
        closed = [f for f in map(json.loads, (where / "findings").read_text().splitlines()) if f["activity_id"] == 3]
        self.assertEqual([f["status_detail"] for f in closed], ["released", "released"])
        self.assertIn("Released by ada: a wrong list (SOC-7)", json.dumps(closed))

    def test_the_same_over_three_shards(self):
        where, words = self.judged("straight", self.CONTEXT)
        self.assertEqual(run(*words).code, DONE)
        whole = self.bytes_of(where)
        where, words = self.judged("shards", self.CONTEXT, "--shards", "3")
        self.assertEqual(run(*words).code, DONE)
        self.assertEqual(self.bytes_of(where), whole)

    def test_the_same_when_killed_and_continued(self):
        # Killed when so many lines were told: ahead of a command, behind it, and behind several. It waits an hour at `pause`.
        for pause, kills in ((20, (1,)), (20, (2,)), (20, (1, 2)), (20, (2, 1)), (38, (4,)), (38, (6,)), (38, (5, 1)), (38, (2, 4))):
            with self.subTest(pause=pause, kills=kills):
                name = f"{pause}-" + "-".join(map(str, kills))
                where, words = self.judged("straight-" + name, self.CONTEXT, pause=pause)
                self.assertEqual(run(*words).code, DONE)
                whole = self.bytes_of(where)
                where, words = self.judged("killed-" + name, self.CONTEXT, pause=pause)
                for told in kills:
                    with program.Running(*words, "--transcript", "--speed", "60x", stderr=subprocess.PIPE) as process:
                        for _ in range(told):
                            self.assertTrue(process.stderr.readline())
                        process.send_signal(signal.SIGKILL)
                self.assertEqual(run(*words).code, DONE)
                self.assertEqual(self.bytes_of(where), whole)

    def test_what_is_no_command_is_refused_with_the_log(self):
        for bad in (command("free"), command(reason=" "), command(by=""), command(scope="watched-halt-1"), command(reason="x" * 2000), command(by=7)):
            with self.subTest(bad=bad[:80]):
                _, words = self.judged("bad", [placed(15, bad)])
                ended = run(*words)
                self.assertEqual(ended.code, UNUSABLE, ended)
                self.assertIn(b"context:1: command: ", ended.err)


class Commands(program.Case):
    """Without Kafka, and no service running: what a person halts is on the control file, signed as the writer operator."""
    WORDS = ("--reason", "strange payments", "--by", "ada")

    def setUp(self):
        super().setUp()
        self.key = self.dir / "control.key"
        self.assertEqual(run("keys", "generate", self.key).code, DONE)
        self.file("control", b"")
        self.file("personas/watched.yaml", WATCHED)
        self.config = self.settings("stdin")

    def settings(self, kind):
        return self.file("settings.yaml", json.dumps({
            "input": {"kind": kind}, "personas": {"directory": str(self.dir / "personas")}, "state": {"directory": str(self.dir / "state")},
            "outputs": {name: f"file:{self.dir / name}" for name in ("findings", "control", "dead_letter")},
            "control": {"key_file": str(self.key)}, "gate": {"keys_file": str(self.dir / "pinned.json")}, "http": {"listen": "127.0.0.1:0"}}))

    def board(self):
        """Writer, state and epoch of what stands; epochs of people begin at the clock's milliseconds."""
        return [(row["writer"], row["state"], row["epoch"]) for row in json.loads(run("status", "--config", self.config, "--json").out)]

    def give(self, word, *more, scope=SCOPE, words=WORDS):
        return run(word, scope, *words, "--config", self.config, *more)

    def test_halted_and_released_by_people(self):
        before = int(time.time() * 1000)
        self.assertEqual(self.give("halt").code, DONE)
        (writer, state, first), = self.board()
        self.assertEqual((writer, state), ("operator", "contained"))
        self.assertGreaterEqual(first, before, "above whatever a gate may remember")
        self.expect_recorded(self.give("halt"))
        self.assertEqual(self.board(), [("operator", "contained", first)], "halted already")
        self.assertIn(b"published by the writer operator; recorded in ", self.give("release").out)
        (writer, state, second), = self.board()
        self.assertEqual((writer, state), ("operator", "released"))
        self.assertGreater(second, first)
        self.expect_recorded(self.give("release"))
        self.expect_recorded(self.give("approve"))
        self.assertEqual(self.give("halt").code, DONE)
        (writer, state, third), = self.board()
        self.assertEqual((writer, state), ("operator", "contained"))
        self.assertGreater(third, second)

    def test_a_new_key_takes_over_what_people_have_halted_before_the_former_one_goes(self):
        def public(key):
            return run("keys", "show", key, "--writer", "operator").out

        scopes = {SCOPE, "agent:default/watched-halt-2", "agent:default/watched-halt-3"}
        former = self.file("pinned.json", public(self.key)).read_bytes()
        for each in scopes:
            self.assertEqual(self.give("halt", scope=each).code, DONE)
        self.key = self.dir / "next.key"
        self.assertEqual(run("keys", "generate", self.key).code, DONE)
        both = run("keys", "merge", self.file("former.json", former), self.file("next.json", public(self.key)))
        self.file("pinned.json", both.out)
        self.settings("stdin")
        self.assertIn(b"published by the writer operator", self.give("halt").out, "it stands under the former key")
        self.file("pinned.json", public(self.key))
        rows = json.loads(run("status", "--config", self.config, "--json").out)
        self.assertEqual({row["scope"] for row in rows if row["state"] == "contained"}, scopes)
        self.assertEqual(len({row["kid"] for row in rows}), 1)

    def test_a_new_key_takes_over_with_any_command(self):
        def public(key):
            return run("keys", "show", key, "--writer", "operator").out

        former = self.file("former.json", public(self.key)).read_bytes()
        kid = json.loads(former)["keys"][0]["kid"].encode()
        self.file("pinned.json", former)
        self.assertEqual(self.give("halt").code, DONE)
        self.assertIn(b"1 by operator under key " + kid, run("status", "--config", self.config).out)
        for word in ("release", "approve", "purge"):
            with self.subTest(word=word):
                self.key = self.dir / f"{word}.key"
                self.assertEqual(run("keys", "generate", self.key).code, DONE)
                next_one = self.file("next.json", public(self.key))
                self.file("pinned.json", run("keys", "merge", self.file("former.json", former), next_one).out)
                former = next_one.read_bytes()
                self.settings("stdin")
                if word == "purge":
                    ended = run("state", "purge", "agent:default/watched-halt-8", *self.WORDS, "--config", self.config)
                else:
                    ended = self.give(word, scope="agent:default/watched-halt-8")
                self.assertEqual(ended.code, DONE, ended)
                kid = json.loads(former)["keys"][0]["kid"].encode()
                self.assertIn(b"1 by operator under key " + kid, run("status", "--config", self.config).out)
                self.file("pinned.json", former)
                self.assertEqual([row[:2] for row in self.board()], [("operator", "contained")], "the former key is withdrawn")

    def row(self):
        """The scope's line of the table from its finding on, and the row as JSON."""
        line = run("status", "--config", self.config).out.decode().splitlines()[1]
        return line[115:], json.loads(run("status", "--config", self.config, "--json").out)[0]

    def test_status_names_the_person_where_no_finding_stands(self):
        self.assertEqual(self.give("halt").code, DONE)
        line, row = self.row()
        self.assertTrue(line.startswith("by ada "), line)
        self.assertEqual((row["by"], row["approver"]), ("ada", "ada"))
        self.assertRegex(row["finding"], "^op-[0-9a-f]{16}$", "what reads the JSON finds the same as before")
        self.assertEqual(self.give("release", "--approver", "grace").code, DONE)
        line, row = self.row()
        self.assertTrue(line.startswith("approved by grace "), line)
        self.assertNotIn("by", row, "the record has the approver's name only")
        evil = "ada\x1b[2J"
        self.assertEqual(self.give("halt", words=("--reason", "r", "--by", evil)).code, DONE)
        self.assertNotIn("\x1b", self.row()[0])

    def expect_recorded(self, ended):
        self.assertEqual(ended.code, DONE, ended)
        self.assertNotIn(b"published", ended.out)
        self.assertIn(b"/state/commands.ndjson: no service is running, the next start takes it", ended.out)

    def test_where_an_engine_over_kafka_has_no_context_topic_people_free_only_what_people_halted(self):
        self.settings("kafka")
        self.assertEqual(self.give("approve").code, UNUSABLE)
        self.assertEqual(self.give("halt").code, DONE)
        self.assertIn(b"halted by an operator already", self.give("halt").err)
        self.assertEqual(self.give("release").code, DONE)
        ended = self.give("release")
        self.assertEqual(ended.code, UNUSABLE)
        self.assertIn(b"no operator has halted this scope, and an engine over Kafka takes commands from the context topic only", ended.err)
        self.assertFalse((self.dir / "state/commands.ndjson").exists())

    def test_how_far_their_trail_has_come_is_noted_where_no_engine_has_made_the_directory(self):
        settings = json.loads(self.settings("kafka").read_text())
        settings["outputs"]["audit"] = f"file:{self.dir / 'trail.ndjson'}"
        self.file("settings.yaml", json.dumps(settings))
        for scope in ("agent:default/a", "agent:default/b"):
            self.assertEqual(self.give("halt", scope=scope).code, DONE)
        trail = self.dir / "trail-operator.ndjson"
        trail.write_bytes(b"".join(trail.read_bytes().splitlines(keepends=True)[:-1]))
        ended = self.give("halt", scope="agent:default/c")
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"record 2 of the chain, which was stored, is not there", ended.err)
        settings["state"]["directory"] = str(self.file("no-directory", b"") / "state")
        self.file("settings.yaml", json.dumps(settings))
        ended = self.give("halt", scope="agent:default/d")
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"audit-operator.note cannot be written", ended.err)

    def test_tier_four_and_wider_scopes_take_two(self):
        self.file("personas/watched.yaml", WATCHED.replace("confidence:", "tier: 4\nconfidence:"))
        for scope in (SCOPE, "subtree:corp/chief", "tenant:corp/corp"):
            with self.subTest(scope=scope):
                self.assertEqual(self.give("halt", scope=scope).code, DONE)
                grace = ("--reason", "looked into", "--by", "grace")
                self.assertIn(b"--approver other than", self.give("release", scope=scope, words=grace).err)
                self.assertIn(b"--approver other than", self.give("release", "--approver", "grace", scope=scope, words=grace).err)
                self.assertIn(b"who halted cannot", self.give("release", "--approver", "ada", scope=scope, words=grace).err)
                self.assertEqual(self.give("release", "--approver", "edsger", scope=scope, words=grace).code, DONE)

    def test_refused(self):
        for words in (("--by", "ada"), ("--reason", "x"), ("--reason", " ", "--by", "ada"), ("--reason", "x" * 2000, "--by", "ada")):
            self.assertEqual(self.give("halt", words=words).code, UNUSABLE, words)
        for scope in ("watched-halt-1", "agent:x", "agent:default/a/b", "\x1b[2J"):
            self.assertEqual(self.give("halt", scope=scope).code, UNUSABLE, scope)
        self.assertEqual(self.board(), [])

    def test_only_a_key_that_may_speak_as_operator(self):
        self.file("pinned.json", run("keys", "show", self.key, "--writer", "engine-*").out)
        ended = self.give("halt")
        self.assertEqual(ended.code, UNUSABLE)
        self.assertIn(b"may not speak as operator", ended.err)
        self.file("pinned.json", run("keys", "show", self.key, "--writer", "operator").out)
        self.assertEqual(self.give("halt").code, DONE)
        self.key.chmod(0o644)
        self.assertEqual(self.give("release").code, UNUSABLE, "the key is open to others")

    def test_who_looks_trusts_what_gates_trust_and_needs_no_key(self):
        self.file("pinned.json", run("keys", "show", self.key, "--writer", "operator").out)
        self.assertEqual(self.give("halt").code, DONE)
        self.key.unlink()
        self.assertEqual([row[:2] for row in self.board()], [("operator", "contained")])
        self.file("pinned.json", b"no keys")
        self.assertEqual(run("status", "--config", self.config).code, UNUSABLE)

    def test_pinned_keys_that_cannot_be_read_end_a_start_and_a_command(self):
        pinned = run("keys", "show", self.key, "--writer", "engine-*", "--writer", "operator").out
        for damaged in (pinned[:-20], b"", b"no keys"):
            self.file("pinned.json", damaged)
            for ended in (run("run", "--config", self.config), self.give("halt")):
                self.assertEqual(ended.code, UNUSABLE, ended)
                self.assertIn(b"gate.keys_file", ended.err)
                self.assertIn(b"pinned.json", ended.err)
        self.assertEqual((self.dir / "control").read_bytes(), b"", "nobody has claimed anything meanwhile")
        self.file("pinned.json", pinned)
        self.assertEqual(run("run", "--config", self.config).code, DONE)

    def test_help_states_exit_codes(self):
        for word in ("halt", "approve", "release"):
            ended = run(word, "--help")
            self.assertEqual((ended.code, ended.err), (DONE, b""))
            self.assertIn(b"Exit codes", ended.out)


if __name__ == "__main__":
    program.unittest.main()
