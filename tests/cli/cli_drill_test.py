# SPDX-License-Identifier: Apache-2.0
"""What a service that is to drill by itself, and a drill by hand, do not start with: every fault at its place in the settings."""
import json

import program
from program import DONE, UNUSABLE, run


class Drills(program.Case):
    def setUp(self):
        super().setUp()
        self.key = self.dir / "control.key"
        self.assertEqual(run("keys", "generate", self.key).code, DONE)

    def settings(self, *drill, keys="trusted.json"):
        return self.file("settings.yaml", "\n".join((
            'kafka: {bootstrap: "127.0.0.1:1"}', "control:", f"  key_file: {self.key}", "gate:", f"  keys_file: {self.dir / keys}",
            f"personas: {{directory: {program.PERSONAS}}}", f"state: {{directory: {self.dir / 'state'}}}", "drill:",
            *("  " + line for line in drill), "")))

    def expect(self, config, *faults, word="run"):
        ended = run(word, "--config", config)
        self.assertEqual(ended.code, UNUSABLE, ended)
        told = ended.err.decode().splitlines()
        self.assertEqual(len(told), len(faults), ended)
        for line, (place, words) in zip(told, faults):
            self.assertTrue(line.startswith(f"{config}{place}: "), line)
            self.assertIn(words, line)

    GOOD = ("every: 1h", 'ask: {edge: "127.0.0.1:9465/envoy/drill"}')

    def test_a_key_that_is_missing_open_to_all_or_not_trusted(self):
        config = self.settings(*self.GOOD)
        self.key.chmod(0o644)
        self.expect(config, (":3:3", "control.key"))
        self.key.unlink()
        self.expect(config, (":3:3", "control.key"))
        run("keys", "generate", self.key)
        self.file("trusted.json", run("keys", "show", self.key, "--writer", "operator").out)
        self.expect(config, (":3:3", "does not trust this key as an engine's"))
        self.file("trusted.json", "{")
        self.expect(config, (":5:3", "trusted keys: not valid JSON"))

    def test_where_and_how_to_ask(self):
        self.expect(self.settings("every: 1h"), (":9:3", "names no gate"))
        bad = self.settings("every: 1h", "ask:", '  edge: "https://edge"', '  other: "127.0.0.1:1/x"', "ca_file: /nowhere/ca.pem")
        faults = ((":11:5", "edge is not HOST:PORT/PATH or https://HOST:PORT/PATH"), (":13:3", "/nowhere/ca.pem holds no certificates"))
        self.expect(bad, *faults)
        self.expect(bad, *faults, word="drill")

    def test_without_a_schedule_a_service_asks_for_none_of_it(self):
        config = self.settings('ask: {edge: "nowhere"}')
        self.file("trusted.json", json.dumps({"keys": []}))
        self.assertEqual(run("run", "--config", config, timeout=300).code, program.UNREACHABLE, "it is the broker that is missing")


if __name__ == "__main__":
    program.unittest.main()
