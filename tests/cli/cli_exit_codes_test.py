# SPDX-License-Identifier: Apache-2.0
"""Every row of the exit codes, and that machine output is never mixed with messages."""
import contextlib
import gzip
import json
import os
import pty
import re
import signal
import subprocess
import time
import unittest
import urllib.request

import program
from program import DONE, NO, PERSONAS, UNREACHABLE, UNUSABLE, event, lines, run


class Usage(program.Case):
    def test_wrong_usage(self):
        for words in ([], ["nonsense"], ["replay"], ["replay", "--personas"], ["replay", "--personas", PERSONAS, "--nonsense"], ["keys"], ["state"],
                      ["state", "show"], ["deadletter", "show"], ["validate"], ["validate", "--nonsense"], ["test"], ["explain"], ["run"], ["status"],
                      ["explain", "--finding", "x", "--agent", "y"], ["explain", "--agent", "y"], ["publish"], ["topics"]):
            with self.subTest(words=words):
                ended = run(*words)
                self.assertEqual(ended.code, UNUSABLE, ended)
                self.assertEqual(ended.out, b"", "messages go to standard error")
                self.assertTrue(ended.err)

    def test_unknown_commands_are_named_with_the_nearest(self):
        for words, said in ((["map"], "ringfence: unknown command 'map'\n"), (["vlidate", "x"], "unknown command 'vlidate'; the nearest is 'validate'\n"),
                            (["state", "shwo"], "ringfence state: unknown command 'shwo'; the nearest is 'show'\n"),
                            (["--config", "x"], "ringfence: unknown option '--config'\n"), ([], "A subcommand is required\n")):
            with self.subTest(words=words):
                self.assertIn(said, run(*words).err.decode())

    def test_a_path_that_cannot_be_written_is_wrong_usage_whatever_is_written_there(self):
        for option in ("--state", "--findings", "--control", "--verdicts", "--dead-letter"):
            for path in ("/proc/none/x", self.file("a-file", "x") / "x"):
                with self.subTest(option=option, path=path):
                    ended = run("replay", "--personas", PERSONAS, option, path, stdin=lines(event(1)))
                    self.assertEqual(ended.code, UNUSABLE, ended)
                    self.assertIn(str(path), ended.err.decode())

    def commands(self, *group):
        """Help of every command that does something, by its words."""
        ended = run(*group, "--help")
        self.assertEqual((ended.code, ended.err), (DONE, b""), ended)
        said = ended.out.decode()
        _, below, names = said.partition("Subcommands:\n")
        if not below:
            return {group: said}
        found = {}
        for name in re.findall(r"^  (\S+)", names, re.MULTILINE):
            found |= self.commands(*group, name)
        return found

    def test_every_command_states_its_own_exit_codes(self):
        helps = self.commands()
        self.assertGreater(len(helps), 20)
        for command, said in helps.items():
            with self.subTest(command=command):
                self.assertEqual(said.count("Exit codes: 0"), 1, said)
                self.assertNotIn("internal error", said, "those of the program, not of the command")
        self.assertIn("70 internal error", run("--help").out.decode())

    def test_version(self):
        self.assertEqual(run("--version").code, DONE)

    def test_nothing_is_raw_in_wrong_usage(self):
        for words in (["\x1b[2J"], ["--\x1b[2J"], ["replay", "--personas", PERSONAS, "--\x1b[2J"], ["replay", "--personas", PERSONAS, "--shards", "\x1b[2J"],
                      ["replay", "--personas", PERSONAS, "--from", "\x1b[2J"]):
            with self.subTest(words=words):
                self.assertEqual(run(*words).code, UNUSABLE)

    def test_option_values(self):
        for words in (["--from", "loud"], ["--fail-on", "loud"], ["--speed", "fast"], ["--speed", "-1x"], ["--speed", "0x"], ["--shards", "-1"],
                      ["--context", self.dir / "missing"], ["--config", self.dir / "missing"], ["--lists", self.dir / "missing"], ["--findings", self.dir],
                      ["--state", self.file("a-file", "x")]):
            with self.subTest(words=words):
                ended = run("replay", "--personas", PERSONAS, *words, stdin=lines(event(1)))
                self.assertEqual(ended.code, UNUSABLE, ended)

    def test_nothing_is_raw_in_names_of_files(self):
        evil = self.dir / "e\x1b[2Jvil"
        for words in (["replay", "--personas", PERSONAS, evil], ["replay", "--personas", evil], ["validate", evil], ["test", evil], ["deadletter", "show", evil],
                      ["explain", "--finding", evil], ["keys", "show", evil], ["run", "--config", evil], ["status", "--config", evil],
                      ["state", "show", "a", "--state", evil], ["replay", "--personas", PERSONAS, "--findings", evil / "x"]):
            with self.subTest(words=words):
                self.assertEqual(run(*words).code, UNUSABLE)


