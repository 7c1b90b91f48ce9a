# SPDX-License-Identifier: Apache-2.0
"""The record of what enforcement did, and whether it is whole."""
import http.client
import json
import subprocess

import program
from cli_operators_test import AGENT, SCOPE
from program import DONE, NO, UNUSABLE, WATCHED, event, lines, run


def forbidden(number):
    return event(number, agent={**AGENT, "id": f"watched-halt-{number}"}, tool={"server": "wiki", "name": "delete"})


class RunningGate:
    """A gate that follows the control file, until the end of the block."""

    def __init__(self, case):
        self.case = case

    def __enter__(self):
        where = self.case.dir
        config = self.case.file("gate.yaml", f'''outputs: {{control: "file:{where}/control"}}
http: {{listen: "127.0.0.1:0"}}
gate: {{listen: "127.0.0.1:0", state: {where}/gate, keys_file: {self.case.trusted}, acks: "file:{where}/acks",
       subject: {{agent: "header:x-agent-id", tenant: "fixed:default"}}}}
''')
        self.process, told = self.case.start("gate", "--config", config, said=b"gate answers")
        self.port = told["port"]
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def denies(self, number):
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        asked.request("GET", "/forward", headers={"x-agent-id": f"watched-halt-{number}", "x-forwarded-method": "POST", "x-forwarded-uri": "/"})
        status = asked.getresponse().status
        asked.close()
        return status == 403

    def status(self, number):
        """What it last said of the halt of an agent."""
        acks = program.written(self.case.dir / "acks")
        mine = [json.loads(ack["value"])["status"] for ack in acks if f"/watched-halt-{number}#" in ack["key"]]
        return mine[-1] if mine else None


