# SPDX-License-Identifier: Apache-2.0
"""Without Kafka: how many agents may be halted without a person."""
import json

import program
from program import DONE, WATCHED, event, lines, run


class BlastRadius(program.Case):
    def judge(self, *files):
        config = self.file("settings.yaml", json.dumps({
            "input": {"kind": "file", "files": [str(self.dir / name) for name in files]},
            "personas": {"directory": str(self.dir / "personas")}, "state": {"directory": str(self.dir / "state")},
            "outputs": {name: f"file:{self.dir / name}" for name in ("findings", "control", "dead_letter", "audit")},
            "control": {"key_file": str(self.dir / "control.key")}, "http": {"listen": "127.0.0.1:0"}}))
        ended = run("run", "--config", config)
        self.assertEqual(ended.code, DONE, ended)

    def held(self):
        return [row for row in self.left("findings") if row["finding_info"]["analytic"]["uid"] == "containment.blast_radius"]

    def test_a_restart_does_not_narrow_the_share_of_active_agents(self):
        self.file("personas/watched.yaml", WATCHED)
        self.assertEqual(run("keys", "generate", self.dir / "control.key").code, DONE)

        def act(number, agent, tool):
            return event(number, agent={"id": f"watched-{agent}", "trust": "verified"}, tool={"server": "wiki", "name": tool})

        self.file("before", lines(*(act(i, i, "get") for i in range(60)), *(act(60 + i, i, "delete") for i in range(4))))
        self.file("after", lines(*(act(70 + i, 30 + i, "delete") for i in range(3))))
        self.judge("before")
        self.assertEqual(self.held(), [], "four of sixty are less than a tenth")
        self.judge("before", "after")
        self.assertEqual(len(self.held()), 1, "six of sixty may be halted, and no seventh")
