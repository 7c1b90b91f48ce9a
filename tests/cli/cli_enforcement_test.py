# SPDX-License-Identifier: Apache-2.0
"""What a gate confirms comes back as evidence in a service over files, and a replay by its context log finds the same."""
import datetime
import json
import subprocess
import unittest

from program import DONE, PERSONAS, Case, event, lines, run, written

PAYER = {"id": "payer-1", "trust": "verified"}


def payment(number, **changes):
    return event(number, agent=PAYER, tool={"server": "erp", "name": "supplier.x"}, **changes)


class Enforcement(Case):
    def setUp(self):
        super().setUp()
        key = self.dir / "control.key"
        run("keys", "generate", key)
        (self.dir / "keys.json").write_bytes(run("keys", "show", key).out)
        self.config = self.file("settings.yaml", f"""input: {{kind: stdin}}
personas: {{directory: {PERSONAS}}}
state: {{directory: {self.dir}/state}}
control: {{key_file: {key}, gates: [edge], clock_skew: 0s}}
outputs: {{findings: "file:{self.dir}/findings", control: "file:{self.dir}/control", dead_letter: "file:{self.dir}/letters"}}
gate: {{name: edge, listen: "127.0.0.1:0", state: {self.dir}/gate, keys_file: {self.dir}/keys.json,
       acks: "file:{self.dir}/acks", subject: {{agent: "header:x-agent-id"}}}}
http: {{listen: "127.0.0.1:0"}}
""")

    def started(self, command):
        return self.start(command, "--config", self.config, stdin=subprocess.PIPE)

    def findings(self, name="findings"):
        return written(self.dir / name)

    def found(self, which):
        return lambda: (self.dir / "findings").exists() and any(map(which, self.findings()))

    def test_a_call_that_went_around_the_gate_is_found_live_and_again(self):
        service = self.started("run")
        records = [payment(1)]
        service.stdin.write(lines(records[0]))
        service.stdin.flush()
        self.until(self.found(lambda f: f["finding_info"]["analytic"]["uid"] == "containment.unacked"))
        self.started("gate")
        self.until(self.found(lambda f: f["disposition_id"] == 4 and f["unmapped"]["ringfence"]["gates"][0]["gate"] == "edge"))
        self.until(self.found(lambda f: f["finding_info"]["analytic"]["uid"] == "containment.unacked" and f["activity_id"] == 3))
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        records.append(event(2, agent=PAYER, time=now))
        service.stdin.write(lines(records[1]))
        service.stdin.close()
        self.assertEqual(service.wait(60), DONE)
        mine = [f for f in self.findings() if f["finding_info"]["analytic"]["uid"] not in ("containment.unacked", "gate.stale")]
        self.assertEqual(mine[-1]["finding_info"]["analytic"]["uid"], "containment.violated")
        self.assertEqual(mine[-1]["severity_id"], 5)

        self.file("records", lines(*records).decode())
        ended = run("replay", "--personas", PERSONAS, "--findings", self.dir / "again", "--context", self.dir / "state/context.ndjson",
                    "--shards", "3", self.dir / "records")
        self.assertEqual(ended.code, DONE, ended)

        def without_input(finding):  # the file has another name than standard input
            return {**finding, "unmapped": {"ringfence": {**finding["unmapped"]["ringfence"], "position": None}}}

        self.assertEqual([without_input(f) for f in self.findings("again")], [without_input(f) for f in mine])

        row = json.loads(run("status", "--config", self.config, "--json").out)[0]
        self.assertEqual((row["enforcement"], row["passed_since"], row["gates"][0]["gate"], row["gates"][0]["status"]), ("enforced", 1, "edge", 200))


if __name__ == "__main__":
    unittest.main()
