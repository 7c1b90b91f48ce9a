# SPDX-License-Identifier: Apache-2.0
"""Which lines of which files were read before: none is passed over, none is judged again."""
import json
import signal

import program
from program import DONE, WATCHED, event, lines, run

BARE = b'{"v":1,"kind":"tool_call","id":"bad","agent":{"id":"watched-1"}}'
# What an exporter may return in a day shows whether a record was counted twice.
EXPORTER = """schema: ringfence/persona/v1
id: exporter
version: "1"
job: Exports the archive.
owner: {team: desk, contact: desk@corp.example}
confidence: reviewed
applies_to: {agents: ["exporter-*"]}
actions:
  - {id: export, tools: ["archive/export"], effect: read}
data: {per_day: {records: {max: 1000}}}
destinations: {external: any}
response: {mode: enforce}
"""


def export(number, day, hour, records):
    return event(number, agent={"id": "exporter-1", "trust": "verified"}, time=f"2026-11-{day}T{hour:02}:00:00Z", session={"id": f"s-{number}"},
                 tool={"server": "archive", "name": "export"}, records={"returned": records})


def read_calls(name, numbers):
    return lines(*(event(i, id=f"{name}{i}", agent={"id": "watched-1", "trust": "verified"}) for i in numbers))


class Inputs(program.Case):
    def setUp(self):
        super().setUp()
        self.file("personas/watched.yaml", WATCHED)
        self.file("personas/exporter.yaml", EXPORTER)

    def replay(self, *words, **rest):
        return super().replay(*words, personas=self.dir / "personas", **rest)

    def continued(self, *files):
        ended = self.replay("--state", self.dir / "state", *files)
        self.assertEqual(ended.code, DONE, ended)
        return ended

    def append(self, path, content):
        with open(path, "ab") as out:
            out.write(content)


class Replays(Inputs):
    def judged(self, name):
        return sum(v["id"].startswith(name) for v in self.left("verdicts"))

    def test_a_small_file_that_grew_is_read_on_from_its_end(self):
        file = self.file("feed.ndjson", lines(export(1, 18, 10, 400), export(2, 18, 11, 400), BARE, export(3, 19, 13, 100)))
        self.continued(file)
        self.append(file, lines(export(4, 19, 14, 100)))
        ended = self.continued(file)
        self.assertIn(b"1 records", ended.err)
        self.assertIn(f"{file}: is read on behind line 4".encode(), ended.err)
        self.assertEqual(len(self.left("verdicts")), 4)
        self.assertEqual(self.reasons(), ["missing_field"])
        self.assertNotIn("hold", [v["level"] for v in self.left("verdicts")])

    def test_two_files_of_one_name_that_begin_alike_are_both_read(self):
        monday = self.file("mon/feed.ndjson", read_calls("a", range(600)))
        tuesday = self.file("tue/feed.ndjson", read_calls("a", range(900)))
        ended = self.replay(monday, tuesday)
        self.assertEqual(self.judged("a"), 900, ended)
        self.assertIn(b"1500 records", ended.err)
        self.continued(monday)
        self.assertIn(b"300 records", self.continued(tuesday).err, "where the second goes on from the first it is read on")
        self.assertEqual(self.judged("a"), 900)

    def test_two_files_that_begin_alike_and_then_differ_are_two(self):
        first = read_calls("a", range(600))
        self.continued(self.file("mon/feed.ndjson", first + read_calls("b", range(600, 1200))))
        ended = self.continued(self.file("tue/feed.ndjson", first + read_calls("c", range(600, 1200))))
        self.assertEqual((self.judged("b"), self.judged("c")), (600, 600), ended)

    def test_a_file_that_a_run_left_out_is_read_when_it_comes_back(self):
        files = {name: self.file(f"{name}.ndjson", read_calls(name, range(300))) for name in "abc"}
        words = ["replay", "--personas", self.dir / "personas", "--findings", self.dir / "findings", "--verdicts", self.dir / "verdicts",
                 "--state", self.dir / "state", "--speed", "real", *files.values()]
        with program.Running(*words, stderr=program.subprocess.PIPE) as process:
            self.until(lambda: (self.dir / "verdicts").exists() and self.left("verdicts"))
            process.send_signal(signal.SIGTERM)
            self.assertIn(b"goes on from here", process.stderr.read())
        self.continued(files["a"], files["c"])
        self.continued(*files.values())
        self.append(files["a"], read_calls("a", range(300, 320)))
        self.append(files["b"], read_calls("b", range(300, 320)))
        self.continued(*files.values())
        self.assertEqual([self.judged(name) for name in "abc"], [320, 320, 300])

    def test_a_file_that_is_named_twice_is_told(self):
        file = self.file("a.ndjson", read_calls("a", range(5)))
        ended = self.replay(file, file)
        self.assertEqual(self.judged("a"), 5)
        self.assertIn(f"{file}: is named once more further on".encode(), ended.err)

    def test_dead_letters_name_their_own_file(self):
        files = [self.file(f"{day}.ndjson", read_calls(day, [1]) + b"{\n") for day in ("mon", "wed")]
        self.replay(*files)
        self.assertEqual([(letter["topic"], letter["line"]) for letter in self.left("dead")], [("mon.ndjson", 2), ("wed.ndjson", 2)])

    def test_findings_of_refused_records_at_one_line_of_two_files_are_two(self):
        def day(number):
            return lines(event(number, time=f"2026-11-{number}T08:00:00Z"), event(number, id="bad", time=None),
                         event(number, id=f"d-{number}", time=f"2026-11-{number}T08:01:00Z"))
        self.replay(self.file("mon.ndjson", day(18)), self.file("wed.ndjson", day(20)))
        found = [f for f in self.left("findings") if f["finding_info"]["analytic"]["uid"] == "feed.refused"]
        self.assertEqual([f["activity_id"] for f in found], [1, 3, 1])
        self.assertEqual(len({f["metadata"]["uid"] for f in found}), 3)
        self.assertEqual(len({f["finding_info"]["uid"] for f in found}), 2)


