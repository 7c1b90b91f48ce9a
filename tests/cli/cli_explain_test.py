# SPDX-License-Identifier: Apache-2.0
"""`explain` and `state show`: the arithmetic behind a finding and behind what stands for an agent."""
import json
import re
import unittest

import program
from program import DONE, PERSONAS, UNUSABLE, event, lines, run


class Explanations(program.Case):
    def test_explain(self):
        persona = program.SOURCE / "config/personas"
        story = (persona / "tests/code-guessed-commits.ndjson").read_bytes()
        self.replay("--state", self.dir / "state", personas=persona, stdin=story)
        guessing = [f for f in self.left("findings") if f["finding_info"]["analytic"]["uid"].startswith("barrier.")]
        agent = json.loads(story.splitlines()[0])["agent"]["id"]
        tenant = json.loads(story.splitlines()[0]).get("tenant", "default")
        for words in (["--finding", self.dir / "findings", "--uid", guessing[0]["finding_info"]["uid"]],
                      ["--agent", agent, "--tenant", tenant, "--state", self.dir / "state", "--personas", persona]):
            with self.subTest(words=words):
                table = run("explain", *words)
                self.assertEqual((table.code, table.err), (DONE, b""), table)
                self.assertIn("ln", table.out.decode())
                self.assertEqual(run("explain", *words, "--json").code, DONE)
                json.loads(run("explain", *words, "--json").out)
        halted = next(f["finding_info"]["uid"] for f in reversed(guessing) if f["metadata"]["event_code"] == "halt")
        alone = run("explain", "--finding", self.dir / "findings", "--uid", halted, "--json")
        differ = json.loads(alone.out)["would_differ"]
        self.assertTrue(any(one.endswith((", throttle", ", alert")) for one in differ), alone)
        self.assertTrue(differ[-1].endswith(", no finding"), alone)
        self.assertIn("What would have to differ:", run("explain", "--finding", self.dir / "findings", "--uid", halted).out.decode())
        shown = run("state", "show", agent, "--tenant", tenant, "--state", self.dir / "state", "--json")
        self.assertEqual((shown.code, json.loads(shown.out)["level"]), (DONE, "halt"), shown)
        for words in (["explain", "--finding", self.dir / "verdicts"], ["explain", "--finding", self.dir], ["explain", "--finding", self.dir / "findings", "--uid", "no"],
                      ["explain", "--agent", "nobody", "--state", self.dir / "state", "--personas", persona],
                      ["state", "show", "nobody", "--state", self.dir / "state"], ["state", "show", agent, "--state", self.dir / "nothing"]):
            with self.subTest(words=words):
                ended = run(*words)
                self.assertEqual((ended.code, ended.out), (UNUSABLE, b""), ended)
        self.assertFalse((self.dir / "nothing").exists(), "looking makes no state")

    def test_explain_takes_no_thresholds_from_a_persona_that_was_changed_afterwards(self):
        own = self.file("own/watched.yaml", program.WATCHED).parent
        changed = self.file("changed/watched.yaml", program.WATCHED.replace("Reads the wiki.", "Reads the wiki and more.")).parent
        other = self.file("other/watched.yaml", program.WATCHED.replace('version: "1"', 'version: "2"')).parent
        self.replay(personas=own, stdin=lines(event(1, tool={"server": "wiki", "name": "delete"})))
        words = ("explain", "--finding", self.dir / "findings", "--json")
        alone = run(*words)
        for personas, said in ((own, b""), (other, b"explain: warning: no persona watched@1 is among the files given: its thresholds are not used\n"),
                               (changed, b"explain: warning: watched.yaml: watched@1 is not as the finding was made under it: the file or a list that it "
                                         b"names has changed (SHA-256 ")):
            with self.subTest(personas=personas):
                told = run(*words, "--personas", personas)
                self.assertEqual((told.code, told.out), (DONE, alone.out), told)
                self.assertTrue(told.err.startswith(said) and bool(told.err) == bool(said), told)

    def test_state_show_says_what_flow_had_no_room_to_remember(self):
        self.file("jobs/clerk.yaml", program.WATCHED.replace("actions:\n", 'actions:\n  - {id: send, tools: ["mail/send"], effect: send}\n'))
        read, send = event(1, result=[f"value-{n}" for n in range(3000)]), event(2, tool={"server": "mail", "name": "send"}, args={"to": "value-1"})
        ended = self.replay("--state", self.dir / "state", "-", personas=self.dir / "jobs", stdin=lines(read, send))
        self.assertEqual(ended.code, DONE, ended)
        words = ["state", "show", "watched-alert-1", "--state", self.dir / "state"]
        told = json.loads(run(*words, "--json").out)["flow"][0]
        self.assertEqual((told["session"], told["calls"], told["results"], sum(told["classes"].values())), ("s-1", 2, 1, 1), told)
        self.assertGreater(told["lost_records"], 900)
        self.assertEqual((told["lost_orders"], told["lost_values"], told["lost_task_words"]), (0, 0, 0))
        self.assertIn(f"lost_records {told['lost_records']}", run(*words).out.decode())

    def test_explain_of_a_declared_break_names_its_acts(self):
        undeclared = {"tool": {"server": "wiki", "name": "delete"}}
        self.replay(stdin=lines(*(event(i, **undeclared) for i in range(1, 12))))
        uid = self.left("findings")[0]["finding_info"]["uid"]
        said = run("explain", "--finding", self.dir / "findings", "--uid", uid).out.decode()
        acts = re.findall(r"^act +(\S+)  wiki/delete  (\S+)$", said, re.MULTILINE)
        self.assertEqual(acts[0], ("2026-11-18T08:00:01Z", "c-1"), said)
        self.assertRegex(said, r"What would have to differ:\n- without (this act|any of the \d+ acts that it counts): no finding, as of this record\n")
        self.assertEqual(json.loads(run("explain", "--finding", self.dir / "findings", "--uid", uid, "--json").out)["acts"][0]["event"], "c-1")

    def test_explain_of_an_agent_without_a_finding(self):
        self.replay("--state", self.dir / "state", stdin=lines(event(1), event(2)))
        words = ["explain", "--agent", "watched-alert-1", "--state", self.dir / "state", "--personas", PERSONAS]
        table = run(*words)
        self.assertEqual((table.code, table.err), (DONE, b""), table)
        for landmark in ("level      observe", "nothing stands against it", "next       alert at", "\nagent ", "\nsession s-1 "):
            self.assertIn(landmark, table.out.decode())
        said = json.loads(run(*words, "--json").out)
        self.assertEqual([scope["scope"] for scope in said["scopes"]], ["agent", "session s-1"])
        self.assertTrue(all(scope["level"] == "observe" and 0 < scope["score"] < 1e3 for scope in said["scopes"]), said)


if __name__ == "__main__":
    unittest.main()
