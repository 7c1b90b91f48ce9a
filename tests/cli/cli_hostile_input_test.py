# SPDX-License-Identifier: Apache-2.0
"""What is not an event, or not a file: a clear error each, the rest goes on, nothing lost, nothing printed raw."""
import gzip
import json
import resource
import subprocess
import time
import unittest

import program
from program import DONE, UNREACHABLE, UNUSABLE, event, lines

SMALL_FILES = ("prlimit", "--fsize=100000")


def nested(depth):
    return b'{"x":' * depth + b"1" + b"}" * depth


class Records(program.Case):
    def refuse(self, bad, reason):
        """The bad record between two good ones: it alone is refused, with its line, stage, reason and itself."""
        ended = self.replay(stdin=lines(event(1), bad, event(2)))
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual([v["id"] for v in self.left("verdicts")], ["c-1", "c-2"], ended)
        (letter,) = self.left("dead")
        self.assertEqual((letter["line"], letter["reason"]), (2, reason), letter)
        self.assertTrue(letter["stage"])
        self.assertIn(f"{reason} 1", ended.err.decode())
        return letter

    def test_truncated(self):
        self.refuse(b'{"v":1,"kind":"tool_call","id":', "invalid_json")

    def test_invalid_json_at_all(self):
        self.refuse(b"hello", "invalid_json")

    def test_invalid_utf8(self):
        letter = self.refuse(json.dumps(event(9)).encode().replace(b"c-9", b"c-\xff\xfe"), "invalid_utf8")
        self.assertIn("record_base64", letter)

    def test_cut_utf8(self):
        self.refuse(json.dumps(event(9)).encode().replace(b"c-9", b"c-\xe2\x82"), "invalid_utf8")

    def test_nul_bytes(self):
        self.refuse(b"\0" * 64, "invalid_json")

    def test_lone_surrogate(self):
        self.refuse(json.dumps(event(9)).encode().replace(b"c-9", b"c-\\ud800"), "invalid_utf8")

    def test_duplicate_key(self):
        self.refuse(json.dumps(event(9)).encode().replace(b'{"v": 1,', b'{"v": 1, "v": 1,'), "duplicate_field")

    def test_duplicate_key_inside_the_agent(self):
        self.refuse(json.dumps(event(9)).encode().replace(b'"agent": {', b'"agent": {"id": "watched-alert-2", '), "duplicate_field")

    def test_depth_of_33(self):
        self.refuse(json.dumps(event(9))[:-1].encode() + b',"result":' + nested(33) + b"}", "too_deep")

    def test_depth_of_100000(self):
        self.refuse(json.dumps(event(9))[:-1].encode() + b',"result":' + nested(100_000) + b"}", "too_deep")

    def test_record_of_2_mib_is_named_by_its_hash(self):
        bad = json.dumps(event(9, result=["x" * 60_000] * 35)).encode()
        self.assertGreater(len(bad), 2 << 20)
        letter = self.refuse(bad, "too_large")
        self.assertEqual((letter["size"], len(letter["record"]), len(letter["sha256"])), (len(bad), 64 << 10, 64))

    def test_string_over_64_kib(self):
        self.refuse(event(9, args={"x": "y" * (65 << 10)}), "string_too_long")

    def test_number_without_bounds(self):
        self.refuse(json.dumps(event(9))[:-1].encode() + b',"cost_usd":1e400}', "out_of_range")

    def test_number_without_bounds_among_arguments_is_text(self):
        ended = self.replay(stdin=lines(json.dumps(event(1))[:-1].encode() + b',"args":{"n":1e400}}'))
        self.assertEqual((ended.code, len(self.left("verdicts")), self.reasons()), (DONE, 1, []), ended)

    def test_negative_size(self):
        self.refuse(event(9, bytes={"request": -1}), "out_of_range")

    def test_integer_over_63_bits(self):
        self.refuse(json.dumps(event(9))[:-1].encode() + b',"bytes":{"request":9223372036854775808}}', "out_of_range")

    def test_field_that_nobody_names(self):
        """A misspelt field is ignored, and the summary names it."""
        evil = "\x1b[2J\u202e" + "y" * 9000
        records = [event(1, outcme={"status": "ok"}, agent={"id": "watched-alert-1", "trsut": "verified"}), event(2, **{evil: 1}),
                   event(3, source={"product": "gw"}, arg_ids=["nonsense", 7])]
        told = [self.replay("--shards", n, "-", stdin=lines(*records)).err.decode().splitlines() for n in (1, 3)]
        ignored = [line for line in told[0] if line.startswith("ignored")]
        self.assertTrue(ignored[0].startswith('ignored, source -: 2 events (unknown fields 3: "\\u001B[2J\\u202Eyyy'), ignored)
        self.assertTrue(ignored[0].endswith('"\u2026, "agent.trsut", "outcme")'), ignored)
        self.assertEqual(ignored[1:], ["ignored, source gw: 1 events (identifiers and results left out 2)"])
        self.assertEqual(ignored, [line for line in told[1] if line.startswith("ignored")])

    def test_record_of_another_format(self):
        self.refuse({"jsonrpc": "2.0", "method": "tools/call", "source": "mcp"}, "unmapped")

    def test_no_time(self):
        self.refuse(event(9, time=None), "missing_field")

    def test_time_without_offset(self):
        self.refuse(event(9, time="2026-11-18T08:00:00"), "wrong_type")

    def test_other_version(self):
        self.refuse(event(9, v=2), "unsupported_version")

    def test_array_in_place_of_an_event(self):
        self.refuse(b"[1,2,3]", "wrong_type")

    def test_agent_of_a_refused_record_is_a_finding(self):
        self.refuse(event(9, bytes={"request": -1}), "out_of_range")
        found = [f["finding_info"]["analytic"]["uid"] for f in self.left("findings")]
        self.assertIn("feed.refused", found)

    def test_escapes_in_every_identifier(self):
        evil = "\x1b[2J\x1b]0;owned\x07\r\n\x00\x7f\u0085\u009b31m\u202egnp"
        bad = event(1, id="id" + evil, agent={"id": "stranger" + evil, "name": evil}, tenant="t" + evil, session={"id": evil}, user={"id": evil},
                    tool={"server": evil, "name": "delete" + evil}, resource={"uri": evil}, outcome={"status": "denied", "code": evil, "reason": evil})
        known = event(2, tool={"server": "wiki", "name": evil}, resource={"uri": "wiki/" + evil})
        broken = event(3, agent={"id": "broken" + evil}, bytes={"request": -1})
        ended = self.replay("--transcript", "--control", self.dir / "control", "--state", self.dir / "state", stdin=lines(bad, known, broken))
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual(len(self.left("verdicts")), 2)
        self.assertGreater(len(self.left("findings")), 2)
        self.left("control")
        for words in (["deadletter", "show", self.dir / "dead"], ["explain", "--finding", self.dir / "findings"],
                      ["state", "show", "stranger" + evil.replace("\0", ""), "--state", self.dir / "state"]):
            program.run(*words)

    def test_empty_lines_and_carriage_returns(self):
        ended = self.replay(stdin=b"\n\r\n" + json.dumps(event(1)).encode() + b"\r\n\n" + json.dumps(event(2)).encode())
        self.assertEqual((ended.code, len(self.left("verdicts")), self.reasons()), (DONE, 2, []), ended)


