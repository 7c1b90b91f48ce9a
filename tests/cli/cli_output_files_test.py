# SPDX-License-Identifier: Apache-2.0
"""Whatever files are named, a run destroys none: no input, no output of an earlier run, nothing that was moved away."""
import json
import os
import shutil

import program
from program import DONE, UNUSABLE, WATCHED, event, lines, run

OUTPUTS = ("--findings", "--verdicts", "--dead-letter", "--control")


def halts(first, count):
    return lines(*(event(n, agent={"id": f"watched-halt-{n}", "trust": "verified"}, tool={"server": "wiki", "name": "delete"})
                   for n in range(first, first + count)))


class Replays(program.Case):
    def setUp(self):
        super().setUp()
        self.file("personas/watched.yaml", WATCHED)
        # Without a last line feed: whoever opens it as an output cuts that line off.
        self.input = self.file("in.ndjson", halts(1, 3).rstrip(b"\n"))

    def replay(self, *words, **rest):
        return run("replay", "--personas", self.dir / "personas", *words, **rest)

    def refused(self, *words, **rest):
        before = self.input.read_bytes()
        ended = self.replay(*words, **rest)
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertEqual(self.input.read_bytes(), before)
        return ended.err

    def test_an_output_that_is_an_input_is_refused_by_every_name(self):
        os.link(self.input, self.dir / "hard")
        (self.dir / "soft").symlink_to("in.ndjson")
        for option in OUTPUTS:
            for name in ("in.ndjson", "./in.ndjson", "hard", "soft"):
                with self.subTest(option=option, name=name):
                    error = self.refused(option, f"{self.dir}/{name}", self.input)
                    self.assertIn(f"{option} {self.dir}/{name} is the input {self.input}".encode(), error)

    def test_standard_input_and_a_context_log_are_inputs_too(self):
        with open(self.input, "rb") as stdin:
            ended = program.subprocess.run([program.BINARY, "replay", "--personas", self.dir / "personas", "--findings", self.input], stdin=stdin,
                                           capture_output=True, check=False)
        self.assertEqual(ended.returncode, UNUSABLE, ended)
        self.assertEqual(self.input.read_bytes().count(b"\n"), 2)
        context = self.file("context", b"")
        self.assertIn(b"is the context log", self.refused("--verdicts", context, "--context", context, self.input))

    def test_what_it_judges_by_is_an_input_too(self):
        kept = {self.dir / "personas/watched.yaml": WATCHED, self.dir / "personas/lists/known.txt": "c-1\n", self.dir / "elsewhere/known.txt": "c-2\n",
                self.dir / "personas/team/tests/story.ndjson": "{}\n"}
        for path, text in kept.items():
            self.file(path.relative_to(self.dir), text)
        for path, text in kept.items():
            with self.subTest(path):
                words = ("--lists", self.dir / "elsewhere") if path.parent.name == "elsewhere" else ()
                self.assertIn(f"--findings {path} is the ".encode(), self.refused("--findings", path, *words, self.input))
                self.assertEqual(path.read_text(), text)
        self.assertEqual(self.replay("--state", self.dir / "state", "--findings", self.dir / "state/findings", self.input).code, DONE)
        current = (self.dir / "state/CURRENT").read_bytes()
        self.assertIn(b"state's own file", self.refused("--state", self.dir / "state", "--findings", self.dir / "state/CURRENT", self.input))
        self.assertEqual((self.dir / "state/CURRENT").read_bytes(), current)
        self.assertEqual(self.replay("--state", self.dir / "state", "--findings", self.dir / "state/findings", self.input).code, DONE, "its own again")

    def test_a_report_and_a_draft_destroy_nothing_that_they_are_made_from(self):
        persona, findings = self.dir / "personas/watched.yaml", self.dir / "findings"
        other = self.file("other", lines(event(1, agent={"id": "nobody-1", "trust": "verified"})))
        self.assertEqual(self.replay("--findings", findings, "--state", self.dir / "state", self.input, other).code, DONE)
        kept = {path: path.read_bytes() for path in (persona, findings, self.input)}
        report = ("report", findings, "--personas", persona.parent, "--events", self.input, "-o")
        draft = ("explain", "--agent", "nobody-1", "--state", self.dir / "state", "--personas", persona.parent, "--draft")
        for command, output in ((report, findings), (report, self.input), (report, persona), (draft, persona), (draft, self.dir / "state/CURRENT")):
            with self.subTest(command=command[0], output=output):
                ended = run(*command, output)
                self.assertEqual(ended.code, UNUSABLE, ended)
                self.assertIn(b"it would be destroyed", ended.err)
        self.assertEqual({path: path.read_bytes() for path in kept}, kept)
        for command in (report, draft):
            for _ in range(2):
                ended = run(*command, self.dir / f"new-{command[0]}")
                self.assertEqual(ended.code, DONE, ended)

    def test_two_outputs_are_two_files(self):
        error = self.refused("--findings", self.dir / "out", "--verdicts", f"{self.dir}/./out", self.input)
        self.assertIn(b"--verdicts", error)
        self.assertIn(b"is the file of --findings", error)
        self.assertFalse((self.dir / "out").exists())
        self.assertEqual(self.replay("--findings", "-", "--verdicts", "-", self.input).code, DONE)
        self.assertEqual(self.replay("--findings", "/dev/null", "--verdicts", "/dev/null", self.input).code, DONE)