class Replay(program.Case):
    def halt(self, number):
        return event(number, tool={"server": "wiki", "name": "delete"})

    def test_standard_output_holds_findings_and_nothing_else(self):
        ended = run("replay", "--personas", PERSONAS, "-", stdin=lines(event(1), self.halt(2), b"{"))
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual([json.loads(line)["class_uid"] for line in ended.out.splitlines()], [2004])
        self.assertIn("refused: invalid_json 1", ended.err.decode())

    def test_fail_on(self):
        for level, code in (("alert", NO), ("halt", NO), ("revoke", DONE)):
            self.assertEqual(run("replay", "--personas", PERSONAS, "--fail-on", level, stdin=lines(self.halt(1))).code, code, level)
        self.assertEqual(run("replay", "--personas", PERSONAS, "--fail-on", "alert", stdin=lines(event(1))).code, DONE)

    def test_highest_code_applies(self):
        cut = self.file("cut.ndjson.gz", gzip.compress(lines(*(self.halt(i) for i in range(3000))), 1)[:-20])
        self.assertEqual(run("replay", "--personas", PERSONAS, "--findings", self.dir / "f", "--fail-on", "alert", cut).code, UNUSABLE)

    def test_what_was_judged_before_the_input_broke_is_told(self):
        cut = self.file("cut.ndjson.gz", gzip.compress(lines(b"{", *(self.halt(i) for i in range(3000))), 1)[:-20])
        ended = self.replay(cut, "--transcript")
        said = ended.err.decode()
        judged = len(self.left("verdicts"))
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn(judged, range(1, 3001))
        for landmark in (f"{judged + 1} records, {judged} events judged", "refused: invalid_json 1", "\nfinding records: halt", "\nagent  ", "\nwatched-alert-1 "):
            self.assertIn(landmark, said)
        self.assertIn("cut archive", said.splitlines()[-1], "the error comes last")

    def test_a_transcript_ends_with_where_everything_lies(self):
        ended = self.replay("--transcript", "--control", self.dir / "control", "--state", self.dir / "state", stdin=lines(event(1)))
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual(ended.err.decode().splitlines()[-1],
                         f"written: findings {self.dir}/findings, control records {self.dir}/control, verdicts {self.dir}/verdicts, "
                         f"dead letters {self.dir}/dead, state {self.dir}/state")

    def test_an_archive_draws_a_bar_too(self):
        packed = self.file("in.ndjson.gz", gzip.compress(lines(*(event(i) for i in range(3000)))))
        screen, terminal = pty.openpty()
        with program.Running("replay", "--personas", PERSONAS, "--findings", self.dir / "f", "--transcript", packed, stderr=terminal) as process:
            os.close(terminal)
            drawn = b""
            with contextlib.suppress(OSError):  # the other end is closed
                while piece := os.read(screen, 65536):
                    drawn += piece
        os.close(screen)
        self.assertEqual(process.returncode, DONE, drawn)
        shares = [int(share) for share in re.findall(rb"(\d+) %  ", drawn)]
        self.assertGreater(len(shares), 10, drawn)
        self.assertEqual(shares, sorted(shares))
        self.assertEqual(shares[-1], 100)

    def test_from(self):
        ended = self.replay("--from", "alert", stdin=lines(event(1), self.halt(2)))
        self.assertEqual((ended.code, [v["id"] for v in self.left("verdicts")]), (DONE, ["c-2"]), ended)

    def test_speed(self):
        self.assertEqual(self.replay("--speed", "60x", stdin=lines(event(1), event(2))).code, DONE)
        self.assertEqual(len(self.left("verdicts")), 2)

    def test_context_takes_effect_behind_its_record(self):
        persona = program.SOURCE / "config/personas"
        agent = {"id": "code-1", "trust": "verified"}
        denied = [event(i, agent=agent, tool={"server": "git", "name": "get_file"}, args={"path": f"x{i}"}, outcome={"status": "denied"},
                        resource={"uri": f"repos/billing-core/x{i}"}) for i in range(40)]
        content = self.file("in.ndjson", lines(*denied))
        outage = {"v": 1, "kind": "context_change", "id": "f", "time": denied[0]["time"], "change": "outage_start", "scope": "server:git"}
        context = self.file("context", lines({"partition": 0, "after": -1, "record": json.dumps(outage)}))
        self.replay(content, personas=persona)
        self.assertIn("alert", [v["level"] for v in self.left("verdicts")])
        ended = run("replay", "--personas", persona, "--context", context, "--fail-on", "alert", content)
        self.assertEqual((ended.code, ended.out), (DONE, b""), ended)
        for bad in (b"{", b'{"after":"x","record":""}\n', b'{"after":-1,"record":"{}"}\n', b"\xff\n"):
            self.assertEqual(run("replay", "--personas", persona, "--context", self.file("bad", bad), content).code, UNUSABLE, bad)

    def test_terminated_and_continued(self):
        content = self.file("in.ndjson", lines(self.halt(0), *(event(i) for i in range(1, 3000))))
        words = ["replay", "--personas", PERSONAS, "--findings", self.dir / "findings", "--verdicts", self.dir / "verdicts", "--state", self.dir / "state", content]
        with program.Running(*words, "--transcript", "--speed", "real", stderr=subprocess.PIPE) as process:
            process.stderr.readline()  # the first act was judged
            process.send_signal(signal.SIGTERM)
            rest = process.stderr.read()
        self.assertEqual(process.returncode, DONE, rest)
        judged = len(self.left("verdicts"))
        self.assertIn(judged, range(1, 3000))
        self.assertIn(b"goes on from here", rest)
        self.assertEqual(run(*words).code, DONE)
        self.assertEqual([v["id"] for v in self.left("verdicts")], [f"c-{i}" for i in range(3000)])

    def test_same_file_twice(self):
        content = self.file("in.ndjson", lines(*(event(i) for i in range(50))))
        ended = self.replay(content, content)
        self.assertEqual((ended.code, len(self.left("verdicts"))), (DONE, 50), ended)
        again = self.replay(content, "--state", self.dir / "state")
        again = self.replay(content, "--state", self.dir / "state")
        self.assertEqual((again.code, len(self.left("verdicts"))), (DONE, 50), again)

    def test_another_file_is_judged_on_the_same_state(self):
        for name, ids in (("a.ndjson", range(0, 5)), ("b.ndjson", range(3, 9))):
            ended = self.replay(self.file(name, lines(*(event(i) for i in ids))), "--state", self.dir / "state")
            self.assertEqual(ended.code, DONE, ended)
        self.assertEqual([v["id"] for v in self.left("verdicts")], [f"c-{i}" for i in range(9)])

    def test_state_that_another_process_holds_or_is_none(self):
        (self.dir / "state").mkdir()
        self.file("state/CURRENT", "nonsense\n")
        self.assertIn(self.replay("--state", self.dir / "state", stdin=b"").code, (UNUSABLE, UNREACHABLE))


