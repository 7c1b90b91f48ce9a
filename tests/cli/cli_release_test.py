# SPDX-License-Identifier: Apache-2.0
"""Without Kafka: a halted agent's call is refused at a gate that follows the control file, and goes through again once people have released it."""
import base64
import contextlib
import http.client
import json
import signal
import subprocess

import program
from program import DONE, UNUSABLE, WATCHED, event, lines, run

WHY = ("--reason", "a wrong list", "--by", "ada")


def agent(number):
    return {"id": f"watched-halt-{number}", "trust": "verified"}


def scope(number):
    return f"agent:default/watched-halt-{number}"


class Desk(program.Case):
    """A service that follows a file, and a gate."""
    TIER = 2
    LIMITS = {"max_halts_per_minute": 1000, "max_halted_share": 1}

    def setUp(self):
        super().setUp()
        self.file("personas/watched.yaml", WATCHED.replace("confidence:", f"tier: {self.TIER}\nconfidence:"))
        self.key = self.dir / "control.key"
        self.assertEqual(run("keys", "generate", self.key).code, DONE)
        self.file("trusted.json", run("keys", "show", self.key, "--writer", "engine-*", "--writer", "operator").out)
        self.file("control", b"")
        # Enough that the file is known again however it grows.
        self.file("in.ndjson", lines(*(event(1000 + i, agent=agent(0)) for i in range(400))))
        self.config = self.file("settings.yaml", json.dumps({
            "input": {"kind": "file", "files": [str(self.dir / "in.ndjson")], "follow": True},
            "personas": {"directory": str(self.dir / "personas")}, "state": {"directory": str(self.dir / "state"), "shards": 2},
            "outputs": {name: f"file:{self.dir / name}" for name in ("findings", "control", "dead_letter", "audit")},
            "control": {"key_file": str(self.key), "gates": ["edge"], **self.LIMITS}, "http": {"listen": "127.0.0.1:0"},
            "gate": {"name": "edge", "listen": "127.0.0.1:0", "state": str(self.dir / "gate"), "keys_file": str(self.dir / "trusted.json"),
                     "acks": f"file:{self.dir / 'acks'}", "subject": {"agent": "header:x-agent-id", "tenant": "fixed:default"}}}))
        self.calls = 0

    def serve(self):
        return self.start("run", "--config", self.config, said=b'"serving"')[0]

    def gate(self):
        self.port = self.start("gate", "--config", self.config, said=b"gate answers")[1]["port"]

    def end(self, service, number=signal.SIGTERM):
        service.send_signal(number)
        service.wait(120)
        return service.returncode

    def call(self, number, tool="get"):
        """The agent makes a call, which its gateway reports."""
        self.calls += 1
        with open(self.dir / "in.ndjson", "ab") as file:
            file.write(lines(event(self.calls, agent=agent(number), tool={"server": "wiki", "name": tool})))

    def answer(self, number):
        """What a gateway hears about the agent's next call."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as asked:
            asked.request("GET", "/forward", headers={"x-agent-id": f"watched-halt-{number}", "x-forwarded-method": "POST", "x-forwarded-uri": "/"})
            return asked.getresponse().status

    def halted(self, number):
        self.call(number, "delete")
        self.until(lambda: self.answer(number) == 403)

    def opens(self, number):
        self.until(lambda: self.answer(number) == 200)

    def give(self, word, number, *more, words=WHY):
        return run(word, scope(number), *words, *more, "--config", self.config)

    def board(self, number):
        """Of each writer the state and what gates say."""
        rows = json.loads(run("status", "--config", self.config, "--json").out)
        return {row["writer"]: (row["state"], row["enforcement"], row["level"]) for row in rows if row["scope"] == scope(number)}

    def enforced(self, number):
        self.until(lambda: self.board(number).get("engine-files-0") == ("contained", "enforced", "halt"))

    def own(self, kind):
        records = [line["unmapped"]["ringfence"] for line in program.written(self.dir / "audit")]
        return [record for record in records if record["kind"] == kind]

    def findings(self, name="findings"):
        """Without what a replay has no clock for."""
        rows = program.written(self.dir / name)
        return [row for row in rows if row["finding_info"]["analytic"]["uid"] not in ("containment.unacked", "gate.stale", "containment.blast_radius")]

    def expect_the_same_in_a_replay(self):
        for shards in ("1", "3"):
            ended = run("replay", "--personas", self.dir / "personas", "--findings", self.dir / "again", "--context",
                        self.dir / "state/context.ndjson", "--shards", shards, self.dir / "in.ndjson")
            self.assertEqual(ended.code, DONE, ended)
            self.assertEqual(self.findings("again"), self.findings())

    def expect_a_whole_chain(self):
        ended = run("audit", "verify", self.dir / "audit", "--trusted", self.dir / "trusted.json")
        self.assertEqual(ended.code, DONE, ended)


class Releases(Desk):
    def test_the_way_back_from_a_refused_call(self):
        service = self.serve()
        self.gate()
        self.opens(1)
        self.halted(1)
        self.halted(2)
        self.enforced(1)
        ended = self.give("release", 1)
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"done: its evidence starts at zero, its containments are released and its findings closed", ended.out)
        self.opens(1)
        self.assertEqual(self.answer(2), 403, "of another agent nothing was said")
        self.until(lambda: self.board(1)["engine-files-0"][:2] == ("released", "released"))
        self.assertEqual(self.board(2)["engine-files-0"][0], "contained")
        by = {row["scope"]: row.get("by") for row in json.loads(run("status", "--config", self.config, "--json").out)}
        self.assertEqual((by[scope(1)], by[scope(2)]), ("ada", None), "who answers for the release")
        table = run("status", "--config", self.config).out.decode()
        self.assertRegex(table, rf"(?m)^{scope(1)} +released .* by ada +")
        self.assertIn("1 containments, 1 released, ", table)
        closed = [f for f in self.findings() if f["activity_id"] == 3]
        self.assertIn("Released by ada: a wrong list", json.dumps(closed))
        again = self.give("release", 1)
        self.assertEqual(again.code, UNUSABLE, again)
        self.assertIn(b"nothing changes", again.err)
        self.halted(1)  # judged from zero, and still by its job
        self.assertEqual(self.end(service), DONE)
        self.expect_the_same_in_a_replay()
        self.expect_a_whole_chain()
        self.assertEqual([(r["command"], r["by"]) for r in self.own("command_taken")], [("release", "ada")] * 2)
        self.assertEqual([r["evidence"] for r in self.own("released")], ["set to zero"])

    def test_each_word_of_people_on_the_control_log_is_a_command_of_the_trail(self):
        service = self.serve()
        self.gate()
        self.call(1)
        self.until(lambda: b"done" in self.give("halt", 1).out)
        self.assertEqual(self.give("release", 1).code, DONE)
        self.assertEqual(self.end(service), DONE)
        said = set()
        for line in (self.dir / "control").read_text().splitlines():
            entry = json.loads(line)
            if entry["key"] == f"{scope(1)}#operator":
                payload = entry["value"].split(".")[1]
                said.add(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"])
        self.assertEqual(len(said), 2)
        self.assertLessEqual(said, {line.get("command_uid") for line in program.written(self.dir / "audit")})
        self.assertLessEqual(said, {line.get("command_uid") for line in program.written(self.dir / "audit-operator")})

    def test_a_command_given_while_no_service_runs_is_taken_by_the_next(self):
        service = self.serve()
        self.gate()
        self.halted(1)
        # What it was halted for may not be in any state yet.
        self.end(service, signal.SIGKILL)
        ended = self.give("release", 1)
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"no service is running, the next start takes it", ended.out)
        self.assertEqual(self.answer(1), 403)
        service = self.serve()
        self.opens(1)
        self.assertEqual(self.end(service), DONE)
        self.expect_the_same_in_a_replay()
        self.expect_a_whole_chain()

    def test_killed_anywhere_a_command_takes_effect_once(self):
        self.gate()
        stands_on = {"commands": self.dir / "state/commands.ndjson", "context log": self.dir / "state/context.ndjson",
                     "audit trail": self.dir / "audit", "control log": self.dir / "control"}
        for number, (place, file) in enumerate(stands_on.items(), 1):
            with self.subTest(place=place):
                service = self.serve()
                self.halted(number)
                before = file.read_bytes().count(b"\n") if file.exists() else 0
                asked = program.Running("release", scope(number), *WHY, "--config", self.config, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.until(lambda f=file, b=before: f.exists() and f.read_bytes().count(b"\n") > b)
                self.end(service, signal.SIGKILL)
                asked.wait(60)
                service = self.serve()
                self.opens(number)
                self.end(service, signal.SIGKILL)
        service = self.serve()
        self.halted(9)
        self.assertEqual(self.end(service), DONE)
        self.expect_the_same_in_a_replay()
        self.expect_a_whole_chain()
        for kind in ("command_taken", "command", "released"):
            self.assertEqual(sorted(r["scope"] for r in self.own(kind)), [scope(n) for n in range(1, 5)], kind)

    def test_what_nobody_may_command_changes_nothing(self):
        service = self.serve()
        self.gate()
        self.halted(1)
        commands = self.dir / "state/commands.ndjson"
        self.assertEqual(self.give("release", 1).code, DONE)
        self.opens(1)
        self.halted(1)
        genuine = commands.read_text()
        entry = json.loads(genuine)
        stranger = self.dir / "stranger.key"
        run("keys", "generate", stranger)
        foreign = json.loads(self.config.read_text())
        foreign["control"]["key_file"] = str(stranger)
        self.assertEqual(run("release", scope(1), *WHY, "--config", self.file("foreign.yaml", json.dumps(foreign))).code, UNUSABLE)
        forged = [{**entry, "key": "command/again"}, {**entry, "value": "nothing that anybody signed"},
                  {**entry, "value": entry["value"][:-8] + "AAAAAAAA"}, {"key": "personas", "value": "{}"}]
        with open(commands, "a") as file:
            file.write("".join(json.dumps(f) + "\n" for f in forged) + "no entry\n")
        self.until(lambda: len(self.own("command_passed_over")) == 4)
        # Another file with the same commands in the place of the first.
        commands.rename(self.dir / "former")
        commands.write_text(json.dumps(forged[0]) + "\n" + genuine)
        self.until(lambda: len(self.own("command_passed_over")) == 6)
        self.assertEqual(self.answer(1), 403)
        self.end(service, signal.SIGKILL)
        service = self.serve()
        self.halted(2)
        self.assertEqual(self.answer(1), 403)
        self.assertEqual(len(self.own("command_passed_over")), 6, "said once")
        self.assertEqual(self.give("release", 1).code, DONE)
        self.opens(1)

    def test_halted_by_a_person_and_forgotten(self):
        self.serve()
        self.gate()
        self.call(1)
        self.until(lambda: b"done" in self.give("halt", 1).out)
        self.until(lambda: self.answer(1) == 403)
        ended = run("state", "purge", scope(1), *WHY, "--config", self.config)
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(b"contained: release it first", ended.err)
        self.assertEqual(self.give("release", 1).code, DONE)
        self.opens(1)
        self.assertEqual(run("state", "purge", scope(1), *WHY, "--config", self.config).code, DONE)


class Scopes(Desk):
    """What people have halted within what they release."""

    def rows(self):
        return {(row["scope"], row["writer"]): row for row in json.loads(run("status", "--config", self.config, "--json").out)}

    def command(self, word, scope, *more):
        return run(word, scope, *WHY, *more, "--config", self.config)

    def test_a_release_frees_what_people_have_halted_within_its_scope(self):
        service = self.serve()
        self.gate()
        self.call(1)
        self.until(lambda: b"watched-halt-1" in run("top", "--config", self.config, "--json").out or (self.dir / "findings").exists())
        within = (scope(1), "session:default/watched-halt-1/s-1")
        for each in within:
            self.assertEqual(self.command("halt", each).code, DONE)
        self.assertEqual(self.command("halt", scope(2)).code, DONE)
        self.until(lambda: self.answer(1) == 403)
        ended = self.command("release", "subtree:default/watched-halt-1", "--approver", "grace")
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual([line.split(": ")[0] for line in ended.out.decode().splitlines()],
                         ["release subtree:default/watched-halt-1", *(f"release {each}" for each in within)], ended)
        self.opens(1)
        rows = self.rows()
        self.assertEqual({rows[each, "operator"]["state"] for each in within}, {"released"})
        self.assertEqual(rows[scope(2), "operator"]["state"], "contained", "a sibling's")
        self.assertEqual(self.end(service), DONE)
        self.expect_a_whole_chain()

    def test_what_does_not_wait_is_not_approved(self):
        service = self.serve()
        self.gate()
        self.halted(1)
        self.enforced(1)
        before = self.rows()[scope(1), "engine-files-0"]
        ended = self.give("approve", 1)
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(b"nothing waits for approval there", ended.err)
        self.assertEqual(self.rows()[scope(1), "engine-files-0"], before)
        self.assertEqual(self.end(service), DONE)


class TwoPeople(Desk):
    TIER = 4

    def test_tier_four_takes_two(self):
        self.serve()
        self.gate()
        self.halted(1)
        for more in ((), ("--approver", "ada")):
            ended = self.give("release", 1, *more)
            self.assertEqual(ended.code, UNUSABLE, ended)
            self.assertIn(b"--approver other than", ended.err)
        self.assertEqual(self.answer(1), 403)
        self.assertEqual(self.give("release", 1, "--approver", "grace").code, DONE)
        self.opens(1)


    def test_tier_four_by_what_its_gateway_has_bound_takes_two(self):
        """The name alone does not tell the job: only the engine knows it."""
        stranger = {"id": "stranger-7", "trust": "verified", "persona": "watched"}
        named = "agent:default/stranger-7"

        def command(word, *more):
            return run(word, named, *WHY, *more, "--config", self.config)

        def board():
            return [row["state"] for row in json.loads(run("status", "--config", self.config, "--json").out) if row["scope"] == named]

        service = self.serve()
        with open(self.dir / "in.ndjson", "ab") as file:
            file.write(lines(event(1, agent=stranger)))
        self.until(lambda: b"done" in command("halt").out)
        ended = command("release")
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(b"tier 4 is released only with an approver", ended.err)
        self.assertEqual(board(), ["contained"])
        self.assertEqual(self.end(service), DONE)
        ended = command("release")
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(b"no engine says whether the agent's job is of tier 4", ended.err)
        self.assertEqual(board(), ["contained"])
        self.assertEqual(command("release", "--approver", "grace").code, DONE)
        self.assertEqual(board(), ["released"])

    def test_of_an_agent_that_the_engine_does_not_know_nobody_knows_the_job(self):
        named = "agent:default/nobody-1"

        def command(word, *more):
            return run(word, named, *WHY, *more, "--config", self.config)

        service = self.serve()
        self.assertEqual(command("halt").code, DONE)
        ended = command("release")
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(b"no engine says whether the agent's job is of tier 4", ended.err)
        ended = command("release", "--approver", "grace")
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn(b"published by the writer operator, and so in force", ended.out)
        self.assertEqual(self.end(service), DONE)
        told = [line for line in program.written(self.dir / "audit-operator") if line["unmapped"]["ringfence"].get("command") == "release"]
        self.assertEqual([line["status"] for line in told], ["Failure", "Success"])
        self.assertTrue(all(line["command_uid"].startswith("ctl-") for line in told), "also what was refused, under the name of its command")

    def test_a_release_that_the_engine_does_not_answer_says_that_it_is_stored(self):
        named = "agent:default/stranger-8"

        def command(word):
            return run(word, named, *WHY, "--config", self.config)

        service = self.serve()
        self.assertEqual(command("halt").code, DONE)
        service.send_signal(signal.SIGSTOP)
        try:
            ended = command("release")
        finally:
            service.send_signal(signal.SIGCONT)
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(b"stored, and not answered: engines that take it free what they have contained; what people have contained stays: ", ended.err)
        self.until(lambda: any(taken["scope"] == named and taken["command"] == "release" for taken in self.own("command_taken")))
        rows = json.loads(run("status", "--config", self.config, "--json").out)
        self.assertEqual([row["state"] for row in rows if row["scope"] == named], ["contained"])


class BlastRadius(Desk):
    LIMITS = {"max_halts_per_minute": 1, "max_halted_share": 1}

    def test_what_waits_as_a_hold_goes_out_by_approve(self):
        service = self.serve()
        self.gate()
        self.halted(1)
        self.call(2, "delete")
        self.until(lambda: self.board(2).get("engine-files-0", ("", "", ""))[2] == "hold")
        ended = self.give("approve", 2)
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual(self.board(2)["engine-files-0"][2], "halt")
        self.until(lambda: self.answer(2) == 403)
        self.assertEqual(self.end(service), DONE)
        self.expect_the_same_in_a_replay()


if __name__ == "__main__":
    program.unittest.main()
