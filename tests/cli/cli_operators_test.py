# SPDX-License-Identifier: Apache-2.0
"""What a person commanded, in a replay."""
import json
import signal
import subprocess

import program
from program import DONE, UNUSABLE, event, lines, run

AGENT = {"id": "watched-halt-1", "trust": "verified"}
SCOPE = "agent:default/watched-halt-1"


def command(word="release", **changes):
    """A command as a context log holds it."""
    return json.dumps({"v": 1, "kind": "command", "command": word, "scope": SCOPE, "reason": "a wrong list", "by": "ada", "approver": "",
                       "ticket": "SOC-7", **changes})


def placed(after, record):
    return {"partition": 0, "after": after, "record": record}


PERSONA = """schema: ringfence/persona/v1
id: watched-halt
version: "1"
job: Reads the wiki.
owner: {team: desk, contact: desk@corp.example}
confidence: reviewed
applies_to: {agents: ["watched-halt-*"]}
actions:
  - {id: read, tools: ["wiki/get"], effect: read}
destinations: {external: any}
response: {mode: enforce, undeclared: {default: halt}}
"""


class Releases(program.Case):
    def setUp(self):
        super().setUp()
        self.personas = self.dir / "personas"
        self.file("personas/watched.yaml", PERSONA)

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
                    with subprocess.Popen([program.BINARY, *map(str, words), "--transcript", "--speed", "60x"], stderr=subprocess.PIPE) as process:
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


if __name__ == "__main__":
    program.unittest.main()