class Tools(program.Case):
    def test_dead_letters_go_round(self):
        bad = [b'{"v":1,', b"\xff\xfe", json.dumps(event(7, bytes={"request": -1})).encode(), b'["' + b"x" * (2 << 20) + b'"]']
        self.replay(stdin=lines(event(1), *bad))
        shown = run("deadletter", "show", self.dir / "dead")
        self.assertEqual(shown.code, DONE, shown)
        self.assertIn("stdin:2", shown.out.decode())
        sent = run("deadletter", "resend", self.dir / "dead", raw=True)
        self.assertEqual((sent.code, sent.out), (DONE, b"".join(b + b"\n" for b in bad[:3])), sent)
        self.assertIn("3 records sent back, 1 left out", sent.err.decode())
        empty = json.loads((self.dir / "dead").read_text().splitlines()[0]) | {"record": "", "size": 0}
        (self.dir / "with_empty").write_text(json.dumps(empty) + "\n" + (self.dir / "dead").read_text())
        past = run("deadletter", "resend", self.dir / "with_empty", raw=True)
        self.assertEqual((past.code, past.out), (DONE, sent.out), past)
        self.assertIn("1 left out: they came empty", past.err.decode())
        run("deadletter", "resend", self.dir / "dead", "--reason", "out_of_range", "--to", self.dir / "back")
        self.assertEqual((self.dir / "back").read_bytes(), bad[2] + b"\n")
        self.assertEqual(run("deadletter", "resend", self.dir / "dead", "--to", "/dev/full").code, UNREACHABLE)
        for wrong in (self.dir, self.dir / "missing", self.file("no-letters", "{}\n"), self.file("no-json", "\x1b[2J\n")):
            self.assertEqual(run("deadletter", "show", wrong).code, UNUSABLE, wrong)

    def test_keys(self):
        key = self.dir / "control.key"
        made = run("keys", "generate", key)
        self.assertEqual((made.code, key.stat().st_mode & 0o777), (DONE, 0o600), made)
        jwks = json.loads(run("keys", "show", key).out)
        self.assertEqual(jwks["keys"][0]["kid"], made.out.decode().strip())
        self.assertNotIn("d", jwks["keys"][0])
        before = key.read_bytes()
        self.assertEqual((run("keys", "generate", key).code, key.read_bytes()), (UNUSABLE, before))
        key.chmod(0o644)
        self.assertEqual(run("keys", "show", key).code, UNUSABLE)
        for wrong in (self.dir, self.dir / "missing", self.file("text", "hello")):
            os.chmod(wrong, 0o600) if wrong.is_file() else None
            self.assertEqual(run("keys", "show", wrong).code, UNUSABLE, wrong)

    def service(self, key):
        return self.file("settings.yaml", json.dumps({
            "input": {"kind": "stdin"}, "personas": {"directory": str(PERSONAS)}, "state": {"directory": str(self.dir / "state")},
            "outputs": {name: f"file:{self.dir / name}" for name in ("findings", "control", "dead_letter")}, "control": {"key_file": str(key)},
            "http": {"listen": "127.0.0.1:0"}}))

    def test_service_with_a_key_nobody_can_read(self):
        no_key, open_key, directory = self.file("no.key", "hello"), self.dir / "open.key", self.dir / "directory.key"
        run("keys", "generate", open_key)
        open_key.chmod(0o644)
        directory.mkdir()
        for key in (no_key, open_key, directory):
            ended = run("run", "--config", self.service(key), stdin=lines(event(1)))
            self.assertEqual(ended.code, UNUSABLE, ended)
            self.assertIn(".key", ended.err.decode())

    def test_service_with_a_path_that_cannot_be_written(self):
        settings = json.loads(self.service(self.dir / "control.key").read_text())
        wrong = "/proc/none/x"
        for key, value in (*(("outputs", {**settings["outputs"], name: f"file:{wrong}"}) for name in ("findings", "control", "dead_letter", "audit")),
                           ("state", {"directory": wrong}), ("context", {"log": f"{wrong}"})):
            with self.subTest(key=key, value=value):
                ended = run("run", "--config", self.file("settings.yaml", json.dumps({**settings, key: value})), stdin=b"")
                self.assertEqual(ended.code, UNUSABLE, ended)
                self.assertIn(wrong, ended.err.decode())

    def test_service_tells_what_it_judged_before_its_input_broke(self):
        settings = json.loads(self.service(self.dir / "control.key").read_text())
        cut = self.file("cut.ndjson.gz", gzip.compress(lines(*(event(i) for i in range(3000))), 1)[:-20])
        settings["input"] = {"kind": "file", "files": [str(cut)]}
        settings["log"] = {"format": "json"}
        ended = run("run", "--config", self.file("settings.yaml", json.dumps(settings)))
        self.assertEqual(ended.code, UNUSABLE, ended)
        *_, told, error = map(json.loads, ended.err.splitlines())
        self.assertIn(told["events"], range(1, 3001), told)
        self.assertIn("cut archive", error["error"], error)

    def test_a_state_directory_that_a_running_service_holds(self):
        words = ["run", "--config", self.service(self.dir / "control.key")]
        with program.Running(*words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as service:
            while b"serving" not in service.stderr.readline():
                self.assertIsNone(service.poll())
            state = self.dir / "state"
            for asked in (["explain", "--agent", "payer-1", "--state", state, "--personas", PERSONAS], ["state", "show", "payer-1", "--state", state],
                          ["state", "purge", "agent:default/payer-1", "--state", state], ["replay", "--personas", PERSONAS, "--state", state],
                          ["run", "--config", self.dir / "settings.yaml"]):
                with self.subTest(asked=asked):
                    ended = run(*asked)
                    self.assertEqual((ended.code, ended.out), (UNUSABLE, b""), ended)
                    self.assertRegex(ended.err.decode(), "state: another process, such as a running service, holds this state directory|is being written by another process")
                    self.assertNotIn("IO error", ended.err.decode())
            service.stdin.close()
            service.stderr.read()
        self.assertEqual(service.returncode, DONE)

    def test_service_over_files_times_its_decisions(self):
        settings = json.loads(self.service(self.dir / "control.key").read_text())
        settings["log"] = {"format": "json"}
        words = ["run", "--config", self.file("settings.yaml", json.dumps(settings))]
        with program.Running(*words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as service:
            while (told := json.loads(service.stderr.readline())).get("message", told.get("msg")) != "serving":
                self.assertIsNone(service.poll())
            service.stdin.write(lines(*(event(i) for i in range(3))))
            service.stdin.flush()
            metrics, until = {}, time.monotonic() + 60
            while metrics.get("ringfence_events_total") != 3 and time.monotonic() < until:
                with urllib.request.urlopen(f"http://127.0.0.1:{told['http_port']}/metrics", timeout=10) as page:
                    metrics = {m[1]: float(m[2]) for m in re.finditer(r"^(\w+)(?:\{[^}]*\})? (\S+)$", page.read().decode(), re.MULTILINE)}
            service.stdin.close()
            service.stderr.read()
        self.assertEqual(metrics["ringfence_events_total"], 3, metrics)
        self.assertEqual(metrics["ringfence_decision_seconds_count"], 3)
        self.assertGreater(metrics["ringfence_decision_seconds_sum"], 0)

    def test_service_reads_the_files_of_a_directory_in_the_order_of_their_names(self):
        settings = json.loads(self.service(self.dir / "control.key").read_text())
        settings["input"] = {"kind": "file", "files": [str(self.dir / "day")]}
        config = self.file("settings.yaml", json.dumps(settings))
        (self.dir / "day/deeper").mkdir(parents=True)
        ended = run("run", "--config", config)
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn("day: holds no file", ended.err.decode())
        self.file("day/b.ndjson", b"in b\n")
        self.file("day/a.ndjson.gz", gzip.compress(b"in a\n"))
        self.file("day/c.ndjson", b"in c\n")
        self.file("day/.hidden", b"hidden\n")
        self.file("day/deeper/d.ndjson", b"deeper\n")
        ended = run("run", "--config", config)
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual(run("deadletter", "resend", self.dir / "dead_letter", raw=True).out, b"in a\nin b\nin c\n")
        ended = run("replay", "--personas", PERSONAS, self.dir / "day")
        self.assertEqual(ended.code, UNUSABLE, "a replay names its files")

    def test_service_and_status(self):
        key = self.dir / "control.key"
        run("keys", "generate", key)
        ended = run("run", "--config", self.service(key), stdin=lines(event(1, agent={"id": "payer-1", "trust": "verified"}, tool={"server": "erp", "name": "supplier.x"})))
        self.assertEqual((ended.code, ended.out), (DONE, b""), ended)
        board = run("status", "--config", self.dir / "settings.yaml", "--json")
        self.assertEqual((board.code, [(row["state"], row["level"]) for row in json.loads(board.out)]), (DONE, [("contained", "halt")]), board)


if __name__ == "__main__":
    unittest.main()
