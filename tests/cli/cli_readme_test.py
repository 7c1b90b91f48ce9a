# SPDX-License-Identifier: Apache-2.0
"""The README's transcripts are what the program prints: a block that begins with `$ build/release/ringfence …` or `$ deploy/demo/…` is run after
the demonstration."""
import re
import shlex
import subprocess
import unittest

import program

BLOCK = re.compile(r"^```[a-z]*\n\$ ((?:build/release/ringfence|deploy/demo)[^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def expected(text):
    """What a transcript says, however it is broken into lines; `…` stands for anything left out."""
    return re.compile(".*?".join(r"\s+".join(map(re.escape, piece.split())) for piece in text.split("…")), re.DOTALL)


class Readme(program.Case):
    def test_transcripts(self):
        blocks = BLOCK.findall((program.SOURCE / "README.md").read_text(encoding="utf-8"))
        self.assertGreaterEqual(len(blocks), 4)
        (self.dir / "config").symlink_to(program.SOURCE / "config")
        (self.dir / "out").mkdir()
        self.run_here("build/release/ringfence replay --personas config/personas --state out/state --findings out/findings.ndjson --verdicts out/verdicts.ndjson "
                      "config/fleet/telemetry.ndjson.gz")
        for command, text in blocks:
            with self.subTest(command=command):
                said = self.run_here(command)
                self.assertTrue(expected(text).search(said), f"README:\n{text}\nprinted:\n{said}")

    def run_here(self, words):
        command, *options = shlex.split(words)
        ours = [program.BINARY] if command == "build/release/ringfence" else [program.SOURCE / command, program.BINARY]
        done = subprocess.run([*ours, *options], cwd=self.dir, capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, program.DONE, done.stderr.decode())
        return done.stdout.decode()


if __name__ == "__main__":
    unittest.main()
