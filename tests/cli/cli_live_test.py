# SPDX-License-Identifier: Apache-2.0
"""What is found while records keep coming: it is to be seen at once, and to be left where the process is killed."""
import contextlib
import itertools
import json
import signal
import subprocess
import time
import urllib.request

import program
from program import DONE, WATCHED, event, lines, run


class Steady(program.Case):
    """Records come more often than a pause, and never stop."""

    def setUp(self):
        super().setUp()
        self.file("personas/watched.yaml", WATCHED)
        self.numbers = itertools.count(1)

    def service(self, source, name):
        config = self.file("settings.yaml", json.dumps({
            "input": source, "personas": {"directory": str(self.dir / "personas")}, "state": {"directory": str(self.dir / "state")},
            "outputs": {name: f"file:{self.dir / name}" for name in ("findings", "control", "dead_letter", "audit")},
            "control": {"key_file": str(self.dir / "control.key")}, "http": {"listen": "127.0.0.1:0"},
            "gate": {"name": name, "listen": "127.0.0.1:0", "state": str(self.dir / "gate"), "keys_file": str(self.dir / "trusted.json"),
                     "acks": f"file:{self.dir / 'acks'}"}}))
        process, told = self.start("run", "--config", config, said=b'"serving"', stdin=subprocess.PIPE if source["kind"] == "stdin" else subprocess.DEVNULL)
        self.port = told["http_port"]
        return process

    def halt(self):
        """A call that halts one more agent."""
        number = next(self.numbers)
        return lines(event(number, agent={"id": f"watched-halt-{number}", "trust": "verified"}, tool={"server": "wiki", "name": "delete"}))

    def feed(self, process, write, until):
        """Writes a call that halts an agent every twentieth of a second until that holds."""
        deadline = time.monotonic() + 60
        while not until():
            self.assertLess(time.monotonic(), deadline, "it did not come about under steady traffic")
            self.assertIsNone(process.returncode)
            write(self.halt())
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)

    def found(self):
        """Whole lines: one may be on its way."""
        return (self.dir / "findings").read_bytes().count(b"\n") if (self.dir / "findings").exists() else 0

    def feed_a_cut(self, process, write):
        """As long as a changed state may wait, and half as long again."""
        self.feed(process, write, lambda: self.found() > 0)
        seen = time.monotonic()
        self.feed(process, write, lambda: time.monotonic() > seen + 1.5)

    def into(self, file):
        def write(record):
            with open(file, "ab") as out:
                out.write(record)
        return write

    def pipe(self, process):
        self.addCleanup(process.stdin.close)

        def write(record):
            process.stdin.write(record)
            process.stdin.flush()
        return write

    def knows(self, agent):
        return run("explain", "--agent", agent, "--state", self.dir / "state", "--personas", self.dir / "personas").code == DONE

    def test_a_service_over_standard_input_writes_as_it_goes(self):
        process = self.service({"kind": "stdin"}, "one")
        self.feed_a_cut(process, self.pipe(process))
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = self.left("findings")
        self.assertTrue(self.knows("watched-halt-1"))
        # What came by standard input comes no second time: the next run keeps what was found, and adds to it.
        process = self.service({"kind": "stdin"}, "one")
        self.feed(process, self.pipe(process), lambda: self.found() > len(before))
        self.assertEqual(self.left("findings")[:len(before)], before)

    def test_a_service_that_follows_a_file_writes_as_it_goes(self):
        file = self.file("in.ndjson", lines(*(event(10_000 + i, agent={"id": "watched-halt-0", "trust": "verified"}) for i in range(400))))
        process = self.service({"kind": "file", "files": [str(file)], "follow": True}, "one")
        self.feed_a_cut(process, self.into(file))
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertTrue(self.knows("watched-halt-1"))
        service = self.service({"kind": "file", "files": [str(file)], "follow": True}, "one")
        self.into(file)(self.halt())
        last = file.read_bytes().splitlines()[-1]
        self.feed(service, lambda _: None, lambda: json.loads(last)["id"].encode() in (self.dir / "findings").read_bytes())
        service.terminate()
        self.assertEqual(service.wait(60), DONE)
        ended = run("replay", "--personas", self.dir / "personas", "--findings", self.dir / "again", file)
        self.assertEqual(ended.code, DONE, ended)
        self.maxDiff = 4000
        own = [f for f in self.left("findings") if f["finding_info"]["analytic"]["uid"] != "containment.blast_radius"]  # a replay halts nobody
        self.assertEqual(own, self.left("again"))

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as page:
            rows = [row.rsplit(" ", 1) for row in page.read().decode().splitlines() if not row.startswith("#")]
        return {name.replace('shard="0",', "").replace('{shard="0"}', ""): float(value) for name, value in rows}

    def test_a_service_over_a_file_counts_what_it_judged_refused_and_wrote(self):
        bare = event(7, agent={"id": "watched-halt-7", "trust": "verified"}, session=None)
        file = self.file("in.ndjson", lines(*(event(i, agent={"id": "watched-halt-0", "trust": "verified"}) for i in (1, 2, 3, 3)), bare,
                                            b"{", b"[]", event(4, kind="dance")) + self.halt())
        self.service({"kind": "file", "files": [str(file)], "follow": True}, "one")
        told = {'ringfence_outputs_total{output="findings"}': 1, 'ringfence_outputs_total{output="control"}': 1,
                'ringfence_outputs_total{output="dead_letter"}': 3, "ringfence_events_total": 6}

        def counted():
            seen = self.metrics()
            return all(seen[name] >= least for name, least in told.items()) and seen["ringfence_flush_age_seconds"] == 0

        self.until(counted)
        seen = self.metrics()
        self.assertEqual(seen["ringfence_events_total"], 6)
        self.assertEqual(seen["ringfence_copies_total"], 1)
        self.assertEqual(sum(v for k, v in seen.items() if k.startswith("ringfence_refused_total")), 3)
        self.assertEqual(sum(v for k, v in seen.items() if k.startswith("ringfence_verdicts_total")), 6)
        self.assertEqual(seen['ringfence_verdicts_total{level="halt"}'], 1)
        self.assertEqual(seen['ringfence_outputs_total{output="dead_letter"}'], 3)
        self.assertEqual(seen['ringfence_outputs_total{output="findings"}'], self.found())
        self.assertGreater(seen['ringfence_outputs_total{output="control"}'], 0)
        self.assertGreaterEqual(seen["ringfence_agents"], 3)
        self.assertGreater(seen["ringfence_state_bytes"], 0)
        self.assertTrue([k for k in seen if k.startswith("ringfence_not_evaluable_total")], sorted(seen))

    def test_a_replay_that_follows_a_file_writes_as_it_goes(self):
        file = self.file("in.ndjson", b"")
        words = ("--personas", self.dir / "personas", "--findings", self.dir / "findings", "--state", self.dir / "state", "--follow", file)
        process = self.start("replay", *words)
        self.feed_a_cut(process, self.into(file))
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertGreater(self.found(), 0)
        self.assertTrue(self.knows("watched-halt-1"))


if __name__ == "__main__":
    program.unittest.main()
