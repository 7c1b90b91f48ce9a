# SPDX-License-Identifier: Apache-2.0
"""`validate` on settings: all that a command would refuse, at its place; and whose topics a command acts on."""
import json
import os
import unittest

import program
from program import DONE, NO, PERSONAS, SOURCE, UNUSABLE, run


class Validate(program.Case):
    def test_what_a_command_would_refuse_is_told_at_its_place(self):
        for text, place, words in (
                ('gate:\n  subject: {agnt: "header:x"}\n', "2:13", "unknown name 'agnt' in `gate.subject`; did you mean 'agent'?"),
                ('gate:\n  subject: {agent: "jwt:sub"}\n', "2:13", "`gate.subject` of agent: not one of header:NAME, jwt:/POINTER"),
                ('gate: {subject: {session: "header:x"}}\n', "1:8", "no place says who calls"),
                ('gate: {writers: [engine-*,\n  engine-*-x]}\n', "2:3", "`gate.writers`: expected a name, or a prefix and `*`, found 'engine-*-x'"),
                ('gate: {read_tools: ["*get"]}\n', "1:21", "found '*get'"),
                ('gate: {subject: {agent: "header:x"}}\nask: {tiers: {"5": closed}}\n', "2:15", "`5` is no tier: they are 1 to 4"),
                ('gate: {subject: {agent: "header:x"}}\nask: {tiers: {"4": close}}\n', "2:15", "tier 4: expected closed or open"),
                ('ask: {effects: [delete, transfers]}\n', "1:25", "unknown effect 'transfers' in `ask.effects`; did you mean 'transfer'?"),
                ('ask: {server: cookie}\n', "1:7", "`ask.server`: not one of header:NAME"),
                ('ask: {act: "body:id"}\n', "1:7", "`ask.act`: not one of header:NAME"),
                ('drill: {ask: {g: "http://127.0.0.1:9465/x"}}\n', "1:15", "is not HOST:PORT/PATH"),
                ('drill: {headers: {"x y": z}}\n', "1:19", "a header's name is of letters"),
                ('kafka: {client: {security.protocl: SSL}}\n', "1:18", "unknown property 'security.protocl' in `kafka.client`; did you mean 'security.protocol'?"),
                ('kafka: {client: {security.protocol: SLS}}\n', "1:18", "security.protocol"),
                ('kafka: {client_secret_files: {sasl.pasword: /x}}\n', "1:31", "unknown property 'sasl.pasword' in `kafka.client_secret_files`")):
            with self.subTest(text):
                path = self.file("ringfence.yaml", text)
                ended = run("validate", path)
                self.assertEqual((ended.code, ended.err), (NO, b""), ended)
                line, = ended.out.decode().splitlines()
                self.assertTrue(line.startswith(f"{path}:{place}: "), line)
                self.assertIn(words, line)

    def test_all_is_told_at_once(self):
        path = self.file("ringfence.yaml", 'ask: {server: cookie}\nhttp: {listn: x}\ngate: {read_tools: ["a*b"]}\n')
        ended = run("validate", path)
        self.assertEqual([line.split(":")[1] for line in ended.out.decode().splitlines()], ["1", "2", "3"], ended)
        as_json = json.loads(run("validate", "--json", path).out)
        self.assertEqual((as_json["valid"], len(as_json["diagnostics"])), (False, 3))

    def test_what_is_right_is_valid_and_no_file_is_opened(self):
        text = """kafka: {client: {security.protocol: SASL_SSL, ssl.ca.location: /nowhere/ca.pem, acks_x: y}, client_secret_files: {sasl.password: /nowhere/password}}
gate: {keys_file: /nowhere/keys.json, writers: ["engine-*"], read_tools: ["get_*", list], subject: {agent: "header:x-agent-id", user: "jwt:/sub"}}
ask: {tiers: {"4": closed, "3": open}, server: "header:x-server", act: "body:/id"}
drill: {ask: {edge: "https://edge:9465/envoy"}, ca_file: /nowhere/ca.pem, headers: {X-Agent-Id: "{agent}"}}
"""
        ended = run("validate", self.file("ringfence.yaml", text))
        self.assertEqual(ended.code, NO, ended)
        self.assertIn(b"'acks_x'", ended.out)
        ended = run("validate", self.file("ringfence.yaml", text.replace(", acks_x: y", "")))
        self.assertEqual((ended.code, ended.out), (DONE, b""), ended)

    def test_settings_are_known_by_what_stands_in_them(self):
        ended = run("validate", self.file("gate.yaml", "gate: {read_tools: [\"a*b\"]}\n"))
        self.assertIn(b"gate.yaml:1:21: `gate.read_tools`", ended.out)
        self.assertEqual(ended.code, NO, ended)
        (self.dir / "gate.yaml").unlink()
        for name, text in ("etc/gate.yaml", "gate: {name: edge}\n"), ("etc/ringfence.yaml", "internal_hosts: []\n"):
            self.file(name, text)
        self.assertEqual(run("validate", self.dir / "etc").code, DONE)
        self.file("etc/personas/watched.yaml", program.WATCHED)
        ended = run("validate", self.dir / "etc")
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"etc: 1 personas", ended.out)
        self.file("etc/ringfence.yaml", "internal_host: []\n")
        ended = run("validate", self.dir / "etc")
        self.assertEqual(ended.code, NO, ended)
        self.assertIn(b"did you mean `internal_hosts`?", ended.out)
        self.assertNotIn(b"missing key", run("validate", SOURCE / "config").out)

    def test_what_cannot_be_read_is_no_answer(self):
        os.mkfifo(self.dir / "ringfence.yaml")
        ended = run("validate", self.dir / "ringfence.yaml")
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(b"not a regular file", ended.out)
        (self.dir / "set").mkdir()
        os.mkfifo(self.dir / "set/a.yaml")
        for path in self.dir / "set", self.dir / "set/a.yaml":
            ended = run("validate", path)
            self.assertEqual(ended.code, UNUSABLE, ended)
            self.assertIn(b"not a regular file", ended.out)
            self.assertNotIn(b"no persona file", ended.out)
        self.assertEqual(run("validate", "--lists", self.dir / "none", PERSONAS / "watched-alert.yaml").code, UNUSABLE)