class Audit(program.Case):
    def setUp(self):
        super().setUp()
        self.file("personas/watched.yaml", WATCHED)
        self.key = self.new_key("control.key")
        self.trusted = self.trust(self.key)
        self.audit = self.dir / "audit"

    def new_key(self, name):
        self.assertEqual(run("keys", "generate", self.dir / name).code, DONE)
        return self.dir / name

    def trust(self, *keys, writers=("engine-*",), name="trusted.json"):
        """A JWKS of all of them, as gates and verifiers hold it."""
        words = [word for writer in writers for word in ("--writer", writer)]
        parts = [self.file(f"{key.name}.json", run("keys", "show", key, *words).out) for key in keys]
        return self.file(name, run("keys", "merge", *parts).out)

    def settings(self, key=None, follow=False, limits=None):
        return self.file("settings.yaml", json.dumps({
            "input": {"kind": "file", "files": [str(self.dir / "in.ndjson")], "follow": follow},
            "personas": {"directory": str(self.dir / "personas")}, "state": {"directory": str(self.dir / "state")},
            "outputs": {name: f"file:{self.dir / name}" for name in ("findings", "control", "dead_letter", "audit")},
            "control": {"key_file": str(key or self.key), "max_halts_per_minute": 1000, "max_halted_share": 1, **(limits or {})}, "gate": {"keys_file": str(self.trusted)},
            "http": {"listen": "127.0.0.1:0"}}))

    def serve(self, *calls, **settings):
        with open(self.dir / "in.ndjson", "ab") as file:
            file.write(lines(*calls))
        ended = run("run", "--config", self.settings(**settings))
        self.assertEqual(ended.code, DONE, ended)
        return self.records()

    def records(self, file=None):
        return (file or self.audit).read_text().splitlines()

    def own(self, file=None):
        return [json.loads(r)["unmapped"]["ringfence"] for r in self.records(file)]

    def verify(self, records, *more, trusted=None):
        content = records if isinstance(records, bytes) else "".join(r + "\n" for r in records).encode()
        return run("audit", "verify", self.file("checked", content), "--trusted", trusted or self.trusted, *more)

    def test_a_run_leaves_a_whole_chain(self):
        records = self.serve(*map(forbidden, range(4)))
        ended = self.verify(records)
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"6 records, 1 chains: whole", ended.out)
        self.assertEqual([r["kind"] for r in self.own()], ["started"] + ["contained"] * 4 + ["ended"])
        self.assertEqual(self.own()[0]["kid"], json.loads(self.trusted.read_text())["keys"][0]["kid"])

    def test_a_halt_beyond_the_blast_radius_is_on_record_as_a_hold_that_waits(self):
        self.serve(*map(forbidden, range(3)), limits={"max_halts_per_minute": 1})
        held = [r for r in self.own() if r["kind"] == "held_back"]
        self.assertEqual([(r["level"], r["wanted"]) for r in held], [("hold", "halt")] * 2)

    def test_the_first_broken_record_is_named(self):
        records = self.serve(*map(forbidden, range(4)))
        changed = records[:]
        changed[2] = changed[2].replace("watched-halt-1", "watched-halt-9")
        moved = records[:]
        moved[1], moved[2] = moved[2], moved[1]
        for broken, said in ((changed, "checked:3: signature: record 3 of engine-files-audit/"),
                             (records[:1] + records[2:], "checked:2: gap: record 3 of engine-files-audit/"),
                             (moved, "checked:2: gap: record 3 of engine-files-audit/"),
                             (records[:3] + records[2:], "checked:4: order: record 3 of engine-files-audit/"),
                             (records[:5] + [records[5][:200]], "checked:6: unreadable: cut short"),
                             (records[:2] + [""] + records[2:], "checked:3: unreadable: ")):
            ended = self.verify(broken)
            self.assertEqual(ended.code, NO, ended)
            self.assertIn(said.encode(), ended.out)

    def test_a_hostile_file_is_named_and_not_repeated(self):
        for content, said in ((b"\x1b[2J" * 9, b"checked:1: unreadable"), (b"{" * 9_000_000, b"checked:1: unreadable: longer than 64 KiB"),
                              (b"\0" * 100 + b"\n", b"checked:1: unreadable"), (b'{"unmapped":' * 5000 + b"\n", b"checked:1: unreadable")):
            ended = self.verify(content)
            self.assertEqual(ended.code, NO, ended)
            self.assertIn(said, ended.out)
        self.assertEqual(self.verify(b"").code, NO, "an emptied file shows nothing to be whole")

    def test_a_tail_that_is_gone_is_known_by_a_noted_head_and_by_the_next_run(self):
        records = self.serve(forbidden(1), forbidden(2))
        head = self.verify(records).out.decode().splitlines()[0].rsplit(" ", 1)[0]
        self.assertEqual(self.verify(records, "--head", head).code, DONE)
        self.assertEqual(self.verify(records[:2]).code, DONE)
        self.assertIn(b"open", self.verify(records[:2]).out)
        ended = self.verify(records[:2], "--head", head)
        self.assertEqual(ended.code, NO)
        self.assertIn(b"tail: record 4 of ", ended.out)
        self.audit.write_text("".join(r + "\n" for r in records[:2]))
        ended = self.verify(self.serve(forbidden(3)))
        self.assertEqual(ended.code, NO, ended)
        self.assertIn(b"records 3 to 4 of its chain should stand before it", ended.out)
        early = self.verify(records).out.decode().splitlines()[0].rsplit(" ", 1)[0]
        self.assertEqual(self.verify(records[2:]).code, NO, "its beginning is not vouched for")
        self.assertIn(b"2 records", self.verify(records[2:], "--head", self.head_of(records[:2]), "--head", early).out)

    def head_of(self, records):
        return self.verify(records).out.decode().splitlines()[0].rsplit(" ", 1)[0]

    def test_killed_again_and_again_it_goes_on_with_the_same_chain_and_says_everything_once(self):
        # Behind ordinary calls enough that the file is the same one however it grows.
        self.file("in.ndjson", lines(*(event(1000 + i, agent={**AGENT, "id": "watched-halt-0"}) for i in range(400))))
        config = self.settings(follow=True)
        self.file("control", b"")
        number = 0
        for kill in range(8):
            with program.Running("run", "--config", config, stderr=subprocess.DEVNULL) as service:
                for _ in range(1 + kill % 3):
                    number += 1
                    with open(self.dir / "in.ndjson", "ab") as file:
                        file.write(lines(forbidden(number)))
                    # On the control file, and perhaps not on record yet.
                    self.until(lambda wanted=number: self.contained() >= wanted)
                service.kill()
        self.serve()
        ended = self.verify(self.records())
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b" 1 chains: whole", ended.out)
        scopes = [r["scope"] for r in self.own() if r["kind"] == "contained"]
        self.assertEqual(sorted(scopes), sorted(f"agent:default/watched-halt-{i}" for i in range(1, number + 1)))
        self.assertEqual([r["kind"] for r in self.own()].count("started"), 9)

    def contained(self):
        return len({key for record in program.written(self.dir / "control") if (key := record["key"]).startswith("agent:")})

    def test_a_key_rotates_and_the_former_ones_records_stay_good(self):
        self.serve(forbidden(1))
        former, old_trust = self.key, self.trusted
        self.key = self.new_key("next.key")
        self.trusted = self.trust(former, self.key, name="both.json")
        records = self.serve(forbidden(2))
        ended = self.verify(records)
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"6 records, 1 chains: whole", ended.out)
        self.assertEqual(len({r["kid"] for r in self.own() if r["kind"] == "started"}), 2)
        ended = self.verify(records, trusted=old_trust)
        self.assertEqual(ended.code, NO)
        self.assertIn(b"checked:4: unknown key: ", ended.out)
        self.assertEqual(self.verify(records[:3], trusted=old_trust).code, DONE)
        ended = self.verify(records, trusted=self.trust(self.key, name="new.json"))
        self.assertIn(b"checked:1: unknown key: ", ended.out)

    def test_a_gate_follows_a_key_that_rotates_and_refuses_the_one_that_was_removed(self):
        self.serve(forbidden(1))
        former = self.key
        self.key = self.new_key("next.key")
        self.trusted = self.trust(former, self.key, name="both.json")
        with self.gate() as gate:
            self.until(lambda: gate.denies(1))
            self.serve(forbidden(2))
            self.until(lambda: gate.denies(2))
            self.assertTrue(gate.denies(1))
        self.trusted = self.file("new.json", run("keys", "merge", self.trusted, "--without", self.own()[0]["kid"]).out)
        with self.gate() as gate:
            self.until(lambda: gate.denies(1) and gate.denies(2))
            self.serve(forbidden(3), key=former)
            self.until(lambda: gate.status(3) == 401)
            self.assertFalse(gate.denies(3), "the former key speaks no more")
            self.assertTrue(gate.denies(1) and gate.denies(2))
        both = self.trust(former, self.key, name="both.json")
        self.assertEqual(self.verify(self.records(), trusted=both).code, DONE, "what it signed is still good evidence")

    def gate(self):
        return RunningGate(self)

    def test_what_people_command_without_an_engine_is_on_a_record_of_their_own(self):
        self.trusted = self.trust(self.key, writers=("engine-*", "operator"))
        config = self.settings()
        self.file("control", b"")
        words = (SCOPE, "--reason", "strange payments", "--by", "ada", "--config", config)
        self.assertEqual(run("halt", *words).code, DONE)
        self.assertEqual(run("release", "tenant:corp/corp", *words[1:]).code, UNUSABLE, "it takes two people")
        self.assertEqual(run("release", *words).code, DONE)
        people = self.dir / "audit-operator"
        ended = self.verify(self.records(people))
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"3 records, 1 chains: whole", ended.out)
        said = [(r["command"], r["by"], json.loads(line)["status"]) for r, line in zip(self.own(people), self.records(people))]
        self.assertEqual(said, [("halt", "ada", "Success"), ("release", "ada", "Failure"), ("release", "ada", "Success")])
        self.assertEqual(self.verify(self.records(people), trusted=self.trust(self.key, name="engine.json")).code, NO, "not an engine's chain")

    def test_a_tail_of_what_people_commanded_that_is_taken_off_is_named_for_ever(self):
        self.trusted = self.trust(self.key, writers=("engine-*", "operator"))
        config = self.settings()
        self.file("control", b"")
        for word in ("halt", "release"):
            self.assertEqual(run(word, SCOPE, "--reason", "strange payments", "--by", "ada", "--config", config).code, DONE)
        people = self.dir / "audit-operator"
        people.write_bytes(b"".join(people.read_bytes().splitlines(keepends=True)[:-1]))
        ended = run("halt", SCOPE, "--reason", "strange payments", "--by", "ada", "--config", config)
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"record 2 of the chain, which was stored, is not there", ended.err)
        ended = self.verify(self.records(people))
        self.assertEqual(ended.code, NO, ended)
        self.assertIn(b"gap", ended.err + ended.out)

    def test_unreadable(self):
        self.assertEqual(run("audit", "verify", self.dir / "none", "--trusted", self.trusted).code, UNUSABLE)
        self.assertEqual(run("audit", "verify", self.trusted, "--trusted", self.dir / "none").code, UNUSABLE)
        self.assertEqual(self.verify([], "--head", "x").code, UNUSABLE)
        self.assertIn(b"Exit codes", run("audit", "verify", "--help").out)


if __name__ == "__main__":
    program.unittest.main()
