# SPDX-License-Identifier: Apache-2.0
"""`report`: a page says what the records say, and of what it worked out itself how."""
import base64
import html
import json
import os
import pathlib
import re
import subprocess
import unittest

import program
from program import DONE, UNUSABLE, WATCHED, event, lines, run

AGENT = {"id": "watched-halt-1", "trust": "verified"}
RELEASE = {"partition": 0, "after": 15, "record": json.dumps({
    "v": 1, "kind": "command", "command": "release", "scope": "agent:default/watched-halt-1", "reason": "a wrong list", "by": "ada", "approver": "",
    "ticket": ""})}


class Page(str):
    """A report as its reader has it."""

    def part(self, name):
        """The text of what has this id, down to the next heading."""
        found = re.search(f'id="{name}"[^>]*>(.*?)(?=<h2|</main>)', self, re.DOTALL)
        return found and html.unescape(re.sub("<[^>]+>", " ", found[1]))

    def note(self, name):
        found = re.search(f'<p id="{name}"[^>]*>(.*?)</p>', self)
        return found and html.unescape(found[1])

    def calls(self):
        """Of each call its id, score and level."""
        table = re.search('id="calls".*?</table>', self, re.DOTALL)
        rows = [re.findall("<td[^>]*>(.*?)</td>", row) for row in re.findall("<tr.*?</tr>", table[0])[1:]] if table else []
        return {row[1]: (row[5], row[6]) for row in rows}

    def command(self):
        found = re.search('id="reproduce".*?<pre>(.*?)</pre>', self, re.DOTALL)
        return found and html.unescape(found[1])


