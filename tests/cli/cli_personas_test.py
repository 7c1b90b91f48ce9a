# SPDX-License-Identifier: Apache-2.0
"""`validate` and `test`: what is said of personas, lists and settings."""
import json
import unittest

import program
from program import DONE, NO, PERSONAS, UNUSABLE, event, lines, run

PERSONA = (PERSONAS / "watched-alert.yaml").read_text()


class Personas(program.Case):
    def test_valid_and_not(self):
        self.assertEqual(run("validate", PERSONAS).code, DONE)
        bad = self.file("bad/one.yaml", PERSONA.replace("maturity: junior", "maturty: junior\ntier: 9"))
        ended = run("validate", bad.parent)
        self.assertEqual(ended.code, NO, ended)
        said = ended.out.decode()
        self.assertIn("one.yaml:7:", said)
        self.assertIn("maturity", said, "the nearest known key")
        self.assertIn("tier", said, "all errors in one pass")
        self.assertEqual(run("replay", "--personas", bad.parent).code, UNUSABLE)
        self.assertEqual(run("test", bad.parent).code, UNUSABLE)
        self.assertEqual(run("validate", self.dir / "missing").code, UNUSABLE)

    def test_blind_spots_stand_behind_the_lint(self):
        ended = run("validate", self.file("set/one.yaml", PERSONA).parent)
        said = ended.out.decode()
        self.assertEqual(ended.code, DONE, ended)
        self.assertLess(said.rfind("warning"), said.index("unseen/day"))
        self.assertIn("\n  guess ", said)
        as_json = run("validate", "--json", self.dir / "set", self.file("ringfence.yaml", "inputs: {}\n"))
        self.assertEqual((as_json.code, as_json.err), (NO, b""), as_json)
        valid, not_valid = map(json.loads, as_json.out.splitlines())
        self.assertTrue(valid["valid"])
        guess = next(t for t in valid["blind_spots"][0]["threats"] if t["threat"] == "guess")
        self.assertLess(guess["calls"]["alert"], guess["calls"]["halt"])
        self.assertFalse(not_valid["valid"])
        self.assertTrue(not_valid["diagnostics"])

    def test_an_exception_that_has_expired_is_told(self):
        match = '{id: %s, analytic: limit.hard, match: {tool: "*"}, reason: r, approved_by: b, expires: %s}'
        text = PERSONA + "exceptions:\n  - " + match % ("gone", "2020-01-31") + "\n  - " + match % ("good", "2199-01-01") + "\n"
        path = self.file("set/one.yaml", text)
        ended = run("validate", path.parent)
        self.assertEqual(ended.code, DONE, ended)
        line = text.splitlines().index("exceptions:") + 2
        told = [said for said in ended.out.decode().splitlines() if "expired" in said]
        self.assertEqual(told, [f"{path}:{line}:5: warning: exception 'gone' (r; approved by b) expired on 2020-01-31T23:59:59.999999999Z: it excuses nothing any more"])

    def test_what_has_no_effect_is_told_by_key(self):
        text = PERSONA.replace("response: {", "response: {analytics: {gate.stale: halt}, ") + "privacy: {keep_text: true}\n"
        self.assertNotEqual(text.count("gate.stale"), 0)
        said = run("validate", self.file("set/one.yaml", text).parent).out.decode()
        self.assertIn("warning: gate.stale is not about a job: its level here has no effect\n", said)
        self.assertIn("warning: keep_text: true keeps nothing more: only hashes of words are kept with either value\n", said)

    def test_one_bad_among_good_ones_is_none(self):
        self.file("set/good.yaml", PERSONA)
        self.file("set/bad.yaml", b"\xff\xfe: [")
        self.assertEqual(run("validate", self.dir / "set").code, NO)
        ended = run("replay", "--personas", self.dir / "set", stdin=lines(event(1)))
        self.assertEqual((ended.code, ended.out), (UNUSABLE, b""), ended)
        self.assertIn("bad.yaml", ended.err.decode())

    def test_nothing_is_raw_in_what_is_wrong_with_a_file(self):
        evil = '"\\e[2J\\u009b\\u202e": "\\e]0;x\\a"\n'
        ended = run("validate", self.file("set/one.yaml", PERSONA + evil + "tier: " + evil.split(": ")[1]).parent)
        self.assertEqual(ended.code, NO, ended)
        ended = run("validate", self.file("ringfence.yaml", evil + "input: {kind: " + evil.split(": ")[1].strip() + "}\n"))
        self.assertEqual(ended.code, NO, ended)

    def test_unreadable_among_good_ones(self):
        self.file("set/good.yaml", PERSONA)
        unreadable = self.file("set/unreadable.yaml", PERSONA)
        unreadable.unlink()
        unreadable.symlink_to(self.dir / "nowhere.yaml")
        ended = run("replay", "--personas", self.dir / "set", stdin=lines(event(1)))
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn("unreadable.yaml", ended.err.decode())

    def test_a_file_that_is_no_persona_is_named(self):
        notes = self.file("set/notes.txt", PERSONA)
        ended = run("validate", notes)
        self.assertEqual(ended.code, NO, ended)
        self.assertIn(f"{notes}: no persona file", ended.out.decode())

    def test_missing_list(self):
        self.file("set/payer.yaml", (PERSONAS / "payer.yaml").read_text())
        ended = run("validate", self.dir / "set")
        self.assertEqual(ended.code, NO, ended)
        self.assertIn("suppliers", ended.out.decode())
        self.assertEqual(run("replay", "--personas", self.dir / "set", "--lists", PERSONAS / "lists", stdin=b"").code, DONE)

    def test_tests_that_pass_and_fail(self):
        call = json.dumps(event(1))
        for level, code in (("observe", DONE), ("halt", NO)):
            self.file("set/one.yaml", PERSONA + f"tests:\n  - {{name: t, events: [{call}], expect: {{level: {level}}}}}\n")
            ended = run("test", self.dir / "set")
            self.assertEqual(ended.code, code, ended)
        self.assertIn("- level: halt\n  + level: observe", ended.out.decode())

    def test_schema_is_json(self):
        ended = run("validate", "--schema")
        self.assertEqual((ended.code, ended.err), (DONE, b""))
        self.assertIn("properties", json.loads(ended.out))

    def test_settings(self):
        self.assertEqual(run("validate", program.SOURCE / "config/ringfence.yaml").code, DONE)
        ended = run("validate", self.file("ringfence.yaml", "inputs: {}\n"))
        self.assertEqual(ended.code, NO, ended)
        self.assertIn("input", ended.out.decode())
        self.assertEqual(run("run", "--config", self.dir / "ringfence.yaml").code, UNUSABLE)


if __name__ == "__main__":
    unittest.main()