class Lists(program.Case):
    """Lists may lie elsewhere for every command that judges by personas, as they may for a replay."""

    def test_each_command_takes_them_from_where_they_are(self):
        story = "tests:\n  - name: an ordinary call stays silent\n    events: ordinary.ndjson\n    expect: {findings: []}\n"
        persona = self.file("personas/watched.yaml", WATCHED.replace("{external: any}", "{external: any, accounts: {list: known}}") + story)
        self.file("personas/ordinary.ndjson", lines(event(1, agent={"id": "watched-halt-1", "trust": "verified"})))
        self.file("elsewhere/known.txt", "c-1\n")
        lists = ("--lists", self.dir / "elsewhere")
        state = self.dir / "state"
        self.assertEqual(run("replay", "--personas", persona.parent, *lists, "--state", state, "--findings", self.dir / "findings", stdin=halts(1, 1)).code, DONE)
        agent = ("explain", "--agent", "watched-halt-1", "--state", state, "--personas", persona.parent)
        finding = ("explain", "--finding", self.dir / "findings", "--personas", persona.parent)
        report = ("report", self.dir / "findings", "-o", self.dir / "page.html", "--personas", persona.parent)
        for command in (agent, finding, report, ("test", persona.parent)):
            with self.subTest(command=command[:2]):
                if command is not finding:  # which says all it can without
                    self.assertNotEqual(run(*command).code, DONE)
                ended = run(*command, *lists)
                self.assertEqual(ended.code, DONE, ended)
        self.assertIn("Reads the wiki.", (self.dir / "page.html").read_text())
        (self.dir / "page.html").unlink()
        self.assertEqual(run("report", self.dir / "findings", "-o", self.dir / "page.html", "--personas", persona, *lists).code, DONE)
        self.assertIn("job: Reads the wiki.", (self.dir / "page.html").read_text(), "of a single file too")