class Reports(program.Case):
    def setUp(self):
        super().setUp()
        self.file("personas/watched.yaml", WATCHED)
        self.personas = self.dir / "personas"
        # Halted at call 5, which goes on behind it.
        self.events = self.file("in.ndjson", lines(*(event(i, agent=AGENT, tool={"server": "wiki", "name": "delete" if i == 5 else "get"})
                                                     for i in range(40))))

    def judged(self, *words, events=None, personas=None):
        ended = run("replay", "--personas", personas or self.personas, "--findings", self.dir / "findings", "--control", self.dir / "control", *words,
                    *(events or [self.events]))
        self.assertEqual(ended.code, DONE, ended)

    def uid(self, analytic):
        return next(f["finding_info"]["uid"] for f in self.left("findings") if f["finding_info"]["analytic"]["uid"] == analytic)

    def page(self, *words, events=None, personas=None, warned=b""):
        story = ["--events", *(events or [self.events])] if events != [] else []
        ended = run("report", self.dir / "findings", "--personas", personas or self.personas, *words, *story, "-o", "-", raw=True)
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(warned, ended.err)
        self.assertEqual(bool(warned), bool(ended.err), ended)
        return Page(ended.out.decode())

    def run_as_copied(self, page):
        """The page's command in a shell; gives what it printed. It leaves every file as it was."""
        (self.dir / "bin").mkdir(exist_ok=True)
        if not (self.dir / "bin/ringfence").exists():
            (self.dir / "bin/ringfence").symlink_to(pathlib.Path(program.BINARY).resolve())
        before = {path: path.read_bytes() for path in self.dir.rglob("*") if path.is_file()}
        done = subprocess.run(["bash", "-c", page.command()], cwd=self.dir, capture_output=True, check=False, timeout=120,
                              env={**os.environ, "PATH": f"{self.dir / 'bin'}:{os.environ['PATH']}"})
        self.assertEqual(done.returncode, DONE, done)
        self.assertEqual({path: path.read_bytes() for path in self.dir.rglob("*") if path.is_file()}, before)
        return done.stdout.decode()

    # --- what people did -----------------------------------------------------------------------------------------------------------------

    def test_a_released_agent_is_not_shown_as_halted(self):
        context = self.file("context", lines(RELEASE))
        self.judged("--context", context)
        alone = self.page()
        self.assertEqual([alone.calls()[f"c-{i}"][1] for i in (4, 5, 15, 16, 39)], ["observe", "halt", "halt", "not known", "not known"])
        self.assertEqual(alone.calls()["c-16"][0], "")
        self.assertIn('where the findings file says "Released by ada: a wrong list", none is shown', alone.note("judged"))
        self.assertIn("--context FILE", alone.note("judged"))
        self.assertIn("Released by ada: a wrong list", alone.part("containment"))
        known = self.page("--context", context)
        self.assertEqual([known.calls()[f"c-{i}"][1] for i in (5, 15, 16, 39)], ["halt", "halt", "observe", "observe"])
        self.assertEqual(known.note("judged"), "Judged again from the events and the context log that were given.")
        self.assertIn("--context", known.command())

    def test_a_context_log_that_is_none_is_an_error(self):
        self.judged()
        ended = run("report", self.dir / "findings", "--personas", self.personas, "--events", self.events, "--context", self.file("bad", "x\n"),
                    "-o", self.dir / "page.html")
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertFalse((self.dir / "page.html").exists())

    def test_the_page_takes_the_place_of_nothing_it_is_made_of(self):
        self.judged()
        for taken in (self.dir / "findings", self.events, self.dir / "control"):
            before = taken.read_bytes()
            ended = run("report", self.dir / "findings", "--personas", self.personas, "--events", self.events, "--control", self.dir / "control",
                        "-o", taken)
            self.assertEqual((ended.code, taken.read_bytes()), (UNUSABLE, before), ended)

    # --- what others did -----------------------------------------------------------------------------------------------------------------

    def test_what_other_agents_led_to_is_on_the_page(self):
        def act(number, agent, tool, **rest):
            server, name = tool.split("/")
            return event(number, agent={"id": agent, "trust": "verified"}, session={"id": f"of-{agent}"}, tool={"server": server, "name": name},
                         **rest)

        def file(name):
            return {"resource": {"uri": f"files/share/{name}.txt"}}

        story = [act(1, "filer-1", "people/get_record", args={"id": "77"}), act(2, "filer-1", "files/save", **file("plan"))]
        story += [act(3 + i, "filer-2", "files/read", **file(f"older-{i}")) for i in range(30)]
        story += [act(33, "filer-2", "files/read", **file("plan"))]
        story += [act(34 + i, "filer-2", "files/read", **file(f"note-{i}")) for i in range(10)]
        story += [act(44, "filer-2", "mail/send", destination={"host": "mail.elsewhere.example"})]
        events = [self.file("filers.ndjson", lines(*story))]
        self.judged(events=events, personas=program.PERSONAS)
        page = self.page("--uid", self.uid("flow.toxic"), events=events, personas=program.PERSONAS)
        self.assertEqual(page.calls()["c-44"][1], "hold")
        self.assertNotIn("c-1", page.calls(), "the other agent's are not told")
        self.assertEqual(page.note("reproduce-note"), "Tried for this page: it gives this finding.")

    # --- what was published --------------------------------------------------------------------------------------------------------------

    def test_containment_is_what_was_published(self):
        self.judged()
        alone = self.page()
        self.assertNotIn("halt of agent:", alone.part("containment"))
        self.assertIn("tells of no gate that has confirmed", alone.note("containment-note"))
        self.assertIn("halt of agent:default/watched-halt-1: ", self.page("--control", self.dir / "control").part("containment"))
        # The same beyond the limits of a service, signed, and said again under its next claim.
        payload = self.left("control")[0]
        published = next(iter(payload["events"].values()))
        published.update(level="hold", pending="halt", actions=["deny_changes"])
        token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (b"{}", json.dumps(payload).encode(), b"sig"))
        log = self.file("log", lines({"key": "k", "value": token}, {"key": "k", "value": token}, b"no record"))
        page = self.page("--control", log)
        self.assertEqual(page.part("containment").count("hold of agent:default/watched-halt-1, a halt that waits for approval: "), 1)
        self.assertNotIn("halt of agent:", page.part("containment"))
        self.assertIn("whose signatures are not checked here", page.note("containment-note"))
        self.assertIn("1 of its lines are no control records", page.note("containment-note"))
        other = self.page("--control", self.file("empty", ""))
        self.assertIn("No control record of", other.note("containment-note"))

    # --- how to get it again -------------------------------------------------------------------------------------------------------------

    def test_the_command_can_be_copied_whatever_the_names(self):
        self.judged()
        self.file("findings.ndjson", "an original\n")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.dir)  # names as they would be typed
        for name in ("o'brien/ev.nd", "two words/a&b.nd", "line\nbreak.nd", "-first.nd"):
            with self.subTest(name=name):
                self.file(name, self.events.read_bytes())
                self.assertIn("scope.undeclared", self.run_as_copied(self.page(f"--events={name}", events=[])))

    def test_the_command_names_every_file(self):
        parts = [self.file(f"a rather long name of a folder/part {i:03}.ndjson", line) for i, line in
                 enumerate(self.events.read_bytes().splitlines(keepends=True))]
        self.judged(events=parts)
        page = self.page(events=parts)
        self.assertGreater(len(page.command()), 2000)
        self.assertIn("scope.undeclared", self.run_as_copied(page))

    def test_what_was_in_force_is_in_the_command(self):
        self.judged("--assume-gate")
        violated = self.uid("containment.violated")
        without = self.page("--uid", violated)
        self.assertIsNone(without.command())
        self.assertIn("do not lead to this finding", without.note("reproduce-note"))
        page = self.page("--uid", violated, "--assume-gate")
        self.assertIn("containment.violated", self.run_as_copied(page))
        config = self.file("settings of mine.yaml", "internal_hosts: [\"*.corp.example\"]\n")
        self.assertIn("--config", self.page("--uid", self.uid("scope.undeclared"), "--config", config).command())

    def test_without_events_it_says_what_is_to_be_filled_in(self):
        self.judged()
        page = self.page(events=[])
        self.assertIn("Not tried for this page. EVENTS stands for", page.note("reproduce-note"))
        self.assertRegex(page.command(), "^ringfence replay --personas .* EVENTS [|] ringfence explain --finding - --uid rf-")

    # --- by which declaration ------------------------------------------------------------------------------------------------------------

    def test_a_persona_that_was_changed_afterwards_is_told_from_the_findings_own(self):
        personas = program.SOURCE / "config/personas"
        events = [self.file("guessed.ndjson", (personas / "tests/code-guessed-commits.ndjson").read_bytes())]
        self.judged(events=events, personas=personas)
        uid = next(f["finding_info"]["uid"] for f in self.left("findings") if f["metadata"]["event_code"] == "halt")
        own = self.page("--uid", uid, events=events, personas=personas)
        self.assertIn("as the finding was made under it (SHA-256 ", own.note("persona-note"))
        for path in personas.rglob("*"):
            if path.is_file():
                self.file(f"changed/{path.relative_to(personas)}", path.read_bytes())
        maintainer = self.dir / "changed/code-maintainer.yaml"
        maintainer.write_text(re.sub("^tier: 3", "tier: 1", maintainer.read_text(), flags=re.MULTILINE)
                              .replace("job: >-", "job: >-\n  CHANGED AFTERWARDS.", 1))
        words = ("explain", "--finding", self.dir / "findings", "--uid", uid, "--json")
        told = run(*words, "--personas", self.dir / "changed")
        self.assertEqual(told.code, DONE, told)
        self.assertRegex(told.err, b"explain: warning: code-maintainer.yaml: code-maintainer@.* is not as the finding was made under it: .*SHA-256 "
                                   b"[0-9a-f]{64}, the finding's [0-9a-f]{64}.*thresholds are not used\n")
        self.assertEqual(told.out, run(*words).out, "as if no persona had been given")
        page = self.page("--uid", uid, events=events, personas=self.dir / "changed", warned=b"is not as the finding was made under it")
        self.assertIn("CHANGED AFTERWARDS", page.part("persona"))
        self.assertTrue(page.note("persona-note").startswith("Not the text that the finding was made under"), page.note("persona-note"))
        self.assertEqual((page.calls(), page.part("score")), ({}, None))
        self.assertIn("were not judged again", page.note("judged"))
        self.assertIn("--personas PERSONAS", page.command())

    def test_a_persona_that_is_not_there_is_missed(self):
        self.judged()
        self.file("others/reader.yaml", WATCHED.replace("id: watched", "id: reader"))
        page = self.page(personas=self.dir / "others", warned=b"no persona watched@1 is among the files given")
        self.assertIn("Not shown: no persona watched@1", page.note("persona-note"))


if __name__ == "__main__":
    unittest.main()