class Services(Inputs):
    def serve(self, *files):
        names = {name: f"file:{self.dir / name}" for name in ("findings", "control", "dead_letter", "audit")}
        config = self.file("settings.yaml", json.dumps({
            "input": {"kind": "file", "files": [str(f) for f in files], "follow": True}, "personas": {"directory": str(self.dir / "personas")},
            "state": {"directory": str(self.dir / "state"), "flush_age": "100ms"}, "outputs": names,
            "control": {"key_file": str(self.dir / "control.key")}, "http": {"listen": "127.0.0.1:0"},
            "gate": {"name": "edge", "listen": "127.0.0.1:0", "state": str(self.dir / "gate"), "keys_file": str(self.dir / "trusted.json"),
                     "acks": f"file:{self.dir / 'acks'}"}}))
        return self.start("run", "--config", config, said=b'"serving"')[0]

    def stop(self, process):
        process.terminate()
        self.assertEqual(process.wait(60), DONE)

    def halt(self, number):
        return lines(event(number, agent={"id": f"watched-{number}", "trust": "verified"}, tool={"server": "wiki", "name": "delete"}))

    def halted(self):
        return [f["evidences"][0]["uid"] for f in program.written(self.dir / "findings") if f["finding_info"]["analytic"]["uid"] == "scope.undeclared"]

    def reads(self, *numbers):
        self.until(lambda: (self.dir / "findings").exists() and self.halted() == [f"c-{n}" for n in numbers], f"not judged: {numbers}")

    def test_a_feed_that_begins_empty_after_each_rotation_is_read(self):
        feed = self.file("feed.ndjson", b"")
        process = self.serve(feed)
        self.append(feed, read_calls("a", range(4)) + self.halt(5))
        self.reads(5)
        feed.rename(self.dir / "feed.1")
        self.file("feed.ndjson", b"")
        self.assertEqual(process.wait(60), DONE)
        process = self.serve(feed)
        self.append(feed, self.halt(6) + b"garbage\n" + self.halt(7))
        self.reads(5, 6, 7)
        self.stop(process)
        self.assertEqual(len(self.left("dead_letter")), 1)

    def test_a_small_feed_is_not_judged_again_with_each_start(self):
        feed = self.file("feed.ndjson", lines(export(1, 18, 10, 400), export(2, 18, 11, 400), BARE))
        process = self.serve(feed)
        self.append(feed, lines(export(3, 19, 13, 100)) + self.halt(4))
        self.reads(4)
        self.stop(process)
        process = self.serve(feed)
        self.append(feed, self.halt(5))
        self.reads(4, 5)
        self.stop(process)
        self.assertEqual(len(self.left("dead_letter")), 1)
        uids = [f["metadata"]["uid"] for f in self.left("findings")]
        self.assertEqual(len(set(uids)), len(uids))
        self.assertNotIn("exporter-1", {f["unmapped"]["ringfence"]["agent"] for f in self.left("findings")})

    def test_of_several_files_the_last_is_followed_and_those_before_are_read_to_their_ends(self):
        old = self.file("in/18.ndjson", self.halt(1))
        new = self.file("in/19.ndjson", self.halt(2))
        process = self.serve(self.dir / "in")
        self.append(new, self.halt(3))
        self.reads(1, 2, 3)
        self.stop(process)
        self.append(old, self.halt(4))
        process = self.serve(self.dir / "in")
        self.append(new, self.halt(5))
        self.reads(1, 2, 3, 4, 5)
        self.stop(process)


if __name__ == "__main__":
    program.unittest.main()