class Services(program.Case):
    def setUp(self):
        super().setUp()
        self.file("personas/watched.yaml", WATCHED)
        self.state = self.dir / "state"

    def serve(self, *files, **outputs):
        names = {name: f"file:{self.dir / outputs.get(name, name)}" for name in ("findings", "control", "dead_letter", "audit")}
        config = self.file("settings.yaml", json.dumps({
            "input": {"kind": "file", "files": [str(self.dir / f) for f in files]}, "personas": {"directory": str(self.dir / "personas")},
            "state": {"directory": str(self.state)}, "outputs": names, "control": {"key_file": str(self.dir / "control.key")},
            "http": {"listen": "127.0.0.1:0"}, "gate": {"name": "edge", "listen": "127.0.0.1:0", "state": str(self.dir / "gate"),
                                                         "keys_file": str(self.dir / "trusted.json"), "acks": f"file:{self.dir / 'acks'}"}}))
        return run("run", "--config", config)

    def halted(self, name="findings"):
        found = [f for f in self.left(name) if f["finding_info"]["analytic"]["uid"] == "scope.undeclared"]
        return [f["evidences"][0]["uid"] for f in found]

    def test_findings_outlive_a_state_that_was_lost(self):
        self.file("one", halts(1, 3))
        self.file("two", halts(4, 2))
        self.assertEqual(self.serve("one").code, DONE)
        shutil.rmtree(self.state)
        self.assertEqual(self.serve("two").code, DONE)
        self.assertEqual(self.halted(), ["c-1", "c-2", "c-3", "c-4", "c-5"])

    def test_findings_that_were_moved_away_are_begun_anew(self):
        self.file("one", halts(1, 3))
        self.file("two", halts(4, 2))
        self.assertEqual(self.serve("one").code, DONE)
        (self.dir / "findings").rename(self.dir / "findings.1")
        ended = self.serve("two")
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual(self.halted("findings.1"), ["c-1", "c-2", "c-3"])
        self.assertEqual(self.halted(), ["c-4", "c-5"])
        self.file("three", halts(6, 1))
        self.assertEqual(self.serve("three").code, DONE)
        self.assertEqual(self.halted(), ["c-4", "c-5", "c-6"])

    def test_a_file_that_lost_its_end_is_still_an_error(self):
        self.file("one", halts(1, 3))
        self.file("two", halts(4, 2))
        self.assertEqual(self.serve("one").code, DONE)
        os.truncate(self.dir / "findings", 0)
        ended = self.serve("two")
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(b"part of it is lost", ended.err)

    def test_an_output_that_is_an_input_or_another_output_is_refused(self):
        self.file("one", halts(1, 3))
        for output, clash in ({"findings": "one"}, b"outputs.findings"), ({"dead_letter": "findings"}, b"outputs.dead_letter"), \
                ({"audit": "control"}, b"outputs.audit"), ({"control": "control.key"}, b"signing key"):
            with self.subTest(clash=clash):
                (self.dir / "control.key").unlink(missing_ok=True)
                self.file("control.key", b"")
                (self.dir / "control.key").chmod(0o600)
                ended = self.serve("one", **output)
                self.assertEqual(ended.code, UNUSABLE, ended)
                self.assertIn(clash, ended.err)
                self.assertEqual((self.dir / "one").read_bytes(), halts(1, 3))

    def test_what_it_is_set_up_by_is_an_input_too(self):
        self.file("one", halts(1, 3))
        kept = {name: self.file(name, text).read_bytes() for name, text in
                (("trusted.json", '{"keys":[]}'), ("personas/lists/known.txt", "c-1\n"), ("personas/watched.yaml", WATCHED), ("state/commands.ndjson", ""))}
        for name, words in (("trusted.json", b"file of trusted keys"), ("settings.yaml", b"settings file"), ("personas/lists/known.txt", b"persona set's file"),
                            ("personas/watched.yaml", b"persona set's file"), ("state/commands.ndjson", b"file of commands")):
            for output in "findings", "audit":
                with self.subTest(name=name, output=output):
                    ended = self.serve("one", **{output: name})
                    self.assertEqual(ended.code, UNUSABLE, ended)
                    self.assertIn(words, ended.err)
        self.assertEqual({name: (self.dir / name).read_bytes() for name in kept}, kept)
        self.assertEqual(json.loads((self.dir / "settings.yaml").read_text())["input"]["kind"], "file")


if __name__ == "__main__":
    program.unittest.main()
