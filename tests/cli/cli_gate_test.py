# SPDX-License-Identifier: Apache-2.0
"""`ringfence gate` as an operator starts it: what it refuses to start with, and how it ends."""
import signal
import unittest

import program
from program import Case, DONE, UNUSABLE, run


class Gate(Case):
    def setUp(self):
        super().setUp()
        key = self.dir / "control.key"
        self.assertEqual(run("keys", "generate", key).code, DONE)
        (self.dir / "keys.json").write_bytes(run("keys", "show", key).out)

    def settings(self, **changes):
        """A settings file of a gate that follows a file; `changes` replace settings of its section, None takes one out."""
        section = {"listen": '"127.0.0.1:0"', "state": self.dir / "state", "keys_file": self.dir / "keys.json",
                   "acks": f'"file:{self.dir}/acks.ndjson"', "subject": '{agent: "header:x-agent-id"}', **changes}
        text = f'outputs: {{control: "file:{self.dir}/control.ndjson"}}\nhttp: {{listen: "127.0.0.1:0"}}\ngate:\n'
        text += "".join(f"  {name}: {value}\n" for name, value in section.items() if value is not None)
        return self.file("gate.yaml", text)

    def test_what_it_does_not_start_with(self):
        secret = self.file("secret", "s\n")
        secret.chmod(0o644)
        empty = self.file("empty.json", '{"keys":[]}')
        for changes, words in (({"subject": None}, "no place says who calls"), ({"subject": '{agent: "cookie:x"}'}, "not one of header:NAME"),
                               ({"keys_file": self.dir / "missing"}, "trusted keys"), ({"keys_file": empty}, "holds no key"),
                               ({"fail": "open"}, "static or closed"), ({"tls_certificate": secret}, "come together"),
                               ({"tls_client_ca": secret}, "without TLS"), ({"toolhive_secret_file": secret}, "chmod"),
                               ({"jwks_file": empty}, "jwks_file"), ({"listen": '"203.0.113.1:1"'}, "cannot listen"),
                               ({"heartbeat_age": "1ms"}, "heartbeat_age"), ({"nonsense": "1"}, "nonsense")):
            with self.subTest(changes):
                ended = run("gate", "--config", self.settings(**changes))
                self.assertEqual(ended.code, UNUSABLE, ended)
                self.assertIn(words.encode(), ended.err)
        self.assertEqual(run("gate").code, UNUSABLE)
        self.assertEqual(run("gate", "--config", self.dir / "missing.yaml").code, UNUSABLE)
        self.assertEqual(run("gate", "--config", self.settings(), "--fail", "open").code, UNUSABLE)
        for ended in (run("gate", "--config", self.settings(), "--fail", "closed"), run("gate", "--config", self.settings(fail="closed"))):
            self.assertEqual(ended.code, UNUSABLE, ended)
            self.assertIn(b"needs the control topic", ended.err)
        self.assertEqual(run("gate", "--help").code, DONE)

    def test_what_it_does_not_ask_by(self):
        nobody = f'kafka: {{bootstrap: "127.0.0.1:1"}}\npersonas: {{directory: "{program.PERSONAS}"}}\n'
        on_file, on_topic = self.settings().read_text(), nobody + self.settings().read_text().replace("outputs:", "# outputs:")
        for settings, ask, words in ((on_file, '{tiers: {"4": closed}}', "needs Kafka"), (on_topic, '{tiers: {"4": shut}}', "closed or open"),
                                     (on_topic, '{tiers: {"7": closed}}', "no tier"), (on_topic, '{tiers: {"4": closed}, effects: [pay]}', "unknown effect"),
                                     (on_topic, '{tiers: {"4": closed}, server: cookie}', "ask.server"),
                                     (on_topic, '{tiers: {"4": closed}, deadline: 1h}', "ask.deadline"),
                                     (on_topic.replace("personas:", "# personas:"), '{tiers: {"4": closed}}', "personas")):
            with self.subTest(ask):
                ended = run("gate", "--config", self.file("asking.yaml", f"{settings}ask: {ask}\n"))
                self.assertEqual(ended.code, UNUSABLE, ended)
                self.assertIn(words.encode(), ended.err)

    def test_a_damaged_state_stops_the_start(self):
        config = self.settings()
        (self.dir / "state").mkdir(mode=0o700)
        self.file("state/verified.ndjson", '{"key":7}\n')
        ended = run("gate", "--config", config)
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(b"damaged", ended.err)

    def test_it_serves_until_it_is_told_to_end(self):
        gate, _ = self.start("gate", "--config", self.settings(), said=b"gate answers")
        second = run("gate", "--config", self.settings())
        self.assertEqual(second.code, UNUSABLE, second)
        self.assertIn(b"in use by another gate", second.err)
        gate.send_signal(signal.SIGTERM)
        self.assertEqual(gate.wait(), DONE)


if __name__ == "__main__":
    unittest.main()