class Files(program.Case):
    def test_gzip_bomb_costs_no_memory(self):
        bomb = self.dir / "bomb.ndjson.gz"
        with gzip.open(bomb, "wb", compresslevel=9) as out:
            out.write(lines(event(1)))
            for _ in range(1024):
                out.write(b" " * (1 << 20))
            out.write(b"\n" + lines(event(2)))
        self.assertLess(bomb.stat().st_size, 2 << 20)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        ended = self.replay(bomb)
        self.assertEqual((ended.code, len(self.left("verdicts")), self.reasons()), (DONE, 2, ["too_large"]), ended)
        self.assertLess(max(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, before), 300 << 10)

    def cut(self, name, compressed):
        ended = self.replay(self.file(name, compressed[: len(compressed) * 2 // 3]))
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn("cut archive", ended.err.decode())
        judged = [v["id"] for v in self.left("verdicts")]
        self.assertGreater(len(judged), 100)
        self.assertEqual(judged, [f"c-{i}" for i in range(len(judged))])
        self.assertEqual(self.reasons(), [])

    def many(self):
        return lines(*(event(i) for i in range(3000)))

    def test_cut_gzip(self):
        self.cut("cut.ndjson.gz", gzip.compress(self.many(), 1))

    def test_damaged_gzip(self):
        whole = bytearray(gzip.compress(self.many(), 0))
        whole[len(whole) // 2] ^= 0xFF
        ended = self.replay(self.file("damaged.ndjson.gz", bytes(whole)))
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertGreater(len(self.left("verdicts")), 100)

    def test_what_is_called_gzip_and_is_not(self):
        ended = self.replay(self.file("plain.ndjson.gz", self.many()))
        self.assertEqual(ended.code, UNUSABLE, ended)

    def test_whole_gzip_in_two_members(self):
        half = lines(*(event(i) for i in range(10)))
        rest = lines(*(event(i) for i in range(10, 20)))
        ended = self.replay(self.file("two.ndjson.gz", gzip.compress(half) + gzip.compress(rest)))
        self.assertEqual((ended.code, len(self.left("verdicts"))), (DONE, 20), ended)

    def zstd(self, content):
        try:
            return subprocess.run(["zstd", "-q", "-c"], input=content, capture_output=True, check=True).stdout
        except FileNotFoundError:
            self.skipTest("no zstd program here to write an archive with")

    def test_zstd_whole_and_cut(self):
        varied = lines(*(event(i, args={"x": str(hash((i, "a")) ** 3)}) for i in range(30_000)))
        packed = self.zstd(varied)
        ended = self.replay(self.file("whole.ndjson.zst", packed))
        self.assertEqual((ended.code, len(self.left("verdicts"))), (DONE, 30_000), ended)
        for name in ("verdicts", "dead", "findings"):
            (self.dir / name).unlink()
        self.cut("cut.ndjson.zst", packed)

    def test_directory(self):
        ended = self.replay(self.dir)
        self.assertEqual(ended.code, UNUSABLE, ended)
        self.assertIn("directory", ended.err.decode())

    def test_missing_file_among_others(self):
        ended = self.replay(self.file("good.ndjson", lines(event(1))), self.dir / "missing.ndjson")
        self.assertEqual(ended.code, UNUSABLE, ended)

    def test_full_disk(self):
        content = self.file("many.ndjson", lines(*(event(i, args={"x": "y" * 200}) for i in range(3000))))

        began = time.monotonic()
        ended = self.replay(content, under=("env", "--ignore-signal=XFSZ", *SMALL_FILES))
        self.assertEqual(ended.code, UNREACHABLE, ended)
        self.assertLess(time.monotonic() - began, 30)
        self.assertIn("verdicts", ended.err.decode())
        whole = (self.dir / "verdicts").read_bytes()
        self.assertTrue(whole.endswith(b"\n") or not whole, "a torn line was left")

    def test_full_disk_goes_on_where_it_stopped(self):
        content = self.file("many.ndjson", lines(*(event(i) for i in range(3000))))
        self.replay(content, "--state", self.dir / "state", under=SMALL_FILES)
        ended = self.replay(content, "--state", self.dir / "state")
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual([v["id"] for v in self.left("verdicts")], [f"c-{i}" for i in range(3000)])

    def test_output_that_is_a_full_device(self):
        ended = program.run("replay", "--personas", program.PERSONAS, "--verdicts", "/dev/full", stdin=lines(event(1)))
        self.assertEqual(ended.code, UNREACHABLE, ended)


if __name__ == "__main__":
    unittest.main()