class WithoutKafka(program.Case):
    """Commands with the settings of an installation without Kafka, and a broker at the default address that is somebody else's."""

    def test_nothing_is_looked_for_on_a_cluster(self):
        nobody = 'kafka: {bootstrap: "127.0.0.1:1"}\n'
        files = nobody + 'input: {kind: file, files: [in]}\noutputs: {findings: "file:f", control: "file:c", dead_letter: "file:d"}\n'
        publish, letters, trail = ("publish", PERSONAS), ("deadletter", "show"), ("audit", "export")
        for text, command, place, words in (
                (files, publish, "", b"no service with these settings reads the context topic"),
                (files + "context: {source: topic}\n", publish, ":2:9", b"no service"), (nobody + "context: {source: files}\n", publish, ":2:11", b"SIGHUP"),
                (files, letters, ":3:50", b"writes its dead letters to a file"), (files, ("deadletter", "resend"), ":3:50", b"in place of --config"),
                (files, trail, ":2:9", b"audit.ndjson"), (nobody + 'outputs: {audit: "file:trail"}\n', trail, ":2:11", b"keeps its audit trail in a file")):
            with self.subTest(text=text, command=command):
                config = self.file("ringfence.yaml", text)
                ended = run(*command, "--config", config, timeout=20)
                self.assertEqual(ended.code, UNUSABLE, ended)
                self.assertTrue(ended.err.startswith(f"{config}{place}: ".encode()), ended)
                self.assertIn(words, ended.err)


if __name__ == "__main__":
    unittest.main()
